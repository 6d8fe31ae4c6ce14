/** The state of the page and what a visitor can do to it: the one place that talks to the training worker. */

import type { Drawing, NamedFile, PlaygroundEvent, Requests, RunInfo, Settings } from '../protocol.js';
import { DATA_KINDS, kindOf, OPENING } from './choices.js';
import { type Connection, connect } from './connection.js';
import { addToCourse, emptyCourse } from './course.js';
import { keepLook } from './looks.js';
import { type Message, withMessage } from './messages.js';
import { counted } from './numbers.js';
import { initialState, type Phase, type PlaygroundState, skippedLine } from './state.js';

export interface Playground {
  readonly state: PlaygroundState;
  /** @returns a function that ends the listening */
  subscribe(listener: () => void): () => void;
  /** Opens the run of an earlier visit, or begins the first. */
  open(): Promise<void>;
  /** @returns whether it could be begun; if not, the run before stays open */
  start(settings: Settings): Promise<boolean>;
  play(): Promise<void>;
  pause(): Promise<void>;
  step(): Promise<void>;
  reset(): Promise<void>;
  /** After the worker's end: another one, with the run as it was saved. */
  restart(): Promise<void>;
  /** @returns whether it could be opened; if not, the run before stays open */
  bring(files: readonly NamedFile[]): Promise<boolean>;
  view(file: NamedFile | null): Promise<void>;
  explore(latents: Float32Array): Promise<Drawing | undefined>;
  take(what: Parameters<Requests['take']>[0]): Promise<NamedFile | undefined>;
  tell(kind: Message['kind'], text: string): void;
  dismiss(id: number): void;
}

/** Milliseconds between two drawings of the page while it trains. */
const DRAW_EVERY = 250;
/** How often to look at G and D, in milliseconds, and how many samples to draw. */
const WATCH = { points: { interval: 300, count: 256 }, images: { interval: 1000, count: 64 } } as const;

const inWords = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/**
 * @param openWorker a fresh training worker
 * @param movesAtOnce whether a run plays as soon as it is open; not where the visitor wants less motion
 */
