/** The charts of a run: losses, D's answers, and milliseconds a step. */

import { CHART_STYLE, chartSvg, type TopLevelSpec } from './chart-svg.js';
import type { Bucket, Course, Series } from './course.js';

/** What is drawn in one chart. */
interface ChartEntry {
  title: string;
  /** Of the axis. */
  unit: string;
  series: Readonly<Partial<Record<Series, { label: string; color: string }>>>;
  /** The scale of the axis for what is drawn. */
  scale(values: { lows: number[]; highs: number[]; means: number[] }): object;
  /** A level to compare with. */
  level?: number;
}

const [BLUE, GREEN, GREY] = ['#1f77b4', '#2ca02c', '#555555'];

/** Losses beyond which an axis has to be logarithmic to show anything else. */
const LARGE_LOSS = 30;

const quantile = (values: readonly number[], q: number): number =>
  values.toSorted((a, b) => a - b)[Math.floor(q * (values.length - 1))] ?? 0;

/** A new chart is an entry here. */
export const CHARTS = {
  losses: {
    title: 'Losses',
    unit: 'nats',
    series: { d_loss: { label: 'D', color: BLUE! }, g_loss: { label: 'G', color: GREEN! } },
    scale: ({ lows, highs }) =>
      [...lows, ...highs].some((value) => Math.abs(value) > LARGE_LOSS)
        ? { type: 'symlog' }
        : { zero: false, nice: true },
  },
  answers: {
    title: 'What D answers',
    unit: 'probability',
    series: {
      'D(x)': { label: 'D(x), training images', color: BLUE! },
      'D(G(z))': { label: 'D(G(z)), samples', color: GREEN! },
    },
    scale: () => ({ domain: [0, 1] }),
    level: 0.5,
  },
  speed: {
    title: 'Time of a step',
    unit: 'ms',
    series: { ms: { label: 'ms', color: GREY! } },
    // The first steps, and those beside a checkpoint, may be any number of times as long.
    scale: ({ means, highs }) => ({
      domain: [0, Math.max(1.3 * quantile(means, 0.98), Math.min(1.1 * quantile(highs, 0.9), 1e6), 1e-3)],
    }),
  },
} satisfies Record<string, ChartEntry>;

export type ChartName = keyof typeof CHARTS;

export const CHART_NAMES = Object.keys(CHARTS) as ChartName[];

const SIZE = { width: 760, height: 190 };

function rows(buckets: readonly Bucket[], entry: ChartEntry) {
  return buckets.flatMap(({ first, last, series }) =>
    (Object.entries(entry.series) as [Series, { label: string }][]).flatMap(([name, { label }]) => {
      const range = series[name];
      if (range === undefined) return [];
      const { low, high, sum, count } = range;
      return [{ step: (first + last) / 2, series: label, low, high, mean: sum / count }];
    }),
  );
}

/** Zero and some powers of ten, about eight, for an axis that is logarithmic on both sides. */
function powers(lowest: number, largest: number): number[] {
  const decades = Math.ceil(Math.log10(Math.max(largest, 10)));
  const step = Math.ceil(decades / 6);
  const positive = Array.from({ length: Math.floor(decades / step) }, (_, i) => 10 ** (step * (i + 1)));
  return [...(lowest < -1 ? positive.map((power) => -power) : []), 0, ...positive];
}

/** @param marks steps at which something was noted */
function chartSpec(entry: ChartEntry, { buckets }: Course, marks: readonly number[]): TopLevelSpec {
  const values = rows(buckets, entry);
  const known = Object.values(entry.series);
  const scale = entry.scale({
    lows: values.map(({ low }) => low),
    highs: values.map(({ high }) => high),
    means: values.map(({ mean }) => mean),
  });
  const x = {
    field: 'step',
    type: 'quantitative',
    title: 'step',
    scale: { domain: [0, Math.max(1, buckets.at(-1)?.last ?? 0)], nice: false },
    axis: { tickCount: 8, grid: false },
  };
  const largest = Math.max(0, ...values.flatMap(({ low, high }) => [Math.abs(low), Math.abs(high)]));
  const isSymlog = 'type' in scale;
  const lowest = Math.min(0, ...values.map(({ low }) => low));
  const y = (field: string) => ({
    field,
    type: 'quantitative',
    title: entry.unit,
    scale,
    ...(isSymlog ? { axis: { format: '~g', values: powers(lowest, largest) } } : {}),
  });
  const color = {
    field: 'series',
    type: 'nominal',
    scale: { domain: known.map(({ label }) => label), range: known.map(({ color: range }) => range) },
    legend:
      known.length === 1
        ? null
        : {
            title: null,
            orient: 'top',
            symbolType: 'stroke',
            symbolOpacity: 1,
            symbolStrokeWidth: 3,
            symbolSize: 300,
            labelLimit: 0,
          },
  };
  const rule = (data: object[], encoding: object) => ({
    data: { values: data },
    mark: { type: 'rule', color: '#999', strokeDash: [3, 3] },
    encoding,
  });
  return {
    ...CHART_STYLE,
    ...SIZE,
    layer: [
      rule(
        marks.map((step) => ({ step })),
        { x },
      ),
      ...(entry.level === undefined ? [] : [rule([{}], { y: { datum: entry.level } })]),
      {
        data: { values },
        mark: { type: 'area', opacity: 0.2, clip: true },
        encoding: { x, y: y('low'), y2: { field: 'high' }, color },
      },
      {
        data: { values },
        // A line through one point is none.
        mark: { type: 'line', strokeWidth: 1.5, clip: true, point: buckets.length < 24 },
        encoding: { x, y: y('mean'), color },
      },
    ],
    config: {
      ...CHART_STYLE.config,
      axis: { labelFontSize: 12, titleFontSize: 12 },
      legend: { labelFontSize: 13 },
    },
  } as TopLevelSpec;
}

/**
 * A chart as an SVG file.
 *
 * @param marks steps at which something was noted
 */
export function drawChart(name: ChartName, course: Course, marks: readonly number[] = []): Promise<string> {
  return chartSvg(chartSpec(CHARTS[name], course, marks));
}

/** What a chart shows, for who cannot see it. */
export function chartLabel(name: ChartName, { buckets }: Course): string {
  const { title, unit, series }: ChartEntry = CHARTS[name];
  const parts = (Object.entries(series) as [Series, { label: string }][]).flatMap(([key, { label }]) => {
    const ranges = buckets.flatMap((bucket) => bucket.series[key] ?? []);
    const [first, last] = [ranges[0], ranges.at(-1)];
    if (first === undefined || last === undefined) return [];
    const mean = ({ sum, count }: { sum: number; count: number }) => (sum / count).toPrecision(3);
    return [`${label} from ${mean(first)} to ${mean(last)}`];
  });
  return `${title} in ${unit} by step${parts.length === 0 ? '' : `: ${parts.join('; ')}`}`;
}
