/** A chart of Chart.js in the page: made once, then given other data, with a name that says what it shows. */

import {
  Chart,
  type ChartConfiguration,
  type ChartDataset,
  type ChartOptions,
  type ChartType,
  LinearScale,
  LineController,
  LineElement,
  type Plugin,
  PointElement,
  type ScaleOptionsByType,
  ScatterController,
} from 'chart.js';
import { MatrixController, MatrixElement } from 'chartjs-chart-matrix';
import { useEffect, useRef } from 'preact/hooks';
import type { Theme } from './theme.js';

/** A curve that has a colour for the area under it. */
export type AreaDataset = ChartDataset & { area?: string };

/** Fills the areas under curves; the library's own plugin for that is larger by far. */
const AREAS: Plugin = {
  id: 'areas',
  beforeDatasetDraw({ ctx, chartArea, data }, { meta, index }) {
    const { area } = data.datasets[index] as AreaDataset;
    const [first, last] = [meta.data[0], meta.data.at(-1)];
    if (area === undefined || first === undefined || last === undefined) return;
    const { left, top, right, bottom } = chartArea;
    ctx.save();
    ctx.beginPath();
    ctx.rect(left, top, right - left, bottom - top);
    ctx.clip();
    ctx.beginPath();
    (meta.dataset as unknown as LineElement).path(ctx);
    ctx.lineTo(last.x, bottom);
    ctx.lineTo(first.x, bottom);
    ctx.fillStyle = area;
    ctx.fill();
    ctx.restore();
  },
};

Chart.register(
  AREAS,
  LinearScale,
  LineController,
  LineElement,
  MatrixController,
  MatrixElement,
  PointElement,
  ScatterController,
);

export interface PlotProps {
  /** What a screen reader says: the kind of chart and its present values. */
  label: string;
  /** Class of the box, which decides the size. */
  size: string;
  type: ChartType;
  /** As many at every drawing. */
  datasets: readonly ChartDataset[];
  /** The same object as long as nothing of it changes. */
  options: ChartOptions;
}

/** What all charts share: no animation and no hovering. */
const SHARED = { animation: false, events: [], maintainAspectRatio: false } satisfies ChartOptions;

/** Curves rise in x, and are numbers already; what is not parsed is taken as sorted. */
const completed = (type: ChartType, options: ChartOptions): ChartOptions => ({
  ...SHARED,
  ...(type === 'line' ? { parsing: false, normalized: true } : {}),
  ...options,
});

export function Plot({ label, size, type, datasets, options }: PlotProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const chart = useRef<Chart>(undefined);
  const shown = useRef<ChartOptions>(undefined);

  useEffect(() => {
    const data = { datasets: datasets.map((dataset) => ({ ...dataset })) };
    const made = new Chart(canvas.current!, {
      type,
      data,
      options: completed(type, options),
    } as ChartConfiguration);
    chart.current = made;
    shown.current = options;
    return () => made.destroy();
  }, [type]);

  useEffect(() => {
    const { current } = chart;
    if (current === undefined) return;
    for (const [i, dataset] of datasets.entries()) Object.assign(current.data.datasets[i]!, dataset);
    if (shown.current !== options) current.options = completed(type, options);
    shown.current = options;
    current.update('none');
  }, [datasets, options]);

  return (
    <div class={`plot ${size}`}>
      <canvas ref={canvas} role="img" aria-label={label} />
    </div>
  );
}

type LinearOptions = ScaleOptionsByType<'linear'>;

export interface AxisOptions {
  min?: number;
  max?: number;
  title?: string;
  position?: 'left' | 'right' | 'top' | 'bottom';
  /** The only ticks; chosen by the library otherwise. */
  ticks?: readonly number[];
  format?: (value: number) => string;
  /** Room of a vertical axis in pixels, so that charts under each other line up. */
  width?: number;
  grid?: boolean;
  hidden?: boolean;
}

/** A linear axis in the page's colours. */
export function axis(theme: Theme, given: AxisOptions): object {
  const { min, max, title, position, ticks, format, width, grid = false, hidden = false } = given;
  const options = {
    type: 'linear',
    display: !hidden,
    // Heat maps would turn the axis round, and make room for half a cell.
    reverse: false,
    offset: false,
    ...(min === undefined ? {} : { min }),
    ...(max === undefined ? {} : { max }),
    ...(position === undefined ? {} : { position }),
    border: { color: theme.rule },
    grid: { display: grid, color: theme.rule, drawTicks: false },
    title: { display: title !== undefined, text: title ?? '', color: theme.muted, font: FONT, padding: 2 },
    ticks: {
      color: theme.muted,
      font: FONT,
      maxTicksLimit: 6,
      maxRotation: 0,
      includeBounds: false,
      padding: 4,
      ...(format === undefined ? {} : { callback: (value: string | number) => format(Number(value)) }),
    },
    ...(ticks === undefined
      ? {}
      : {
          afterBuildTicks(scale: { ticks: object[] }) {
            scale.ticks = ticks.map((value) => ({ value }));
          },
        }),
    ...(width === undefined
      ? {}
      : {
          afterFit(scale: { width: number }) {
            scale.width = width;
          },
        }),
  };
  return options satisfies Partial<Record<keyof LinearOptions, unknown>>;
}

const FONT = { family: 'system-ui, sans-serif', size: 11 };

/** A dataset's points from two arrays. */
export function pairs(x: ArrayLike<number>, y: ArrayLike<number>): { x: number; y: number }[] {
  return Array.from(x, (value, i) => ({ x: value, y: y[i]! }));
}
