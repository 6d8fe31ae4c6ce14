/** What the page asks of the training worker, one thing at a time whatever order it asks in. */

import type { Dataset } from '../../../src/train/data/dataset.js';
import { holdsPoints } from '../../../src/train/data/dataset.js';
import { holdsMoments, type RunCheckpoint } from '../../../src/train/run-checkpoint.js';
import { LostGpuError, type RunConfig, UserError } from '../../../src/train/web.js';
import type { NamedFile, PlaygroundEvent, Requests, RunInfo, Settings } from '../protocol.js';
import { openData } from './data.js';
import { decodeImages, imageDataset } from './images.js';
import { createKeeper, Diverged } from './keeper.js';
import { oneLine } from './one-line.js';
import { type OpenRun, openRun, type RunRequest } from './open-run.js';
import { createQueue } from './queue.js';
import { configOfSettings, settingsOfConfig } from './settings.js';
import { trainOn } from './training.js';
import type { Viewed } from './viewed.js';
import type { Watch } from './viewer.js';

/** Each request as a promise of its answer. */
export type Playground = {
  [Name in keyof Requests]: (
    argument: Parameters<Requests[Name]>[0],
  ) => Promise<Awaited<ReturnType<Requests[Name]>>>;
};

/** The most steps of one `step`. */
const MAX_STEPS = 100_000;
/** The most samples of a look, and latents of `explore`. */
const MAX_DRAWN = 4096;

/** The largest batch size up to the wanted one of which `count` images leave no batch of 1, which BatchNorm cannot normalise. */
function fittingBatch(wanted: number, count: number): number {
  let size = Math.min(wanted, count);
  while (size > 2 && count % size === 1) size--;
  return size;
}

const baggage = () => import('./baggage.js');

/** Training that goes on. */
interface Going {
  /** Whether it goes on until `pause`. */
  endless: boolean;
  stop: AbortController;
  /** Resolves when it has ended, however it did. */
  ended: Promise<void>;
}

function whole(what: string, value: unknown, most: number): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 1 && value <= most) return value;
  throw new UserError(`${what} is ${String(value)}: expected a whole number from 1 to ${most}`);
}

