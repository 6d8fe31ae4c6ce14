/** The choice of data: a radio button with a small picture for each kind, and what belongs to the chosen one. */

import type { ChartDataset, ChartOptions } from 'chart.js';
import { useMemo } from 'preact/hooks';
import {
  POINT_DISTRIBUTIONS,
  type PointDistributionName,
} from '../../../src/train/data/points/distributions.js';
import type { DataChoice } from '../protocol.js';
import { DrawPoints } from './draw-points.js';
import { CONTROLS } from './explanations.js';
import { ImageFiles } from './image-files.js';
import { axis, Plot, pairs } from './plot.js';
import type { Theme } from './theme.js';

interface DataPickerProps {
  data: DataChoice;
  theme: Theme;
  problem: string | undefined;
  onChange: (data: DataChoice) => void;
}

interface Entry {
  key: string;
  label: string;
  begin: () => DataChoice;
  /** Whether the data are of this entry. */
  is: (data: DataChoice) => boolean;
  preview: PointDistributionName | 'pencil-line' | 'pencil-plane' | 'digits' | 'images';
}

const TOY_LABELS: Record<PointDistributionName, string> = {
  'mixture-1d': 'Two Gaussians on a line',
  'mixture-2d': 'Three Gaussians',
  ring: 'Ring of eight',
  grid: 'Grid of 25',
  spiral: 'Spiral',
};

function toy(name: PointDistributionName): Entry {
  return {
    key: name,
    label: TOY_LABELS[name],
    begin: () => ({ kind: 'points', name }),
    is: (data) => data.kind === 'points' && data.name === name,
    preview: name,
  };
}

function drawn(dimension: 1 | 2): Entry {
  return {
    key: `drawn-${dimension}`,
    label: dimension === 1 ? 'Draw on a line' : 'Draw in the plane',
    begin: () => ({ kind: 'drawn', dimension, points: new Float32Array() }),
    is: (data) => data.kind === 'drawn' && data.dimension === dimension,
    preview: dimension === 1 ? 'pencil-line' : 'pencil-plane',
  };
}

const ENTRIES: readonly Entry[] = [
  ...(Object.keys(TOY_LABELS) as PointDistributionName[]).map(toy),
  drawn(1),
  drawn(2),
  {
    key: 'digits',
    label: 'Digits',
    begin: () => ({ kind: 'digits' }),
    is: ({ kind }) => kind === 'digits',
    preview: 'digits',
  },
  {
    key: 'images',
    label: 'Your own images',
    begin: () => ({ kind: 'images', files: [] }),
    is: ({ kind }) => kind === 'images',
    preview: 'images',
  },
];

/** Points of a preview. */
const PREVIEW = 220;

function ToyPreview({ name, theme }: { name: PointDistributionName; theme: Theme }) {
  const { dimension, range, density, sample } = POINT_DISTRIBUTIONS[name];
  const flat = dimension === 1;
  const datasets = useMemo<ChartDataset[]>(() => {
    const [low, high] = range;
    if (flat) {
      const x = Array.from({ length: 80 }, (_, i) => low + ((i + 0.5) / 80) * (high - low));
      const data = pairs(
        x,
        x.map((at) => density([at])),
      );
      const style = { borderColor: theme.data, borderWidth: 1.5, pointRadius: 0, area: theme.rule };
      return [{ type: 'line', data, ...style } as ChartDataset];
    }
    const points = sample({ seed: 1, start: 0, count: PREVIEW });
    const data = Array.from({ length: PREVIEW }, (_, i) => ({ x: points[2 * i]!, y: points[2 * i + 1]! }));
    return [
      {
        type: 'scatter',
        data,
        pointRadius: 1,
        pointBorderWidth: 0,
        pointBackgroundColor: theme.data,
      } as ChartDataset,
    ];
  }, [name, theme]);
  const options = useMemo<ChartOptions>(() => {
    const [min, max] = range;
    return {
      layout: { padding: 3 },
      scales: {
        x: axis(theme, { min, max, hidden: true }),
        y: axis(theme, flat ? { min: 0, hidden: true } : { min, max, hidden: true }),
      },
    };
  }, [name, theme]);
  return <Plot label="" size="preview" type="scatter" datasets={datasets} options={options} />;
}

/** Small drawings of what has no distribution. */
const SKETCHES: Readonly<Record<string, string>> = {
  'pencil-line': 'M6 30h36M12 26v8M17 26v8M20 26v8M31 26v8M34 26v8M38 26v8',
  'pencil-plane': 'M10 34c2-14 8-22 15-18s-2 15 5 16 8-8 9-18',
  digits: 'M15 13a5 6 0 1 0 1 11a6 6 0 1 0-1-11M32 12l4-2v26M30 36h11',
  images: 'M9 12h30v24H9zM9 32l9-9 7 7 5-4 9 8M31 20a2 2 0 1 0 .1 0',
};

function Preview({ entry, theme }: { entry: Entry; theme: Theme }) {
  const path = SKETCHES[entry.preview];
  if (path === undefined) return <ToyPreview name={entry.preview as PointDistributionName} theme={theme} />;
  return (
    <svg class="plot preview sketch" viewBox="0 0 48 48" aria-hidden="true">
      <path d={path} />
    </svg>
  );
}

export function DataPicker({ data, theme, problem, onChange }: DataPickerProps) {
  return (
    <fieldset class="data" aria-describedby="data-hint">
      <legend>Data</legend>
      <p class="hint" id="data-hint">
        {CONTROLS.data}
      </p>
      <div class="cards">
        {ENTRIES.map((entry) => (
          <label key={entry.key} class="card">
            <input
              type="radio"
              name="data"
              checked={entry.is(data)}
              onChange={() => entry.is(data) || onChange(entry.begin())}
            />
            <span class="thumb" aria-hidden="true">
              <Preview entry={entry} theme={theme} />
            </span>
            <span>{entry.label}</span>
          </label>
        ))}
      </div>
      {data.kind === 'drawn' ? (
        <DrawPoints
          key={data.dimension}
          dimension={data.dimension}
          points={data.points}
          theme={theme}
          onChange={(points) => onChange({ ...data, points })}
        />
      ) : null}
      {data.kind === 'images' ? (
        <ImageFiles files={data.files} onChange={(files) => onChange({ ...data, files })} />
      ) : null}
      {problem === undefined ? null : <p class="wrong">{problem}</p>}
    </fieldset>
  );
}
