/** How the game went so far: D's judgement, both losses, and the divergence, over steps. */

import type { ChartDataset, ChartOptions } from 'chart.js';
import { useMemo } from 'preact/hooks';
import type { Look } from '../protocol.js';
import { type Course, latest, type SeriesName } from './course.js';
import { PICTURES } from './explanations.js';
import { counted, shown } from './numbers.js';
import { Legend, type LegendEntry, Picture } from './picture.js';
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

interface CurvesProps {
  title: string;
  explanation: string;
  reading: string;
  /** What the chart is of, in its label, where the reading does not say. */
  what?: string;
  entries?: readonly LegendEntry[];
  datasets: readonly ChartDataset[];
  options: ChartOptions;
}

/** One picture: curves over steps, their legend and their present values. */
function Curves({ title, explanation, reading, what = '', entries, datasets, options }: CurvesProps) {
  return (
    <Picture title={title} explanation={explanation} reading={reading}>
      {entries === undefined ? null : <Legend entries={entries} />}
      <Plot
        label={`Line chart ${what}over steps. ${reading}`}
        size="course"
        type="line"
        datasets={datasets}
        options={options}
      />
    </Picture>
  );
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
      <Curves
        title="D’s judgement"
        explanation={PICTURES.judgement}
        reading={judged}
        entries={[
          { mark: 'data', text: 'D(x)' },
          { mark: 'g', text: 'D(G(z))' },
        ]}
        datasets={judgement}
        options={probabilities}
      />
      <Curves
        title="Losses"
        explanation={PICTURES.losses}
        reading={paid}
        entries={[
          { mark: 'd', text: 'D’s' },
          { mark: 'g', text: 'G’s' },
        ]}
        datasets={losses}
        options={free}
      />
      {points.length === 0 ? null : (
        <Curves
          title="Divergence"
          explanation={PICTURES.divergence}
          reading={apart}
          what="of the divergence "
          datasets={divergence}
          options={fromZero}
        />
      )}
    </div>
  );
}