export function createPlayground(emit: (event: PlaygroundEvent) => void): Playground {
  const queue = createQueue();
  const keeper = createKeeper(emit);
  let run: OpenRun | undefined;
  let going: Going | undefined;
  let viewed: Viewed | undefined;
  let watch: Watch = { interval: 500, seed: 0, count: 25 };

  function opened(): OpenRun {
    if (run === undefined) throw new UserError('no run is open: start one');
    return run;
  }

  /** Takes the place of the run that is open. */
  async function replace(request: RunRequest, checkpoint?: RunCheckpoint): Promise<RunInfo> {
    emit({ kind: 'progress', message: 'opening the networks' });
    const next = await openRun({ ...request, ...(checkpoint === undefined ? {} : { start: checkpoint }) });
    const before = run;
    // Whatever began to train on the old one meanwhile.
    going?.stop.abort();
    run = next;
    keeper.begin(checkpoint);
    await before?.close().catch(() => {});
    return next.info();
  }

  /** After something went wrong: the last good point again, so that nothing else is lost. */
  async function goBack(failed: OpenRun, error: unknown): Promise<void> {
    const { request } = failed;
    const { last } = keeper;
    const isDiverged = error instanceof Diverged;
    // A GPU that is gone does not come back within a page.
    const isLost = !isDiverged && failed.chosen.device === 'webgpu';
    const settings: Settings = isLost ? { ...request.settings, device: 'wasm' } : request.settings;
    const { start: _, ...again } = request;
    let end: string;
    try {
      await replace({ ...again, settings }, last);
      end = last === undefined ? 'back at its start' : `back at the last save, step ${last.step}`;
    } catch (second) {
      end = `it cannot be opened again (${oneLine(second)}); the last save is intact`;
    }
    const advice = isDiverged ? '; a smaller learning rate may help' : isLost ? ', on WASM from now on' : '';
    // Its advice is for those who have to go back by themselves.
    const what = error instanceof LostGpuError ? error.what : oneLine(error);
    emit({
      kind: 'stopped',
      message: `${isDiverged ? 'training has diverged: ' : ''}${what}: ${end}${advice}`,
    });
  }

  function go(count: number): Going {
    const current = opened();
    const stop = new AbortController();
    const training = trainOn({
      run: current,
      queue,
      keeper,
      emit,
      watch: () => watch,
      count,
      signal: stop.signal,
    });
    const mine: Going = {
      endless: count === Number.POSITIVE_INFINITY,
      stop,
      ended: training
        .catch((error: unknown) => queue.run(() => goBack(current, error)))
        .finally(() => {
          if (going === mine) going = undefined;
        }),
    };
    going = mine;
    return mine;
  }

  /** Ends training, also what others begin while this one waits. */
  async function halt(): Promise<void> {
    while (going !== undefined) {
      going.stop.abort();
      await going.ended;
    }
  }

  /** Opens another run; when that fails, the one that was open goes on as it did. */
  async function change(open: () => Promise<RunInfo | undefined>): Promise<RunInfo | undefined> {
    const wasEndless = going?.endless === true;
    await halt();
    try {
      return await queue.run(open);
    } catch (error) {
      if (wasEndless && going === undefined && run !== undefined) go(Number.POSITIVE_INFINITY);
      throw error;
    }
  }

  /** The images of the run that is open, in the size that is wanted. */
  function openImages({ imageSize, channels }: RunConfig): Dataset | undefined {
    const dataset = run?.request.dataset;
    if (dataset === undefined || holdsPoints(dataset)) return undefined;
    const { name, shape } = dataset.description;
    return name === 'images' && shape[0] === channels && shape[1] === imageSize ? dataset : undefined;
  }

  async function requestOf(settings: Settings): Promise<RunRequest> {
    const config = configOfSettings(settings);
    if (settings.data.kind !== 'images') {
      return { settings, config, dataset: await openData(config, undefined, emit) };
    }
    const { files } = settings.data;
    const same = files.length === 0 ? openImages(config) : undefined;
    const target = { imageSize: config.imageSize, channels: settings.channels };
    const found = same
      ? { dataset: same, skipped: run?.request.skipped ?? [], notices: [] }
      : await decodeImages(files, target, emit);
    const { count } = found.dataset.description;
    const batchSize = fittingBatch(config.batchSize, count);
    const notices = [...found.notices];
    if (batchSize < config.batchSize) {
      notices.push(`${count} images make no batches of ${config.batchSize}: they have ${batchSize} each`);
    }
    return {
      settings: { ...settings, batchSize },
      config: { ...config, batchSize },
      dataset: found.dataset,
      skipped: found.skipped,
      notices,
    };
  }

  /** The images of a checkpoint: those beside it, or those of the run that is open. */
  async function broughtImages(config: RunConfig, files: readonly NamedFile[]): Promise<Dataset | undefined> {
    if (config.dataset !== 'images') return undefined;
    const { imageSize } = config;
    const target = { imageSize, channels: config.channels as 1 | 3 };
    const blobs = files.map(({ name, bytes }) => new File([bytes as Uint8Array<ArrayBuffer>], name));
    const found = blobs.length > 0 ? (await decodeImages(blobs, target, emit)).dataset : openImages(config);
    if (found !== undefined) return found;
    throw new UserError('the images of this run are not with its checkpoint: bring the zip that has both');
  }

  async function saved(): Promise<RunInfo> {
    const current = opened();
    try {
      await keeper.save(current);
    } catch (error) {
      if (!(error instanceof Diverged)) throw error;
      await goBack(current, error);
    }
    return opened().info();
  }

  return {
    start: async (settings) => (await change(async () => replace(await requestOf(settings))))!,
    restore: () =>
      change(async () => {
        const found = await keeper.find().catch(() => undefined);
        if (found === undefined) return undefined;
        const { config } = found.checkpoint.record;
        const settings = settingsOfConfig(config, found.about.device);
        const { imageSize, channels } = settings;
        const images = found.pixels && imageDataset(found.pixels, { imageSize, channels });
        const dataset = await openData(config, images, emit);
        if (dataset.description.sha256 !== found.checkpoint.record.data) return undefined;
        return replace({ settings, config, dataset, skipped: found.skipped }, found.checkpoint);
      }),
    bring: async (files) =>
      (await change(async () => {
        const { checkpoint, images } = (await baggage()).readRunFiles(files);
        const { config, data } = checkpoint.record;
        const settings = settingsOfConfig(config, run?.request.settings.device ?? 'auto');
        const dataset = await openData(config, await broughtImages(config, images), emit);
        if (dataset.description.sha256 !== data) {
          throw new UserError(
            `the ${dataset.description.name} here are not the data that this checkpoint has seen`,
          );
        }
        const found = await replace({ settings, config, dataset }, checkpoint);
        keeper.begin();
        await keeper.save(opened());
        if (!holdsMoments(checkpoint)) {
          emit({ kind: 'notice', message: 'the checkpoint has no moments of Adam, which begins anew' });
        }
        return found;
      }))!,
    view: (file) =>
      queue.run(async () => {
        const next = file === null ? undefined : await (await baggage()).openViewed(file);
        await viewed?.release();
        viewed = next;
        if (next !== undefined) return next.info;
        const { latent } = opened().gan;
        return { source: 'run', latentSize: latent.size, distribution: latent.distribution.kind };
      }),
    async play() {
      // A run that is being opened is the one that is meant.
      await queue.run(async () => opened());
      while (going !== undefined && !going.endless) await going.ended;
      if (going === undefined) go(Number.POSITIVE_INFINITY);
    },
    async pause() {
      await halt();
      return queue.run(saved);
    },
    async step(count) {
      whole('the number of steps', count, MAX_STEPS);
      await queue.run(async () => opened());
      await halt();
      // Another request may have been faster.
      while (going !== undefined) await halt();
      await go(count).ended;
      return queue.run(saved);
    },
    async watch({ interval, seed, count }) {
      if (!(interval >= 0)) throw new UserError(`the interval is ${interval}: expected milliseconds`);
      if (!Number.isSafeInteger(seed) || seed < 0)
        throw new UserError(`the seed is ${seed}: expected 0 or more`);
      watch = { interval, seed, count: whole('the number of samples', count, MAX_DRAWN) };
    },
    look: () =>
      queue.run(async () => {
        const { viewer, trainer, state } = opened();
        return viewer.look(trainer.done, await state(), watch);
      }),
    explore: (latents) =>
      queue.run(async () => {
        const size = viewed?.info.latentSize ?? opened().gan.latent.size;
        whole('the number of latents', latents.length / size, MAX_DRAWN);
        if (!latents.every(Number.isFinite)) throw new UserError('a latent is not a number');
        if (viewed !== undefined) return viewed.explore(latents);
        const { viewer, state } = opened();
        return viewer.explore(await state(), latents);
      }),
    take: (what) => queue.run(async () => (await baggage()).take(what, opened(), emit)),
    forget: () => queue.run(() => keeper.forget()),
  };
}
