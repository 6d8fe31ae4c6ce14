/** `gan-onnx train --live`: a page on 127.0.0.1 that shows a run while it goes on, and ends with it. */

import { readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type Tinypool from 'tinypool';
import { type Made, serveMade } from '../../system/static-server.js';
import { type Note, noteTitle } from '../../train/health/doctor.js';
import { readNotes } from '../../train/health/notes-file.js';
import { CHART_NAMES } from '../../train/report/charts.js';
import { readPng } from '../../train/report/pictures.js';
import type { BestScore } from '../../train/run-checkpoint.js';
import type { RunEvents } from '../../train/run-options.js';
import type { ChartsRequest, DrawnCharts } from './charts-worker.js';
import { LIVE_ICON, LIVE_PAGE, LIVE_POLICY, LIVE_STYLE } from './page.js';
import type { LiveState } from './state.js';

export interface LiveView {
  url: string;
  /** To be told what the run tells. */
  on: Required<Pick<RunEvents, 'start' | 'step' | 'note' | 'image' | 'score'>>;
  /**
   * The run is over: who looks at the page hears so, for which it waits a few seconds, and the server ends.
   *
   * @param failure the error that ended it
   */
  end(status: string, failure?: boolean): Promise<void>;
}

/** Milliseconds between two drawings, while somebody looks. */
const DRAW_INTERVAL = 5000;
/** Whoever asked within so many milliseconds looks at the page. */
const LOOKS = 6000;
/** Milliseconds in which the page is to fetch the last pictures. */
const LAST_WORDS = 1500;
/** Notes that are shown, the last ones. */
const SHOWN_NOTES = 50;

const json = (value: unknown): Made => ({ type: 'application/json', body: JSON.stringify(value) });
const wait = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

/** @throws UserError when the port cannot be had */
export async function openLiveView(title: string, out: string, port: number): Promise<LiveView> {
  const state: LiveState = {
    title,
    path: resolve(out),
    status: 'Opening the data.',
    phase: 'starting',
    step: 0,
    steps: 0,
    figures: [],
    notes: [],
    charts: {},
    drawing: 0,
  };
  let pool: Promise<Tinypool> | undefined;
  let charts: DrawnCharts = {};
  let drawn = { at: Number.NEGATIVE_INFINITY, step: -1 };
  let drawing: Promise<void> | undefined;
  let picture: string | undefined;
  let marks: number[] = [];
  let course = 0;
  let epoch = 0;
  let ms = 0;
  let metrics: Record<string, number> | undefined;
  let best: BestScore | undefined;
  let asked = Number.NEGATIVE_INFINITY;
  let toldTheEnd = false;

  const openPool = async (): Promise<Tinypool> => {
    const { default: Pool } = await import('tinypool');
    const filename = fileURLToPath(new URL('./charts-worker.js', import.meta.url));
    return new Pool({ filename, minThreads: 1, maxThreads: 1, useAtomics: false });
  };

  const draw = async (): Promise<void> => {
    drawn = { at: performance.now(), step: state.step };
    pool ??= openPool();
    const request: ChartsRequest = { path: join(out, 'metrics.jsonl'), course, marks };
    try {
      charts = (await (await pool).run(request)) as DrawnCharts;
    } catch {
      // The page goes on with the charts that it has.
      return;
    }
    state.charts = Object.fromEntries(Object.entries(charts).map(([name, { label }]) => [name, label]));
    state.drawing += 1;
  };

  /** Begins a drawing, unless there is one or nothing new. */
  const drawSoon = (): void => {
    const isDue = performance.now() - drawn.at > DRAW_INTERVAL && state.step !== drawn.step;
    if (drawing !== undefined || !isDue || state.phase === 'starting') return;
    drawing = draw().finally(() => {
      drawing = undefined;
    });
  };

  const figures = (): [string, string][] => [
    ['step', state.step.toLocaleString('en')],
    ['of', state.steps.toLocaleString('en')],
    ['epoch', String(epoch)],
    ...Object.entries(metrics ?? {}).map(([name, value]): [string, string] => [name, value.toPrecision(3)]),
    ['ms a step', ms.toPrecision(3)],
    ...(best === undefined ? [] : [['best generator', `step ${best.step}`] satisfies [string, string]]),
  ];

  const isOver = (): boolean => state.phase === 'ended' || state.phase === 'failed';

  const answerState = (): Made => {
    asked = performance.now();
    if (isOver()) toldTheEnd = true;
    else drawSoon();
    return json({ ...state, figures: figures() });
  };

  const server = await serveMade(
    {
      '/': () => ({ type: 'text/html; charset=utf-8', body: LIVE_PAGE }),
      '/live.css': () => ({ type: 'text/css; charset=utf-8', body: LIVE_STYLE }),
      '/live.js': async () => ({
        type: 'text/javascript; charset=utf-8',
        body: await readFile(new URL('./page-script.js', import.meta.url)),
      }),
      '/icon.svg': () => ({ type: 'image/svg+xml', body: LIVE_ICON }),
      '/state.json': answerState,
      '/samples.png': () => {
        const found = picture === undefined ? undefined : readPng(picture);
        return found === undefined ? undefined : { type: 'image/png', body: found.png };
      },
      ...Object.fromEntries(
        CHART_NAMES.map((name) => [
          `/${name}.svg`,
          () => {
            const chart = charts[name];
            return chart === undefined ? undefined : { type: 'image/svg+xml', body: chart.svg };
          },
        ]),
      ),
    },
    { port, headers: { 'Content-Security-Policy': LIVE_POLICY } },
  );

  const heard = (note: Note): void => {
    state.notes.push({
      title: `Step ${note.step}, ${noteTitle(note)}`,
      text: `${note.seen}; ${note.advice}`,
    });
    state.notes = state.notes.slice(-SHOWN_NOTES);
    marks = [...marks, note.step].slice(-20);
    if (note.signal === 'not-a-number') course += 1;
  };

  return {
    url: server.url,
    on: {
      start({ length, done }) {
        Object.assign(state, { steps: length.steps, step: done, phase: 'training', status: 'Training.' });
        // Of a run that goes on; what cannot be read is not shown.
        readNotes(join(out, 'notes.jsonl')).then(
          (notes) => notes.forEach(heard),
          () => {},
        );
      },
      step(report, stepMs) {
        state.step = report.step + 1;
        epoch = report.epoch;
        ms = ms === 0 ? stepMs : ms + (stepMs - ms) / 50;
        if (report.metrics === undefined) return;
        const { d_loss, g_loss, d_real, d_fake } = report.metrics;
        metrics = { d_loss, g_loss, 'D(x)': d_real, 'D(G(z))': d_fake };
      },
      note: heard,
      image(path) {
        picture = path;
        state.picture = Number.parseInt(basename(path), 10);
      },
      score(score, isBest) {
        if (isBest) best = score;
      },
    },
    async end(status, failure = false) {
      const looks = (): boolean => performance.now() - asked < LOOKS;
      await drawing;
      if (looks() && state.phase === 'training') await draw();
      Object.assign(state, { status, phase: failure ? 'failed' : 'ended' });
      for (let waited = 0; !toldTheEnd && looks() && waited < LOOKS; waited += 100) await wait(100);
      if (toldTheEnd) await wait(LAST_WORDS);
      await server.close();
      await (await pool)?.destroy();
    },
  };
}
