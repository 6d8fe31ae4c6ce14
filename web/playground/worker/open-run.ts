/** A run that is open: its trainer on a device, and what looks at it. */

import type { AnyGanSpec, GanState } from '../../../src/export/index.js';
import type { AnyDataset } from '../../../src/train/data/dataset.js';
import { estimateMemory, parameterCount } from '../../../src/train/memory-estimate.js';
import {
  configGan,
  createTrainer,
  type RunConfig,
  type Trainer,
  type TrainingPoint,
  UserError,
} from '../../../src/train/web.js';
import type { PlaygroundDevice, RunInfo, Settings } from '../protocol.js';
import { type ChosenDevice, chooseDevice } from './device.js';
import { VERSION } from './version.js';
import { openViewer, type Viewer } from './viewer.js';

/** What a page's WASM can address, less what the rest takes. */
const MAX_MEMORY = 2.5 * 2 ** 30;

/** What decides a run, and where it stands. */
export interface RunRequest {
  settings: Settings;
  config: RunConfig;
  dataset: AnyDataset;
  /** Where to go on from; fresh networks by default. */
  start?: TrainingPoint;
  skipped?: RunInfo['skipped'];
  notices?: readonly string[];
}

export interface OpenRun {
  readonly request: RunRequest;
  readonly gan: AnyGanSpec;
  readonly trainer: Trainer;
  readonly chosen: ChosenDevice;
  readonly viewer: Viewer;
  /** The state as it stands, read when it has moved since. */
  state(): Promise<GanState>;
  info(): RunInfo;
  close(): Promise<void>;
}

/** @throws UserError when a page cannot hold the run */
function checkMemory(config: RunConfig, count: number): void {
  const needed = estimateMemory(config, Math.max(count, config.batchSize), count);
  if (needed <= MAX_MEMORY) return;
  throw new UserError(
    `this run needs about ${(needed / 2 ** 30).toFixed(1)} GiB of memory and a page has ${MAX_MEMORY / 2 ** 30}: ` +
      'choose smaller images, a smaller batch, or another network',
  );
}

/** A trainer on the device; where only the GPU was found wanting and nobody asked for it, on WASM. */
async function openTrainer(
  request: RunRequest,
  wanted: PlaygroundDevice,
): Promise<{ trainer: Trainer; chosen: ChosenDevice }> {
  const { config, dataset, start } = request;
  const chosen = await chooseDevice(wanted, config);
  try {
    const trainer = await createTrainer({
      config,
      dataset,
      engine: chosen.engine,
      target: chosen.target,
      version: VERSION,
      ...(start === undefined ? {} : { start }),
    });
    return { trainer, chosen };
  } catch (error) {
    if (wanted !== 'auto' || chosen.device !== 'webgpu') throw error;
    const found = await openTrainer(request, 'wasm');
    const notice = `the GPU cannot be used, so training goes on WASM (${(error as Error).message})`;
    return { ...found, chosen: { ...found.chosen, notices: [notice] } };
  }
}

/**
 * Opens a run, paused.
 *
 * @throws UserError when settings, data or device do not allow it
 */
export async function openRun(request: RunRequest): Promise<OpenRun> {
  const { settings, config, dataset, skipped = [], notices = [] } = request;
  const gan = configGan(config);
  const { count } = dataset.description;
  const isPoints = 'points' in gan;
  checkMemory(config, isPoints ? 0 : count);
  const { trainer, chosen } = await openTrainer(request, settings.device);
  let viewer: Viewer;
  try {
    viewer = await openViewer(chosen.viewing, gan, dataset, config.seed);
  } catch (error) {
    await trainer.close();
    throw error;
  }
  const parameters = {
    generator: parameterCount(gan.generator),
    discriminator: parameterCount(gan.discriminator),
  };
  let read: { step: number; state: GanState } | undefined;
  return {
    request,
    gan,
    trainer,
    chosen,
    viewer,
    async state() {
      if (read?.step !== trainer.done) read = { step: trainer.done, state: await trainer.readState() };
      return read.state;
    },
    info: () => ({
      settings,
      step: trainer.done,
      device: chosen.device,
      threads: chosen.threads,
      ...(isPoints ? {} : { count }),
      parameters,
      skipped,
      notices: [...notices, ...chosen.notices],
    }),
    async close() {
      read = undefined;
      await trainer.close();
      await viewer.release();
    },
  };
}
