/** How the game went so far: D's judgement, both losses, and the divergence, over steps. */

import type { ChartDataset, ChartOptions } from 'chart.js';
import { useMemo } from 'preact/hooks';
import type { Look } from '../protocol.js';
import { type Course, latest, type SeriesName } from './course.js';
import { PICTURES } from './explanations.js';
import { counted, shown } from './numbers.js';
import { Legend, Picture } from './picture.js';
import { axis, Plot, pairs } from './plot.js';
import type { Theme } from './theme.js';

interface CourseProps {
  course: Course;
  /** Of the course, which is changed in place. */
  step: number;
  looks: readonly Look[];
  theme: Theme;
}

/** Steps as short as an axis needs them. */
const short = (step: number): string => (step >= 10_000 ? `${shown(step / 1000)}k` : counted(step));

function scales(theme: Theme, y: { min?: number; max?: number; ticks?: readonly number[] }): ChartOptions {
  return {
    scales: {
      x: axis(theme, { title: 'step', format: short, position: 'bottom' }),
      y: axis(theme, { ...y, position: 'left', grid: true, width: 40 }),
    },
  };
}

function line(x: ArrayLike<number>, y: ArrayLike<number>, style: object): ChartDataset {
  return { type: 'line', data: pairs(x, y), pointRadius: 0, borderWidth: 1.75, ...style } as ChartDataset;
}

export function CourseCharts({ course, step, looks, theme }: CourseProps) {
  const probabilities = useMemo(() => scales(theme, { min: 0, max: 1, ticks: [0, 0.5, 1] }), [theme]);
  const free = useMemo(() => scales(theme, {}), [theme]);
  const fromZero = useMemo(() => scales(theme, { min: 0 }), [theme]);
  const series = (name: SeriesName, style: object) => line(course.steps, course.values[name], style);
  const judgement = useMemo(
    () => [
      series('dReal', { borderColor: theme.data, borderDash: [2, 3] }),
      series('dFake', { borderColor: theme.g }),
    ],
    [course, step, theme],
  );
  const losses = useMemo(
    () => [
      series('dLoss', { borderColor: theme.d, borderDash: [7, 4] }),
      series('gLoss', { borderColor: theme.g }),
    ],
    [course, step, theme],
  );
  const points = looks.filter((look) => look.kind !== 'images');
  const divergence = useMemo(
    () => [
      line(
        points.map((look) => look.step),
        points.map((look) => look.divergence),
        { borderColor: theme.ink },
      ),
    ],
    [looks, theme],
  );
  const now = (name: SeriesName) => shown(latest(course, name));
  const judged = `D(x) is ${now('dReal')}, D(G(z)) is ${now('dFake')}.`;
  const paid = `D’s loss is ${now('dLoss')}, G’s is ${now('gLoss')}.`;
  const apart = `It is ${shown(points.at(-1)?.divergence)} nats; log 2 = 0.69 would be as far apart as can be.`;
  return (
    <div class="courses">
      <Picture title="D’s judgement" explanation={PICTURES.judgement} reading={judged}>
        <Legend
          entries={[
            { mark: 'data', text: 'D(x)' },
            { mark: 'g', text: 'D(G(z))' },
          ]}
        />
        <Plot
          label={`Line chart over steps. ${judged}`}
          size="course"
          type="line"
          datasets={judgement}
          options={probabilities}
        />
      </Picture>
      <Picture title="Losses" explanation={PICTURES.losses} reading={paid}>
        <Legend
          entries={[
            { mark: 'd', text: 'D’s' },
            { mark: 'g', text: 'G’s' },
          ]}
        />
        <Plot
          label={`Line chart over steps. ${paid}`}
          size="course"
          type="line"
          datasets={losses}
          options={free}
        />
      </Picture>
      {points.length === 0 ? null : (
        <Picture title="Divergence" explanation={PICTURES.divergence} reading={apart}>
          <Plot
            label={`Line chart of the divergence over steps. ${apart}`}
            size="course"
            type="line"
            datasets={divergence}
            options={fromZero}
          />
        </Picture>
      )}
    </div>
  );
}
