/** A whole run: data, loop, and what it leaves in its folder. */

import { resolve } from 'node:path';
import type { Metric } from '../export/index.js';
import { encodePng, imageGrid } from '../infer/index.js';
import { beginTogether, GroupError } from '../parallel/agreement.js';
import { isWithin, realPath } from '../system/files.js';
import { availableMemory } from '../system/memory.js';
import { UserError } from '../system/user-error.js';
import type { GeneratorMeasure } from './best-generator.js';
import { type RunConfig, type RunLength, validateBatches, validateConfig } from './config.js';
import type { DataProgress, Dataset, DatasetDescription } from './data/dataset.js';
import { firstImages } from './data/first-images.js';
import { datasetEntry, openDataset } from './data/index.js';
import type { DeviceName } from './devices.js';
import { type ChosenEngine, chooseEngine, type EngineName } from './engines.js';
import { checkCheckpointSize, checkMemory } from './memory.js';
import { requireSameConfig, requireSameData } from './resume.js';
import { type BestScore, holdsMoments, type RunCheckpoint } from './run-checkpoint.js';
import { checkResumable, checkRunDirectory, RunDirectory } from './run-directory.js';
import { diverged, RunKeeper } from './run-keeper.js';
import { meetAtStep, runFacts, type SharedRun, shareTaker } from './shared-run.js';
import { createTrainer, type StepReport, type Trainer } from './trainer.js';
import { trainingApiLimit } from './training-api-limits.js';

export interface RunOptions {
  config: RunConfig;
  /** Folder to write to; must be empty or absent unless `force` or `resume` is set. */
  out: string;
  /** Replaces the files of an earlier run in `out`. */
  force?: boolean;
  /** Goes on with the run in `out` from this checkpoint of it. */
  resume?: RunCheckpoint;
  /** Folder of the dataset's files, for datasets made of files. */
  dataDir?: string;
  /** Threads that decode image files; by default one for each core, at most 8. */
  dataWorkers?: number;
  /** Leaves broken image files out, rather than refusing them. */
  skipBroken?: boolean;
  /** What runs the steps; `session` by default. */
  engine?: EngineName;
  /** Where the session engine runs; `cpu` by default. */
  device?: DeviceName;
  /** Threads inside an operator; by default one for each physical core. */
  threads?: number;
  /** The most steps in one call of the engine; by default what suits the device. */
  stepsPerCall?: number;
  /** Steps between two lines of metrics.jsonl: 1 by default on the CPU, 10 on a GPU, which waits for each reading. */
  logInterval?: number;
  /** Checkpoints to keep; 2 by default. */
  keep?: number;
  /** Judges generators, so that the best one is kept beside the last. */
  measure?: GeneratorMeasure;
  /** Version of gan-onnx, written into the files. */
  version: string;
  /** Ends the run after the step in progress; what it learned is still written. */
  signal?: AbortSignal;
  /** The processes that train together; this one is rank 0, and `follow` is what the others call. */
  shared?: SharedRun;
  on?: RunEvents;
}

/** What a run tells while it goes on. */
export interface RunEvents {
  /** Something slow begins: one line of text. */
  progress?(message: string): void;
  /** How far it has come; the last time `done` is `total`. */
  count?(progress: DataProgress): void;
  /** @param run.done steps that were done before, when the run was resumed */
  start?(run: { length: RunLength; done: number; dataset: DatasetDescription; out: string }): void;
  step?(report: StepReport, ms: number): void;
  image?(path: string): void;
  /** A generator was judged. */
  score?(score: BestScore, isBest: boolean): void;
}

export interface RunResult {
  /** Steps done. */
  steps: number;
  /** Whether the signal ended the run early. */
  interrupted: boolean;
  /** Path of the exported generator. */
  generator: string;
  /** Path of a picture of 100 samples of it. */
  samples: string;
  /** The best generator of the run, where one was judged. */
  best?: BestScore & { path: string };
  /** Folder of the last checkpoint. */
  checkpoint: string;
}

/** Images in one of gan.py's pictures, and in a row of it. */
const GRID_IMAGES = 25;
const GRID_COLUMNS = 5;
const DEFAULT_KEEP = 2;

/**
 * Trains a generator and writes its run folder. Nothing is written before everything that can be refused has been.
 *
 * @throws UserError for bad settings, data or folders, and when losses or parameters stop being numbers; the signal's
 * reason when it is aborted before the first step
 */
export async function train(options: RunOptions): Promise<RunResult> {
  const { dataset, chosen } = await prepareRun(options);
  try {
    return await trainOn(dataset, chosen, options);
  } finally {
    dataset.close?.();
  }
}

/** What a run needs before it changes anything. */
export interface PreparedRun {
  /** Open. */
  dataset: Dataset;
  chosen: ChosenEngine;
}

