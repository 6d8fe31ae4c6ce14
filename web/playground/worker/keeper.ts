/**
 * Keeps what was trained: the last good point in memory, and two generations in the browser's storage, so that a write
 * that is torn loses nothing. Where the storage refuses, training goes on.
 */

import type { GanState } from '../../../src/export/index.js';
import { holdsPoints } from '../../../src/train/data/dataset.js';
import { encodeRunCheckpoint, type RunCheckpoint } from '../../../src/train/run-checkpoint.js';
import { type Dataset, UserError } from '../../../src/train/web.js';
import type { PlaygroundEvent, RunInfo } from '../protocol.js';
import { oneLine } from './one-line.js';
import type { OpenRun } from './open-run.js';
import { decodeSavedRun, encodeSavedRun, type SavedImages, type SavedRun } from './saved-run.js';
import { openStorage, type Storage } from './storage.js';
import { VERSION } from './version.js';

/** The generations. */
const SLOTS = ['run-0', 'run-1'] as const;
/** Milliseconds of training between two saves, at least. */
const INTERVAL = 10_000;
/** The most of the time that saving may take. */
const SHARE = 0.05;
/** Held by the page that saves, so that no other one saves over it. */
const LOCK = 'gan-onnx-playground';
/** How long the page before this one may take to let go of it, in ms. */
const LOCK_WAIT = 2000;

/** Training that has gone to infinity. */
export class Diverged extends UserError {}

/** Whether all elements are numbers: 0 times NaN or infinity is NaN, and stays. */
function allFinite(data: Float32Array | Int32Array): boolean {
  let zero = 0;
  for (let i = 0; i < data.length; i++) zero += data[i]! * 0;
  return zero === 0;
}

/** @throws Diverged when a parameter is not finite */
export function requireFinite(step: number, state: GanState): void {
  for (const [name, { data }] of state) {
    if (!allFinite(data)) throw new Diverged(`step ${step}: ${name} is not finite`);
  }
}

/** The checkpoint of a run as it stands. */
export async function checkpointOf(run: OpenRun): Promise<RunCheckpoint> {
  const { trainer, request, chosen } = run;
  const step = trainer.done;
  const state = await run.state();
  requireFinite(step, state);
  const batch = step * trainer.length.batchesPerStep;
  return {
    step,
    state,
    record: {
      config: request.config,
      data: request.dataset.description.sha256,
      epoch: Math.floor(batch / trainer.length.batchesPerEpoch),
      batch,
      engine: chosen.engineName,
      version: VERSION,
    },
  };
}

/** Whether this page may save: another one that is open on the same run would overwrite it. */
function claim(): Promise<boolean> {
  if (navigator.locks === undefined) return Promise.resolve(true);
  return new Promise((resolve) => {
    const signal = AbortSignal.timeout(LOCK_WAIT);
    navigator.locks
      .request(LOCK, { signal }, () => {
        resolve(true);
        // Until the worker ends.
        return new Promise(() => {});
      })
      .catch(() => resolve(false));
  });
}

/** All pixels of the visitor's images. */
function pixelsOf({ description: { count, shape }, read }: Dataset): Uint8Array {
  const images = new Uint8Array(count * shape[0] * shape[1] * shape[2]);
  read(
    Uint32Array.from({ length: count }, (_, i) => i),
    images,
  );
  return images;
}

/** A run that was found in the storage. */
export interface FoundRun extends SavedRun {
  /** uint8 [n, channels, size, size]; for runs on the visitor's own images. */
  pixels?: Uint8Array;
  skipped: RunInfo['skipped'];
}

export interface Keeper {
  /** The last good point of the run that is open; undefined before its first save. */
  readonly last: RunCheckpoint | undefined;
  /** A run is open, at its start or at a point that it was opened with. */
  begin(start?: RunCheckpoint): void;
  /** Whether enough was trained since the last save. */
  isDue(now: number): boolean;
  /**
   * Saves the run as it stands, if it has moved. A storage that refuses is a notice.
   *
   * @throws Diverged when the state is not finite
   */
  save(run: OpenRun): Promise<void>;
  /** The newest run in the storage that is whole. */
  find(): Promise<FoundRun | undefined>;
  /** Removes everything. */
  forget(): Promise<void>;
}