export function createPlayground(openWorker: () => Worker, movesAtOnce: () => boolean): Playground {
  const listeners = new Set<() => void>();
  let connection: Connection | undefined;
  let scheduled: ReturnType<typeof setTimeout> | undefined;
  let state = initialState();
  let playsSince: number | undefined;

  function publish(): void {
    clearTimeout(scheduled);
    scheduled = undefined;
    for (const listener of listeners) listener();
  }

  function countTime(next: Phase): void {
    const now = performance.now();
    if (playsSince !== undefined) state = { ...state, trainedMs: state.trainedMs + now - playsSince };
    playsSince = next === 'playing' ? now : undefined;
  }

  /** What happens while training is drawn a few times a second, the rest at once. */
  function change(changes: Partial<PlaygroundState>, soon = false): void {
    if (changes.phase !== undefined) countTime(changes.phase);
    state = { ...state, ...changes };
    if (!soon) publish();
    else scheduled ??= setTimeout(publish, DRAW_EVERY);
  }

  function tell(kind: Message['kind'], text: string): void {
    change({ messages: withMessage(state.messages, kind, text) });
  }

  /** Out of a phase, if the page is still in it. */
  function leave(phase: Phase): void {
    if (state.phase === phase) change({ phase: 'paused', progress: undefined });
  }

  const EVENTS: { [Kind in PlaygroundEvent['kind']]: (event: PlaygroundEvent & { kind: Kind }) => void } = {
    steps({ rows, stepsPerSecond }) {
      addToCourse(state.course, rows);
      change({ step: rows.at(-1)?.step ?? state.step, stepsPerSecond }, true);
    },
    look: ({ look }) => change({ looks: keepLook(state.looks, look) }, true),
    progress: ({ kind: _, ...progress }) => change({ progress }, true),
    saved: ({ step }) => change({ saved: step }, true),
    notice: ({ message }) => tell('note', message),
    stopped({ message }) {
      leave('playing');
      tell('problem', message);
      void refresh();
    },
  };

  /** Where the run stands after the worker has gone back to a save, and on which device. */
  async function refresh(): Promise<void> {
    await busily('Going back to the last save', async () => {
      await stand(await line().ask('pause'));
    });
  }

  /** The run stands still there. */
  async function stand(info: RunInfo): Promise<void> {
    change({ info, step: info.step, offered: false, looks: keepLook(state.looks, await line().ask('look')) });
  }

  function line(): Connection {
    connection ??= connect(openWorker(), {
      onEvent: (event) => (EVENTS[event.kind] as (event: PlaygroundEvent) => void)(event),
      onDeath(reason) {
        connection = undefined;
        change({ phase: 'dead', progress: undefined });
        tell('problem', reason);
      },
    });
    return connection;
  }

  /** Does something during which no button works; what fails is told, and false comes back. */
  async function busily(message: string, work: () => Promise<void>): Promise<boolean> {
    change({ phase: 'busy', progress: { message } });
    try {
      await work();
      return true;
    } catch (error) {
      tell('problem', inWords(error));
      return false;
    } finally {
      const after = state.info === undefined || connection === undefined ? 'dead' : 'paused';
      change({ progress: undefined, ...(state.phase === 'busy' ? { phase: after } : {}) });
    }
  }

  /** A run is open. Its first look costs a moment, and comes by itself where the run moves at once. */
  async function show(info: RunInfo, looksFirst = true): Promise<void> {
    const { makes } = DATA_KINDS[kindOf(info.settings.data)];
    change({
      info,
      step: info.step,
      stepsPerSecond: 0,
      trainedMs: 0,
      explorer: undefined,
      course: emptyCourse(),
      looks: [],
      saved: undefined,
    });
    for (const notice of info.notices) tell('note', notice);
    if (info.skipped.length > 0) tell('note', skippedLine(info.skipped));
    await line().ask('watch', { ...WATCH[makes], seed: info.settings.seed });
    if (looksFirst) change({ looks: keepLook(state.looks, await line().ask('look')) });
  }

  async function restore(): Promise<boolean> {
    const info = await line().ask('restore');
    if (info === undefined) return false;
    await show(info);
    change({ trainedMs: Number.POSITIVE_INFINITY, saved: info.step });
    return true;
  }

  async function play(): Promise<void> {
    if (state.phase !== 'paused') return;
    change({ phase: 'playing', offered: false });
    try {
      await line().ask('play');
    } catch (error) {
      leave('playing');
      tell('problem', inWords(error));
    }
  }

  async function pause(): Promise<void> {
    if (state.phase !== 'playing') return;
    change({ phase: 'busy' });
    await busily('Pausing', async () => {
      await stand(await line().ask('pause'));
    });
  }

  /** Shows a generator in the explorer; null is the run's own. */
  async function view(file: NamedFile | null): Promise<void> {
    try {
      change({ explorer: await line().ask('view', file) });
    } catch (error) {
      tell('problem', inWords(error));
    }
  }

  /** Begins a run in the place of the one that is open, and plays it if that is wanted. */
  async function begin(settings: Settings, plays: boolean): Promise<boolean> {
    if (state.phase === 'playing') await pause();
    change({ messages: [] });
    const begun = await busily('Beginning', async () => {
      change({ offered: false });
      await show(await line().ask('start', settings), !plays);
    });
    if (!begun) return false;
    if (plays) await play();
    await view(null);
    return true;
  }

  const start = (settings: Settings): Promise<boolean> => begin(settings, movesAtOnce());

  const playground: Playground = {
    get state() {
      return state;
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async open() {
      let found = false;
      const opened = await busily('Opening', async () => {
        found = await restore();
      });
      if (found) {
        change({ offered: true });
        return view(null);
      }
      if (opened || connection !== undefined) await start(OPENING);
    },
    start,
    play,
    pause,
    async step() {
      await busily('One step', async () => {
        await stand(await line().ask('step', 1));
      });
    },
    async reset() {
      await begin(state.info?.settings ?? OPENING, state.phase === 'playing');
    },
    async restart() {
      connection?.close();
      connection = undefined;
      const settings = state.info?.settings ?? OPENING;
      let found = false;
      const opened = await busily('Opening the last save', async () => {
        found = await restore();
      });
      if (found) {
        tell('note', `The run is back at step ${counted(state.step)}, where it was saved.`);
        return view(null);
      }
      if (opened) await start(settings);
    },
    async bring(files) {
      if (state.phase === 'playing') await pause();
      change({ messages: [] });
      const brought = await busily('Opening what you brought', async () => {
        const info = await line().ask('bring', files);
        await show(info);
        tell('note', `Opened at step ${counted(info.step)}, paused: press Play to go on.`);
      });
      if (brought) await view(null);
      return brought;
    },
    view,
    async explore(latents) {
      try {
        return await line().ask('explore', latents);
      } catch {
        // The next look tries again; what is wrong with the worker is told elsewhere.
        return undefined;
      }
    },
    async take(what) {
      try {
        return await line().ask('take', what);
      } catch (error) {
        tell('problem', inWords(error));
        return undefined;
      }
    },
    tell,
    dismiss: (id) => change({ messages: state.messages.filter((message) => message.id !== id) }),
  };
  return playground;
}