/** Refuses all that can be, and opens the data; with the other processes where there are any. */
export async function prepareRun(options: RunOptions): Promise<PreparedRun> {
  const { config, shared, version, resume } = options;
  if (shared === undefined) return prepareAlone(options);
  return beginTogether(
    shared.group,
    () => prepareAlone(options),
    ({ dataset, chosen: { logInterval } }) =>
      runFacts({
        config,
        version,
        data: dataset.description.sha256,
        step: resume?.step ?? 0,
        logInterval: options.logInterval ?? logInterval,
      }),
  );
}

async function prepareAlone(options: RunOptions): Promise<PreparedRun> {
  const { config, engine = 'session', shared, out, resume } = options;
  validateConfig(config);
  checkLimits(config, engine);
  // Rank 0 alone writes there.
  if (shared === undefined || shared.group.rank === 0) checkPlace(options);
  const threads = options.threads === undefined ? {} : { threads: options.threads };
  const device = options.device === undefined ? {} : { device: options.device };
  const perCall = options.stepsPerCall === undefined ? {} : { stepsPerCall: options.stepsPerCall };
  const parallel = shared === undefined ? {} : { parallel: shared };
  const settings = { ...threads, ...device, ...perCall, ...parallel };
  const chosen = chooseEngine(engine, config.optimizer, settings);
  const dataset = await openData(options);
  try {
    const { count } = dataset.description;
    checkMemory(config, count, dataset.onDisk ? 0 : count, memoryOf(shared));
    validateBatches(config, dataset.description.count);
    if (resume !== undefined) requireSameData(out, resume, dataset.description);
    return { dataset, chosen };
  } catch (error) {
    dataset.close?.();
    throw error;
  }
}

/** The trainer of a run. */
export async function runTrainer({ dataset, chosen }: PreparedRun, options: RunOptions): Promise<Trainer> {
  const { config, version, resume, shared } = options;
  const trainer = await createTrainer({
    config,
    dataset,
    version,
    engine: chosen.create,
    target: chosen.target,
    ...(resume === undefined ? {} : { start: resume }),
    ...(shared === undefined ? {} : { share: shareTaker(config, shared.group) }),
  });
  shared?.group.limitWaits(shared.patience);
  return trainer;
}

/** Trains on a dataset that is open. */
async function trainOn(dataset: Dataset, chosen: ChosenEngine, options: RunOptions): Promise<RunResult> {
  const { config, out, signal, version, resume, shared, engine = 'session', on = {} } = options;
  const { logInterval = chosen.logInterval } = options;
  const trainer = await runTrainer({ dataset, chosen }, options);
  try {
    if (shared === undefined) signal?.throwIfAborted();
    if (resume !== undefined && !holdsMoments(resume)) on.progress?.(forgottenMoments(resume));
    const directory = openDirectory(options);
    directory.write('config', configJson(options, dataset.description));
    on.start?.({ length: trainer.length, done: trainer.done, dataset: dataset.description, out });
    const keeper = new RunKeeper({
      config,
      trainer,
      dataset,
      directory,
      engine,
      version,
      ...(options.threads === undefined ? {} : { threads: options.threads }),
      keep: options.keep ?? DEFAULT_KEEP,
      ...(options.measure === undefined ? {} : { measure: options.measure }),
      ...(resume?.record.best === undefined ? {} : { best: resume.record.best }),
      ...(resume === undefined ? {} : { savedStep: resume.step }),
      ...(on.score === undefined ? {} : { onScore: on.score }),
    });
    await loop(trainer, directory, keeper, { ...options, logInterval, stepsPerCall: chosen.stepsPerCall });
    const interrupted = trainer.done < trainer.length.steps;
    if (shared !== undefined) await meetAtStep(shared, config, trainer);
    await keeper.finish(interrupted);
    if (!interrupted) directory.write('complete', completion(trainer.done, shared));
    return {
      steps: trainer.done,
      interrupted,
      generator: directory.file('generator'),
      samples: directory.file('samples'),
      checkpoint: directory.checkpoints.folder(trainer.done),
      ...(keeper.best === undefined ? {} : { best: { ...keeper.best, path: directory.file('best') } }),
    };
  } finally {
    await trainer.close();
  }
}

/** Refuses what the engine cannot compute. */
function checkLimits(config: RunConfig, engine: EngineName): void {
  const limit = engine === 'training-api' ? trainingApiLimit(config) : undefined;
  if (limit !== undefined)
    throw new UserError(`--engine training-api cannot do ${limit}: use --engine session`);
}

