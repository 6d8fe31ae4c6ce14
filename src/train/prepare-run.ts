/** What comes before the first step of a run: all that can be refused is refused, the data is opened, the engine is made. */

import { beginTogether } from '../parallel/agreement.js';
import { isWithin, realPath } from '../system/files.js';
import { availableMemory } from '../system/memory.js';
import { UserError } from '../system/user-error.js';
import { type RunConfig, validateBatches, validateConfig } from './config.js';
import { type AnyDataset, type Dataset, holdsPoints } from './data/dataset.js';
import { firstImages } from './data/first-images.js';
import { datasetEntry, openDataset } from './data/index.js';
import { isPointData, openPoints } from './data/points/dataset.js';
import { type ChosenEngine, chooseEngine, type EngineName } from './engines.js';
import { checkCheckpointSize, checkMemory } from './memory.js';
import { requireSameConfig, requireSameData } from './resume.js';
import type { RunCheckpoint } from './run-checkpoint.js';
import { checkResumable, checkRunDirectory } from './run-directory.js';
import { lockRun, type RunLock, untilUnlocked } from './run-lock.js';
import type { RunOptions } from './run-options.js';
import { runFacts, type SharedRun, shareTaker } from './shared-run.js';
import { createTrainer, type Trainer } from './trainer.js';
import { trainingApiLimit } from './training-api-limits.js';

/** What a run needs before it changes anything. */
export interface PreparedRun {
  /** Open. */
  dataset: AnyDataset;
  chosen: ChosenEngine;
  /** Of the folder of a run that is gone on with, on the process that writes it. */
  lock?: RunLock;
}

/** Gives back what a prepared run holds. */
export function release({ dataset, lock }: PreparedRun): void {
  if (!holdsPoints(dataset)) dataset.close?.();
  lock?.release();
}

/**
 * Refuses all that can be, and opens the data; with the other processes where there are any.
 *
 * @throws UserError
 */
export async function prepareRun(options: RunOptions): Promise<PreparedRun> {
  const { config, shared, version, resume } = options;
  if (shared === undefined) return prepareAlone(options);
  let own: PreparedRun | undefined;
  const prepare = async (): Promise<PreparedRun> => {
    own = await prepareAlone(options);
    return own;
  };
  try {
    const prepared = await beginTogether(shared.group, prepare, ({ dataset, chosen: { logInterval } }) =>
      runFacts({
        config,
        version,
        data: dataset.description.sha256,
        step: resume?.step ?? 0,
        logInterval: options.logInterval ?? logInterval,
      }),
    );
    shared.agreed?.();
    return prepared;
  } catch (error) {
    if (own !== undefined) release(own);
    throw error;
  }
}

async function prepareAlone(options: RunOptions): Promise<PreparedRun> {
  const { config, engine = 'session', shared, out, resume } = options;
  validateConfig(config);
  checkLimits(config, engine);
  // Rank 0 alone writes there.
  const writes = shared === undefined || shared.group.rank === 0;
  if (writes && resume !== undefined) await untilUnlocked(out, '--resume');
  if (writes) checkPlace(options);
  if (shared !== undefined && options.onNan === 'rollback')
    throw new UserError('--on-nan rollback is for a run of one process: leave it out, or start one process');
  const threads = options.threads === undefined ? {} : { threads: options.threads };
  const device = options.device === undefined ? {} : { device: options.device };
  const perCall = options.stepsPerCall === undefined ? {} : { stepsPerCall: options.stepsPerCall };
  const parallel = shared === undefined ? {} : { parallel: shared };
  const settings = { ...threads, ...device, ...perCall, ...parallel };
  const chosen = chooseEngine(engine, config.optimizer, settings);
  // Held while the data is opened: nobody else may write the checkpoint's run meanwhile.
  const lock = writes && resume !== undefined ? { lock: lockRun(out, '--resume') } : {};
  try {
    const dataset = await openData(options);
    const prepared = { dataset, chosen, ...lock };
    try {
      const { count } = dataset.description;
      checkMemory(config, count, holdsPoints(dataset) || dataset.onDisk ? 0 : count, memoryOf(shared));
      validateBatches(config, count);
      if (resume !== undefined) requireSameData(out, resume, dataset.description);
      return prepared;
    } catch (error) {
      if (!holdsPoints(dataset)) dataset.close?.();
      throw error;
    }
  } catch (error) {
    lock.lock?.release();
    throw error;
  }
}

/**
 * The trainer of a run, from a checkpoint or from the beginning.
 *
 * @param noiseStream which latents and masks are drawn
 */
export async function openTrainer(
  { dataset, chosen }: PreparedRun,
  { config, version, shared }: RunOptions,
  start: RunCheckpoint | undefined,
  noiseStream: number,
): Promise<Trainer> {
  const trainer = await createTrainer({
    config,
    dataset,
    version,
    engine: chosen.create,
    target: chosen.target,
    noiseStream,
    ...(start === undefined ? {} : { start }),
    ...(shared === undefined ? {} : { share: shareTaker(config, shared.group) }),
  });
  shared?.group.limitWaits(shared.patience);
  return trainer;
}

/** Refuses what the engine cannot compute. */
function checkLimits(config: RunConfig, engine: EngineName): void {
  const limit = engine === 'training-api' ? trainingApiLimit(config) : undefined;
  if (limit !== undefined)
    throw new UserError(`--engine training-api cannot do ${limit}: use --engine session`);
}

/** Refuses a folder that the run may not be written to, before anything slow begins. */
function checkPlace({ config, out, force = false, resume, dataDir }: RunOptions): void {
  const isAllData =
    !isPointData(config.dataset) && datasetEntry(config.dataset).files === 'all' && dataDir !== undefined;
  if (isAllData && isWithin(realPath(dataDir), realPath(out))) {
    throw new UserError(
      `--out ${out} lies in --data-dir ${dataDir}, where the run's pictures would become data: choose a folder outside`,
    );
  }
  if (resume === undefined) {
    checkRunDirectory(out, force);
  } else {
    checkResumable(out);
    requireSameConfig(out, resume, config);
  }
}

/** Bytes that this process may use: its part of what the machine has. */
function memoryOf(shared: SharedRun | undefined): number {
  return availableMemory() / (shared?.onMachine ?? 1);
}

async function openData(options: RunOptions): Promise<AnyDataset> {
  const { config, dataDir } = options;
  if (!isPointData(config.dataset)) return openImages(options);
  if (dataDir !== undefined) throw new UserError(`--data-dir ${dataDir}: toy data is not made of files`);
  return openPoints(config.dataset, config.drawn);
}

async function openImages(options: RunOptions): Promise<Dataset> {
  const { config, dataDir, dataWorkers, skipBroken, signal, shared, on = {} } = options;
  const { count } = datasetEntry(config.dataset);
  checkMemory(config, Math.max(count, config.batchSize), count, memoryOf(shared));
  checkCheckpointSize(config);
  const dataset = await openDataset(config.dataset, {
    imageSize: config.imageSize,
    channels: config.channels,
    ...(dataDir === undefined ? {} : { dataDir }),
    ...(dataWorkers === undefined ? {} : { workers: dataWorkers }),
    ...(skipBroken === undefined ? {} : { skipBroken }),
    ...(on.progress === undefined ? {} : { onProgress: on.progress }),
    ...(on.count === undefined ? {} : { onCount: on.count }),
    ...(signal === undefined ? {} : { signal }),
  });
  if (config.trainImages === undefined) return dataset;
  try {
    return firstImages(dataset, config.trainImages);
  } catch (error) {
    dataset.close?.();
    throw error;
  }
}
