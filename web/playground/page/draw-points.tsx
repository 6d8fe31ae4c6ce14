/** Data drawn by hand: by clicking and dragging, or as coordinates in a text field. */

import type { ChartDataset, ChartOptions } from 'chart.js';
import { Chart } from 'chart.js';
import { useEffect, useId, useMemo, useRef, useState } from 'preact/hooks';
import { DRAWN_RANGE, MAX_DRAWN } from '../../../src/train/data/points/drawn.js';
import { counted } from './numbers.js';
import { axis, Plot } from './plot.js';
import { pointsAsText, pointsFromText } from './points-text.js';
import type { Theme } from './theme.js';

export interface DrawPointsProps {
  dimension: 1 | 2;
  points: Float32Array;
  theme: Theme;
  onChange: (points: Float32Array) => void;
}

/** Pixels between two points of one stroke. */
const SPACING = 7;

const isOnPaper = (value: number): boolean => value >= DRAWN_RANGE[0] && value <= DRAWN_RANGE[1];

export function DrawPoints({ dimension, points, theme, onChange }: DrawPointsProps) {
  const id = useId();
  const box = useRef<HTMLDivElement>(null);
  const last = useRef<{ x: number; y: number }>(undefined);
  /** How many numbers there were before each stroke. */
  const strokes = useRef<number[]>([]);
  const [text, setText] = useState(() => pointsAsText(points, dimension));
  const [problem, setProblem] = useState<string>();
  /** What the text field stands for; points drawn otherwise are written into it. */
  const written = useRef(points);
  useEffect(() => {
    if (written.current === points) return;
    written.current = points;
    setText(pointsAsText(points, dimension));
    setProblem(undefined);
  }, [points, dimension]);

  function draw(event: PointerEvent): void {
    const canvas = box.current!.querySelector('canvas')!;
    const bounds = canvas.getBoundingClientRect();
    const at = { x: event.clientX - bounds.left, y: event.clientY - bounds.top };
    const { current } = last;
    if (current !== undefined && Math.hypot(at.x - current.x, at.y - current.y) < SPACING) return;
    last.current = at;
    const { scales } = Chart.getChart(canvas)!;
    const place = [scales.x!.getValueForPixel(at.x)!, scales.y!.getValueForPixel(at.y)!].slice(0, dimension);
    // A stroke may leave the paper.
    if (!place.every(isOnPaper) || points.length / dimension >= MAX_DRAWN) return;
    onChange(Float32Array.from([...points, ...place]));
  }

  function begin(event: PointerEvent): void {
    if (event.button !== 0) return;
    box.current!.setPointerCapture(event.pointerId);
    last.current = undefined;
    strokes.current.push(points.length);
    draw(event);
  }

  /** Takes the last stroke back; without one, the last point. */
  function undo(): void {
    const before = strokes.current.pop();
    onChange(points.slice(0, before !== undefined && before < points.length ? before : -dimension));
  }

  function typed(value: string): void {
    setText(value);
    const read = pointsFromText(value, dimension);
    setProblem(typeof read === 'string' ? read : undefined);
    if (typeof read === 'string') return;
    written.current = read;
    onChange(read);
  }

  const [low, high] = DRAWN_RANGE;
  const options = useMemo<ChartOptions>(
    () => ({
      scales: {
        x: axis(theme, { min: low, max: high, position: 'bottom' }),
        y: axis(theme, { min: low, max: high, position: 'left', hidden: dimension === 1 }),
      },
    }),
    [theme, dimension],
  );
  const datasets = useMemo<ChartDataset[]>(() => {
    const data = Array.from({ length: points.length / dimension }, (_, i) => ({
      x: points[i * dimension]!,
      y: dimension === 1 ? 0 : points[i * dimension + 1]!,
    }));
    const style = {
      pointRadius: dimension === 1 ? 9 : 2.5,
      pointStyle: dimension === 1 ? 'line' : 'circle',
      rotation: 90,
    };
    return [
      {
        type: 'scatter',
        data,
        pointBackgroundColor: theme.data,
        pointBorderColor: theme.data,
        ...style,
      } as ChartDataset,
    ];
  }, [points, dimension, theme]);
  const count = points.length / dimension;
  return (
    <div class="draw">
      <div
        class="drawing"
        ref={box}
        onPointerDown={begin}
        onPointerMove={(event) => event.buttons === 1 && draw(event)}
      >
        <Plot
          label={`${counted(count)} points that you drew`}
          size={dimension === 1 ? 'strip' : 'square'}
          type="scatter"
          datasets={datasets}
          options={options}
        />
      </div>
      <div class="row">
        <button type="button" disabled={count === 0} onClick={undo}>
          Undo
        </button>
        <button type="button" disabled={count === 0} onClick={() => onChange(new Float32Array())}>
          Clear
        </button>
        <span class="hint">
          {counted(count)} of at most {counted(MAX_DRAWN)} points
        </span>
      </div>
      <div class="field">
        <label for={id}>Or as coordinates</label>
        <textarea
          id={id}
          rows={4}
          spellcheck={false}
          value={text}
          aria-invalid={problem !== undefined}
          aria-describedby={`${id}-hint`}
          placeholder={dimension === 1 ? '-1.5\n2' : '-1.5 0.5\n2 -1'}
          onInput={(event) => typed(event.currentTarget.value)}
        />
        <p class="hint" id={`${id}-hint`}>
          Click or drag above, or write one point a line, {dimension === 1 ? 'a number' : 'x and y'} from{' '}
          {low} to {high}; the data are a round Gaussian about each.
        </p>
        {problem === undefined ? null : <p class="wrong">{problem}</p>}
      </div>
    </div>
  );
}