/** Refuses a folder that the run may not be written to, before anything slow begins. */
function checkPlace({ config, out, force = false, resume, dataDir }: RunOptions): void {
  const isAllData = datasetEntry(config.dataset).files === 'all' && dataDir !== undefined;
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

async function openData(options: RunOptions): Promise<Dataset> {
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

function openDirectory({ out, force = false, resume }: RunOptions): RunDirectory {
  return resume === undefined ? RunDirectory.create(out, force) : RunDirectory.reopen(out, resume.step);
}

function forgottenMoments({ step, record }: RunCheckpoint): string {
  return (
    `the checkpoint of step ${step} has no Adam moments, because engine ${record.engine} does not give them out: ` +
    'Adam begins again from zero, so the next steps differ from those of a run that was never moved'
  );
}

/** Steps until the run's length or the signal; at least one, unless all are done. */
async function loop(
  trainer: Trainer,
  directory: RunDirectory,
  keeper: RunKeeper,
  options: RunOptions & { logInterval: number; stepsPerCall: number },
): Promise<void> {
  const { config, shared, logInterval, on = {} } = options;
  const signal = shared?.signal ?? options.signal;
  // A GPU works on while the host draws: only the mean since the last reading tells what a step takes.
  let pending = { steps: 0, ms: 0 };
  try {
    while (trainer.done < trainer.length.steps) {
      const began = performance.now();
      const reports = await nextSteps(trainer, options);
      const ms = (performance.now() - began) / reports.length;
      for (const report of reports) {
        pending = { steps: pending.steps + 1, ms: pending.ms + ms };
        const { step, metrics, generated } = report;
        const isLast = step === trainer.length.steps - 1;
        if (metrics !== undefined && (isLast || step % logInterval === 0)) {
          directory.appendMetrics(metricsLine(report, metrics, pending.ms / pending.steps));
          const problem = notFinite(metrics);
          if (problem !== undefined) throw endOf(shared, diverged(step, problem, directory));
          pending = { steps: 0, ms: 0 };
        }
        if (generated !== undefined) {
          const path = await writeGrid(generated, step, directory, config);
          on.image?.(path);
        }
        on.step?.(report, ms);
      }
      keeper.requireSaved();
      if (trainer.done % config.checkpointInterval === 0) {
        if (shared !== undefined) await meetAtStep(shared, config, trainer);
        await keeper.atInterval();
      }
      if (signal?.aborted) return;
    }
  } finally {
    directory.flushMetrics();
  }
}

/**
 * One step, or as many as one call may do: up to the next picture, which is drawn by a step of its own, checkpoint, or
 * end of the run.
 */
export async function nextSteps(
  trainer: Trainer,
  { config, logInterval, stepsPerCall }: { config: RunConfig; logInterval: number; stepsPerCall: number },
): Promise<StepReport[]> {
  const { done, length } = trainer;
  const left = (interval: number): number => interval - (done % interval);
  const generated = done % config.sampleInterval === 0;
  if (generated || stepsPerCall === 1) {
    const isLast = done === length.steps - 1;
    return [await trainer.step({ generated, metrics: isLast || done % logInterval === 0 })];
  }
  const bounds = [
    stepsPerCall,
    left(config.sampleInterval),
    left(config.checkpointInterval),
    length.steps - done,
  ];
  return trainer.steps(Math.min(...bounds));
}

type Metrics = Record<Metric, number>;

function metricsLine({ step, epoch }: StepReport, metrics: Metrics, ms: number): Record<string, number> {
  const { d_loss, g_loss, d_real, d_fake } = metrics;
  return { step, epoch, d_loss, g_loss, 'D(x)': d_real, 'D(G(z))': d_fake, ms: Math.round(ms * 1000) / 1000 };
}

/** Which metric is not a number, in words; undefined where all are. */
export function notFinite(metrics: Metrics): string | undefined {
  const bad = (Object.entries(metrics) as [Metric, number][]).find(([, value]) => !Number.isFinite(value));
  return bad && `${bad[0]} is ${bad[1]}`;
}

/** What ends a run: where several processes see the same, all of them know. */
function endOf(shared: SharedRun | undefined, error: UserError): UserError {
  return shared === undefined ? error : new GroupError(error.message, { cause: error });
}

/** gan.py's picture: the first 25 images of the training batch, scaled by the smallest and largest value. */
async function writeGrid(
  generated: Float32Array,
  step: number,
  directory: RunDirectory,
  { channels, imageSize }: RunConfig,
): Promise<string> {
  const pixels = channels * imageSize ** 2;
  const count = Math.min(GRID_IMAGES, generated.length / pixels);
  const data = generated.subarray(0, count * pixels);
  const shape = [channels, imageSize, imageSize] as const;
  const grid = imageGrid({ count, shape, data }, { columns: GRID_COLUMNS, scale: 'min-max' });
  return directory.writeImage(step, await encodePng(grid));
}

/** complete.json: all else is there. */
function completion(steps: number, shared: SharedRun | undefined): string {
  return `${JSON.stringify({ steps, processes: shared?.group.size ?? 1 })}\n`;
}

/** config.json: the settings, and what they were applied to. */
function configJson(options: RunOptions, data: DatasetDescription): string {
  const { config, version, dataDir, skipBroken } = options;
  const place = {
    ...(dataDir === undefined ? {} : { dataDir: resolve(dataDir) }),
    ...(skipBroken ? { skipBroken } : {}),
  };
  return `${JSON.stringify({ version, ...config, data, ...place }, null, 2)}\n`;
}
