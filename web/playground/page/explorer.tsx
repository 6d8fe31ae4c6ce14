/** The latent explorer: sliders for the first components, other latents by chance, and the way from one to the other. */

import type { ChartDataset, ChartOptions } from 'chart.js';
import { useEffect, useId, useMemo, useRef, useState } from 'preact/hooks';
import type { Drawing, ExplorerInfo, NamedFile } from '../protocol.js';
import { PICTURES } from './explanations.js';
import { explorerLatents, MAX_SLIDERS, ON_THE_WAY, type Place } from './explorer-latents.js';
import { ImageSheet } from './image-sheet.js';
import { shown } from './numbers.js';
import { Picture } from './picture.js';
import { axis, Plot } from './plot.js';
import type { Theme } from './theme.js';

export interface ExplorerProps {
  explorer: ExplorerInfo;
  /** Changes when G has moved. */
  step: number;
  theme: Theme;
  explore: (latents: Float32Array) => Promise<Drawing | undefined>;
  onView: (file: NamedFile | null) => void;
}

interface SliderProps {
  label: string;
  min: number;
  max: number;
  step: number;
  value: number;
  onInput: (value: number) => void;
}

function Slider({ label, value, onInput, ...range }: SliderProps) {
  const id = useId();
  return (
    <div class="slider">
      <label for={id}>{label}</label>
      <input
        id={id}
        type="range"
        {...range}
        value={value}
        onInput={(event) => onInput(event.currentTarget.valueAsNumber)}
      />
      <output for={id}>{shown(value)}</output>
    </div>
  );
}

/** Milliseconds between two drawings while the run moves. */
const FOLLOW_EVERY = 1000;

/** What G makes of the place, one request at a time: the newest place counts. */
function useDrawing({ explorer, step, explore }: ExplorerProps, place: Place): Drawing | undefined {
  const [drawing, setDrawing] = useState<Drawing>();
  const asked = useRef<Place>(undefined);
  const busy = useRef(false);
  const alive = useRef(true);
  useEffect(
    () => () => {
      alive.current = false;
    },
    [],
  );

  async function follow(): Promise<void> {
    if (busy.current) return;
    busy.current = true;
    while (asked.current !== undefined && alive.current) {
      const next = asked.current;
      asked.current = undefined;
      const drawn = await explore(explorerLatents(explorer, next));
      if (drawn !== undefined && alive.current) setDrawing(drawn);
    }
    busy.current = false;
  }

  useEffect(() => {
    asked.current = place;
    void follow();
  }, [explorer, place]);
  const last = useRef(0);
  useEffect(() => {
    if (explorer.source !== 'run' || performance.now() - last.current < FOLLOW_EVERY) return;
    last.current = performance.now();
    asked.current = place;
    void follow();
  }, [step]);
  return drawing;
}

function PointsDrawing({ drawing, theme }: { drawing: Drawing & { kind: 'points' }; theme: Theme }) {
  const { points, dimension } = drawing;
  const flat = dimension === 1;
  const at = (i: number) => ({ x: points[i * dimension]!, y: flat ? 0 : points[i * dimension + 1]! });
  const options = useMemo<ChartOptions>(
    () => ({
      scales: {
        x: axis(theme, { min: -5, max: 5, position: 'bottom' }),
        y: axis(theme, { min: -5, max: 5, position: 'left', hidden: flat }),
      },
    }),
    [theme, flat],
  );
  const datasets = useMemo(
    () => [
      {
        type: 'scatter',
        data: [at(0)],
        pointStyle: 'triangle',
        pointRadius: 9,
        pointBackgroundColor: theme.g,
        pointBorderColor: theme.paper,
        pointBorderWidth: 2,
      } as ChartDataset,
      {
        type: 'scatter',
        data: Array.from({ length: ON_THE_WAY }, (_, i) => at(i + 1)),
        showLine: true,
        borderColor: theme.muted,
        borderWidth: 1.5,
        pointRadius: 3,
        pointBackgroundColor: theme.muted,
        pointBorderWidth: 0,
      } as ChartDataset,
    ],
    [drawing, theme],
  );
  const where = Array.from(points.subarray(0, dimension), shown).join(', ');
  return (
    <>
      <Plot
        label={`G(z) is ${flat ? where : `(${where})`}; the dots are on the way from the first latent to the second.`}
        size={flat ? 'strip' : 'square'}
        type="scatter"
        datasets={datasets}
        options={options}
      />
      <p class="reading">G(z) = {flat ? where : `(${where})`}</p>
    </>
  );
}

function ImagesDrawing({ drawing }: { drawing: Drawing & { kind: 'images' } }) {
  const { width, height, rgba } = drawing;
  const bytes = width * height * 4;
  const one = useMemo(() => ({ ...drawing, count: 1, rgba: rgba.subarray(0, bytes) }), [drawing]);
  const way = useMemo(
    () => ({ ...drawing, count: drawing.count - 1, rgba: rgba.subarray(bytes) }),
    [drawing],
  );
  return (
    <div class="explored">
      <div class="one">
        <ImageSheet images={one} label="What G makes of the latent that the sliders choose" />
      </div>
      <ImageSheet
        images={way}
        columns={ON_THE_WAY}
        label={`${ON_THE_WAY} images on the way from the first latent to the second`}
      />
    </div>
  );
}

export function Explorer(props: ExplorerProps) {
  const { explorer, theme, onView } = props;
  const [place, setPlace] = useState<Place>({ from: 1, to: 2, way: 0, shifts: [] });
  const drawing = useDrawing(props, place);
  const count = Math.min(MAX_SLIDERS, explorer.latentSize);
  const shift = (i: number, value: number): void => {
    const shifts = Array.from({ length: count }, (_, k) => (k === i ? value : (place.shifts[k] ?? 0)));
    setPlace({ ...place, shifts });
  };
  return (
    <Picture title="Explore the latent space" explanation={PICTURES.explorer} class="explorer">
      {explorer.source === 'run' ? null : (
        <p class="viewing">
          This is <b>{explorer.source}</b>, which you brought.{' '}
          <button type="button" onClick={() => onView(null)}>
            Back to the run’s own G
          </button>
        </p>
      )}
      <div class="explorer-parts">
        <div>
          {drawing?.kind === 'images' ? <ImagesDrawing drawing={drawing} /> : null}
          {drawing?.kind === 'points' ? <PointsDrawing drawing={drawing} theme={theme} /> : null}
        </div>
        <div class="sliders">
          <Slider
            label="From z₁ to z₂"
            min={0}
            max={1}
            step={0.01}
            value={place.way}
            onInput={(way) => setPlace({ ...place, way })}
          />
          {Array.from({ length: count }, (_, i) => (
            <Slider
              key={i}
              label={`Component ${i + 1}, shifted by`}
              min={-3}
              max={3}
              step={0.05}
              value={place.shifts[i] ?? 0}
              onInput={(value) => shift(i, value)}
            />
          ))}
          <div class="row">
            <button
              type="button"
              onClick={() => setPlace({ from: place.to, to: place.to + 1, way: 0, shifts: [] })}
            >
              Other latents
            </button>
            <span class="hint">
              z₁ is sample 0 of seed {place.from}, z₂ of seed {place.to}.
            </span>
          </div>
        </div>
      </div>
    </Picture>
  );
}
