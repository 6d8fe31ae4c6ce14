/** The game in the plane: D as a heat map under data, samples and the grid of latents as G bends it. */

import type { ChartDataset, ChartOptions } from 'chart.js';
import { useMemo, useState } from 'preact/hooks';
import type { Look } from '../protocol.js';
import { PICTURES } from './explanations.js';
import { shown } from './numbers.js';
import { Legend, Picture } from './picture.js';
import { axis, Plot } from './plot.js';
import { ramp, type Theme } from './theme.js';

type PlaneLook = Look & { kind: 'plane' };

interface Cell {
  x: number;
  y: number;
  v: number;
}

function heatMap({ range, cells }: PlaneLook, values: Float32Array, theme: Theme): ChartDataset {
  const [low, high] = range;
  const side = (high - low) / cells;
  const data: Cell[] = Array.from(values, (v, i) => ({
    x: low + ((i % cells) + 0.5) * side,
    y: low + (Math.floor(i / cells) + 0.5) * side,
    v,
  }));
  const colour = ramp(theme['is-made'], theme.unsure, theme['is-data']);
  // Half a pixel more, so that no gaps show between cells.
  const size =
    (along: 'width' | 'height') => (context: { chart: { chartArea?: Record<typeof along, number> } }) =>
      (context.chart.chartArea?.[along] ?? 0) / cells + 0.6;
  return {
    type: 'matrix',
    data,
    backgroundColor: ({ raw }: { raw?: Cell }) => colour(raw?.v ?? 0.5),
    borderWidth: 0,
    width: size('width'),
    height: size('height'),
    order: 4,
  } as unknown as ChartDataset;
}

function dots(points: Float32Array, style: object): ChartDataset {
  const data = Array.from({ length: points.length / 2 }, (_, i) => ({
    x: points[2 * i]!,
    y: points[2 * i + 1]!,
  }));
  return { type: 'scatter', data, pointRadius: 2.5, ...style } as ChartDataset;
}

/** The lines of the bent grid, with a gap after each. */
function gridLines({ manifold, manifoldLines }: PlaneLook, theme: Theme): ChartDataset {
  const perLine = manifoldLines === 0 ? 0 : manifold.length / 2 / manifoldLines;
  const data: { x: number; y: number }[] = [];
  for (let line = 0; line < manifoldLines; line++) {
    for (let i = line * perLine; i < (line + 1) * perLine; i++) {
      data.push({ x: manifold[2 * i]!, y: manifold[2 * i + 1]! });
    }
    data.push({ x: Number.NaN, y: Number.NaN });
  }
  return {
    type: 'scatter',
    data,
    showLine: true,
    pointRadius: 0,
    borderColor: `${theme.g}99`,
    borderWidth: 1,
    order: 3,
  } as ChartDataset;
}

/** Mean of the map's cells in which points lie. */
function meanAt({ range: [low, high], cells, discriminator }: PlaneLook, points: Float32Array): number {
  let [sum, count] = [0, 0];
  for (let i = 0; i < points.length; i += 2) {
    const [column, row] = [points[i]!, points[i + 1]!].map((at) =>
      Math.floor(((at - low) / (high - low)) * cells),
    );
    const value =
      column! >= 0 && column! < cells && row! >= 0 ? discriminator[row! * cells + column!] : undefined;
    if (value === undefined) continue;
    sum += value;
    count++;
  }
  return count === 0 ? Number.NaN : sum / count;
}

export function Plane({ look, theme }: { look: PlaneLook; theme: Theme }) {
  const [best, setBest] = useState(false);
  const [bent, setBent] = useState(true);
  const [low, high] = look.range;
  const options = useMemo<ChartOptions>(
    () => ({
      layout: { padding: 1 },
      scales: {
        x: axis(theme, { min: low, max: high, position: 'bottom' }),
        y: axis(theme, { min: low, max: high, position: 'left' }),
      },
    }),
    [theme, low, high],
  );
  const datasets = useMemo(
    () => [
      dots(look.data, { pointBackgroundColor: theme.data, pointBorderWidth: 0, order: 2 }),
      dots(look.generated, {
        pointBackgroundColor: theme.g,
        pointBorderColor: theme.paper,
        pointBorderWidth: 0.75,
        pointStyle: 'triangle',
        pointRadius: 4,
        order: 1,
      }),
      bent ? gridLines(look, theme) : gridLines({ ...look, manifoldLines: 0 }, theme),
      heatMap(look, best ? look.optimal : look.discriminator, theme),
    ],
    [look, theme, best, bent],
  );
  const reading =
    `The divergence is ${shown(look.divergence)} nats; D is ${shown(meanAt(look, look.data))} on average at the data, ` +
    `and ${shown(meanAt(look, look.generated))} at what G makes.`;
  return (
    <Picture title="The game in the plane" explanation={`${PICTURES.plane} ${PICTURES.folded}`}>
      <div class="plane-parts">
        <Plot
          label={`Heat map of ${best ? 'the best D for this G' : 'D'} with points, from ${low} to ${high} on both axes. ${reading}`}
          size="plane"
          type="scatter"
          datasets={datasets}
          options={options}
        />
        <div class="plane-side">
          <div>
            <p>{best ? 'The best D for this G' : 'D'}</p>
            <p class="scale">
              <span>0: made by G</span>
              <span>½</span>
              <span>1: data</span>
            </p>
          </div>
          <Legend
            entries={[
              { mark: 'dot-data', text: 'data' },
              { mark: 'dot-g', text: 'samples of G' },
              ...(bent ? [{ mark: 'grid', text: 'a grid of latents, bent by G' } as const] : []),
            ]}
          />
          <div class="switches">
            <Switch label="Show the bent grid" checked={bent} onChange={setBent} />
            <Switch label="Show the best D instead of D" checked={best} onChange={setBest} />
          </div>
          <p class="reading">{reading}</p>
        </div>
      </div>
    </Picture>
  );
}

interface SwitchProps {
  label: string;
  checked: boolean;
  onChange: (checked: boolean) => void;
}

function Switch({ label, checked, onChange }: SwitchProps) {
  return (
    <label>
      <input type="checkbox" checked={checked} onChange={(event) => onChange(event.currentTarget.checked)} />
      {label}
    </label>
  );
}
