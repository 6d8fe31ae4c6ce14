/** The paper's Figure 1 as it stands: densities and D above, and below them where G takes latents. */

import type { ChartDataset, ChartOptions } from 'chart.js';
import { useMemo } from 'preact/hooks';
import type { Look } from '../protocol.js';
import { PICTURES } from './explanations.js';
import { shown } from './numbers.js';
import { Legend, Picture } from './picture.js';
import { axis, Plot, pairs } from './plot.js';
import type { Theme } from './theme.js';

type LineLook = Look & { kind: 'line' };

/** Room for the numbers at both sides, the same for both charts. */
const SIDE = 44;
/** A part of the highest density under which there counts as being no data. */
const HAS_DATA = 0.02;
/** Under a part of the highest density in both, nothing is known of the best D. */
const KNOWN = 0.002;
/** D as a fraction, where the axis says it. */
const FRACTIONS: Readonly<Record<number, string>> = { 0: '0', 0.5: '½', 1: '1' };

function curves(
  { x, dataDensity, generatorDensity, discriminator, optimal }: LineLook,
  theme: Theme,
): ChartDataset[] {
  const curve = (y: Float32Array, style: object) =>
    ({ type: 'line', data: pairs(x, y), pointRadius: 0, borderWidth: 2.25, ...style }) as ChartDataset;
  const least = KNOWN * dataDensity.reduce((a, b) => Math.max(a, b), 0);
  const known = optimal.map((best, i) =>
    Math.max(dataDensity[i]!, generatorDensity[i]!) < least ? Number.NaN : best,
  );
  return [
    curve(discriminator, { borderColor: theme.d, borderDash: [7, 4], yAxisID: 'probability' }),
    curve(known, { borderColor: theme.d, borderWidth: 1, yAxisID: 'probability' }),
    curve(generatorDensity, {
      borderColor: theme.g,
      area: `${theme.g}26`,
      yAxisID: 'density',
    }),
    curve(dataDensity, { borderColor: theme.data, borderDash: [2, 3], yAxisID: 'density' }),
  ];
}

/** Each arrow is two points and a gap; the head is a triangle at its end. */
function arrowLines({ arrows }: LineLook, theme: Theme): ChartDataset[] {
  const data: { x: number; y: number }[] = [];
  for (let i = 0; i < arrows.length; i += 2) {
    data.push({ x: arrows[i]!, y: 0 }, { x: arrows[i + 1]!, y: 1 }, { x: Number.NaN, y: Number.NaN });
  }
  return [
    {
      type: 'scatter',
      data,
      showLine: true,
      // The heads reach over the axis of x.
      clip: { left: 0, right: 0, top: 6, bottom: 0 },
      borderColor: theme.g,
      borderWidth: 1,
      pointBackgroundColor: theme.g,
      pointBorderWidth: 0,
      pointStyle: 'triangle',
      pointRadius: ({ dataIndex }: { dataIndex: number }) => (dataIndex % 3 === 1 ? 4 : 0),
    } as ChartDataset,
  ];
}

/** D's lowest and highest value where there are data. */
function judgement({ dataDensity, discriminator }: LineLook): string {
  const peak = dataDensity.reduce((a, b) => Math.max(a, b), 0);
  const there = discriminator.filter((_, i) => dataDensity[i]! > HAS_DATA * peak);
  const [low, high] = [Math.min(...there), Math.max(...there)];
  return `where there are data, D is from ${shown(low)} to ${shown(high)}`;
}

export function FigureOne({ look, theme }: { look: LineLook; theme: Theme }) {
  const low = look.x[0]!;
  const high = look.x.at(-1)!;
  // An early p_g may be a spike, which is cut off.
  const top = 1.5 * look.dataDensity.reduce((a, b) => Math.max(a, b), 0);
  const [first, last] = [Math.round(low), Math.round(high)];
  const above = useMemo<ChartOptions>(
    () => ({
      layout: { padding: { top: 6, bottom: 0 } },
      scales: {
        x: axis(theme, { min: first, max: last, hidden: true }),
        density: axis(theme, { min: 0, max: top, title: 'density', position: 'left', width: SIDE }),
        probability: axis(theme, {
          min: 0,
          max: 1,
          title: 'D(x)',
          position: 'right',
          width: SIDE,
          ticks: [0, 0.5, 1],
          format: (value) => FRACTIONS[value] ?? '',
          grid: true,
        }),
      },
    }),
    [theme, first, last, top],
  );
  const below = useMemo<ChartOptions>(
    () => ({
      scales: {
        z: axis(theme, { min: first, max: last, position: 'bottom', title: 'z' }),
        x: axis(theme, { min: first, max: last, position: 'top', title: 'x = G(z)' }),
        y: axis(theme, { min: 0, max: 1, position: 'left', width: SIDE, ticks: [], title: ' ' }),
        right: axis(theme, { min: 0, max: 1, position: 'right', width: SIDE, ticks: [], title: ' ' }),
      },
    }),
    [theme, first, last],
  );
  const densities = useMemo(() => curves(look, theme), [look, theme]);
  const arrows = useMemo(() => arrowLines(look, theme), [look, theme]);
  const reading = `The divergence is ${shown(look.divergence)} nats; ${judgement(look)}.`;
  return (
    <Picture title="Figure 1, live" explanation={`${PICTURES.line} ${PICTURES.arrows}`} reading={reading}>
      <Legend
        entries={[
          { mark: 'data', text: 'p_data, the data' },
          { mark: 'g', text: 'p_g, what G makes' },
          { mark: 'd', text: 'D(x)' },
          { mark: 'best', text: 'the best D for this G: p_data / (p_data + p_g)' },
        ]}
      />
      <Plot
        label={`Line chart of the densities of the data and of G, and of D, over x from ${first} to ${last}. ${reading}`}
        size="figure-one"
        type="line"
        datasets={densities}
        options={above}
      />
      <Plot
        label={`${look.arrows.length / 2} arrows from latents z to G(z): ${arrowsInWords(look)}.`}
        size="arrows"
        type="scatter"
        datasets={arrows}
        options={below}
      />
    </Picture>
  );
}

/** The arrows at a few even places. */
function arrowsInWords({ arrows }: LineLook): string {
  const count = arrows.length / 2;
  const some = [0, 0.25, 0.5, 0.75, 1].map((part) => Math.round(part * (count - 1)));
  return [...new Set(some)].map((i) => `${shown(arrows[2 * i])} to ${shown(arrows[2 * i + 1])}`).join(', ');
}
