/** Figure 1 of the 2014 paper as a chart: for each moment the two densities and D, and below them where G takes latents. */

import { CHART_STYLE, type TopLevelSpec } from '../train/report/chart-svg.js';

/** One panel: a moment of the game. */
export interface GamePanel {
  title: string;
  /** In the middle of each cell: the densities p_data and p_g, and D. */
  curves: readonly { x: number; data: number; generator: number; discriminator: number }[];
  /** Latents and where G takes them. */
  arrows: readonly { z: number; x: number }[];
}

const CURVES = { domain: ['p_data', 'p_g', 'D'], range: ['black', '#2ca02c', '#1f77b4'] };
const DASHES = {
  domain: CURVES.domain,
  range: [
    [2, 3],
    [1, 0],
    [7, 4],
  ],
};
const LEGEND = { orient: 'top', symbolSize: 400 } as const;
/** Interval of x and z that is shown. */
const SHOWN = [-4, 4];
const [WIDTH, HEIGHT, ARROW_HEIGHT] = [230, 170, 90];

function curveRows({ curves }: GamePanel) {
  return curves
    .filter(({ x }) => x > SHOWN[0]! && x < SHOWN[1]!)
    .flatMap(({ x, data, generator, discriminator }) => [
      { curve: 'p_data', x, density: data },
      { curve: 'p_g', x, density: generator },
      { curve: 'D', x, probability: discriminator },
    ]);
}

function panelSpec(panel: GamePanel, highest: number, isLast: boolean) {
  const x = { field: 'x', type: 'quantitative', scale: { domain: SHOWN }, axis: null } as const;
  const style = {
    color: { field: 'curve', type: 'nominal', scale: CURVES, title: null, legend: LEGEND },
    strokeDash: { field: 'curve', type: 'nominal', scale: DASHES, title: null, legend: LEGEND },
  } as const;
  const mark = { type: 'line', clip: true, strokeWidth: 2 } as const;
  const rows = curveRows(panel);
  const line = (curves: readonly string[], y: object) => ({
    transform: [{ filter: { field: 'curve', oneOf: [...curves] } }],
    mark,
    encoding: { x, y, ...style },
  });
  const density = {
    field: 'density',
    type: 'quantitative',
    title: 'density',
    scale: { domain: [0, highest] },
  };
  const axis = isLast ? { title: 'D', orient: 'right', values: [0, 0.5, 1] } : null;
  const probability = { field: 'probability', type: 'quantitative', scale: { domain: [0, 1] }, axis };
  const flat = (field: string) => ({ field, type: 'quantitative', scale: { domain: SHOWN } }) as const;
  const level = (datum: number) =>
    ({ datum, type: 'quantitative', scale: { domain: [0, 1] }, axis: null }) as const;
  return {
    spacing: 4,
    vconcat: [
      {
        title: panel.title,
        width: WIDTH,
        height: HEIGHT,
        data: { values: rows },
        layer: [line(['p_data', 'p_g'], density), line(['D'], probability)],
        resolve: { scale: { y: 'independent' } },
      },
      {
        width: WIDTH,
        height: ARROW_HEIGHT,
        data: { values: panel.arrows.filter(({ x: to }) => Math.abs(to) < SHOWN[1]!) },
        layer: [
          {
            mark: { type: 'rule', color: '#555' },
            encoding: {
              x: { ...flat('z'), title: 'z', axis: { tickCount: 5, grid: false } },
              x2: { field: 'x' },
              y: level(0),
              y2: { datum: 0.96 },
            },
          },
          {
            mark: { type: 'point', shape: 'triangle-up', filled: true, size: 28, color: '#555' },
            encoding: {
              x: { ...flat('x'), title: 'x', axis: { orient: 'top', tickCount: 5, grid: false } },
              y: level(0.96),
            },
          },
        ],
        resolve: { axis: { x: 'independent' } },
      },
    ],
  };
}

/** @param panels (a) to (d), side by side */
export function gameChart(panels: readonly GamePanel[]): TopLevelSpec {
  // An early p_g may be a spike, which is cut off.
  const highest = 1.6 * Math.max(...panels[0]!.curves.map(({ data }) => data));
  return {
    ...CHART_STYLE,
    hconcat: panels.map((panel, i) => panelSpec(panel, highest, i === panels.length - 1)),
  } as TopLevelSpec;
}