export function createKeeper(emit: (event: PlaygroundEvent) => void): Keeper {
  const claimed = claim();
  let opening: Promise<Storage> | undefined;
  const storage = (): Promise<Storage> => {
    opening ??= openStorage();
    // One that was refused may be there the next time.
    opening.catch(() => {
      opening = undefined;
    });
    return opening;
  };
  let last: RunCheckpoint | undefined;
  let sequence = 0;
  /** Names of image files, by generation. */
  const imagesIn: (string | undefined)[] = [undefined, undefined];
  let savedAt = 0;
  let interval = INTERVAL;
  let warned = false;

  function warn(reason: string): void {
    if (!warned) {
      emit({
        kind: 'notice',
        message: `the run cannot be saved (${reason}): training goes on, but a reload loses it`,
      });
    }
    warned = true;
  }

  /** Puts the images of a run into the storage, once. */
  async function saveImages(to: Storage, run: OpenRun): Promise<SavedImages | undefined> {
    const { dataset, skipped = [] } = run.request;
    if (holdsPoints(dataset) || dataset.description.name !== 'images') return undefined;
    const name = `images-${dataset.description.sha256.slice(0, 16)}`;
    if (!imagesIn.includes(name)) await to.write(name, [pixelsOf(dataset)]);
    return { name, skipped };
  }

  async function write(run: OpenRun, checkpoint: RunCheckpoint): Promise<void> {
    const to = await storage();
    const next = sequence + 1;
    const slot = next % SLOTS.length;
    const images = await saveImages(to, run);
    const about = {
      sequence: next,
      device: run.request.settings.device,
      ...(images === undefined ? {} : { images }),
    };
    await to.write(SLOTS[slot]!, await encodeSavedRun(about, encodeRunCheckpoint(checkpoint)));
    sequence = next;
    const replaced = imagesIn[slot];
    imagesIn[slot] = images?.name;
    if (replaced !== undefined && !imagesIn.includes(replaced)) await to.remove(replaced);
  }

  async function load(from: Storage, name: string): Promise<SavedRun | undefined> {
    const bytes = await from.read(name);
    return bytes && decodeSavedRun(bytes);
  }

  return {
    get last() {
      return last;
    },
    begin(start) {
      last = start;
      savedAt = performance.now();
      interval = INTERVAL;
      warned = false;
    },
    isDue: (now) => now - savedAt >= (last === undefined ? INTERVAL / 5 : interval),
    async save(run) {
      if (last?.step === run.trainer.done) return;
      const began = performance.now();
      last = await checkpointOf(run);
      try {
        if (!(await claimed)) throw new UserError('another page has the playground open');
        await write(run, last);
        emit({ kind: 'saved', step: last.step });
        warned = false;
      } catch (error) {
        warn(oneLine(error));
      }
      savedAt = performance.now();
      interval = Math.max(INTERVAL, (savedAt - began) / SHARE);
    },
    async find() {
      const from = await storage();
      const found: SavedRun[] = [];
      for (const [slot, name] of SLOTS.entries()) {
        const saved = await load(from, name).catch(() => undefined);
        if (saved === undefined) continue;
        imagesIn[slot] = saved.about.images?.name;
        found.push(saved);
      }
      found.sort((a, b) => b.about.sequence - a.about.sequence);
      sequence = Math.max(sequence, ...found.map(({ about }) => about.sequence));
      for (const saved of found) {
        const { images } = saved.about;
        if (images === undefined) return { ...saved, skipped: [] };
        const pixels = await from.read(images.name).catch(() => undefined);
        if (pixels !== undefined) return { ...saved, pixels, skipped: images.skipped };
      }
      return undefined;
    },
    async forget() {
      const from = await storage();
      const names = [...SLOTS, ...imagesIn.filter((name) => name !== undefined)];
      for (const name of names) await from.remove(name);
      imagesIn.fill(undefined);
    },
  };
}
