/** A whole run: data, loop, and what it leaves in its folder. */

import { resolve } from 'node:path';
import type { Metric } from '../export/index.js';
import { imageGrid, type Picture } from '../infer/index.js';
import { isWithin, realPath } from '../system/files.js';
import { UserError } from '../system/user-error.js';
import type { GeneratorMeasure } from './best-generator.js';
import { type RunConfig, type RunLength, validateConfig } from './config.js';
import type { DataProgress, Dataset, DatasetDescription } from './data/dataset.js';
import { firstImages } from './data/first-images.js';
import { datasetEntry, openDataset } from './data/index.js';
import type { DeviceName } from './devices.js';
import { Divergence, MAX_ROLLBACKS } from './divergence.js';
import { type ChosenEngine, chooseEngine, type EngineName } from './engines.js';
import { createDoctor, type Doctor, type Note } from './health/doctor.js';
import { checkCheckpointSize, checkMemory } from './memory.js';
import { createPictureWriter } from './picture-writer.js';
import { writeReport } from './report/write-report.js';
import { lastGoodCheckpoint, requireSameConfig, requireSameData } from './resume.js';
import { type BestScore, holdsMoments, type RunCheckpoint } from './run-checkpoint.js';
import { checkResumable, checkRunDirectory, RunDirectory } from './run-directory.js';
import { RunKeeper } from './run-keeper.js';
import { lockRun, type RunLock } from './run-lock.js';
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
  /**
   * What becomes of a run whose losses or parameters are no numbers any more: it ends (`stop`, the default), or returns
   * to its last good checkpoint, or to its beginning, and goes on with other latents and masks, at most 3 times.
   */
  onNan?: 'stop' | 'rollback';
  /** Version of gan-onnx, written into the files. */
  version: string;
  /** Ends the run after the step in progress; what it learned is still written. */
  signal?: AbortSignal;
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
  /** A picture was written, in the step that made it or some steps later. */
  image?(path: string): void;
  /** A generator was judged. */
  score?(score: BestScore, isBest: boolean): void;
  /** Something was found that may go wrong, or the run returned to a checkpoint. */
  note?(note: Note): void;
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
  /** Path of a page about the run. */
  report: string;
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
  const { config, engine = 'session' } = options;
  validateConfig(config);
  checkLimits(config, engine);
  checkPlace(options);
  const threads = options.threads === undefined ? {} : { threads: options.threads };
  const device = options.device === undefined ? {} : { device: options.device };
  const perCall = options.stepsPerCall === undefined ? {} : { stepsPerCall: options.stepsPerCall };
  const chosen = chooseEngine(engine, config.optimizer, { ...threads, ...device, ...perCall });
  // Held while the data is opened: nobody else may write the checkpoint's run meanwhile.
  const lock = options.resume === undefined ? undefined : lockRun(options.out, '--resume');
  try {
    const dataset = await openData(options);
    try {
      checkMemory(config, dataset.description.count, dataset.onDisk ? 0 : dataset.description.count);
      return await trainOn(dataset, chosen, options, lock);
    } finally {
      dataset.close?.();
    }
  } finally {
    lock?.release();
  }
}

/** Trains on a dataset that is open. */
async function trainOn(
  dataset: Dataset,
  chosen: ChosenEngine,
  options: RunOptions,
  lock: RunLock | undefined,
): Promise<RunResult> {
  const { config, out, signal, version, resume, on = {} } = options;
  if (resume !== undefined) requireSameData(out, resume, dataset.description);
  const openTrainer = (start: RunCheckpoint | undefined, noiseStream: number): Promise<Trainer> =>
    createTrainer({
      config,
      dataset,
      version,
      engine: chosen.create,
      target: chosen.target,
      noiseStream,
      ...(start === undefined ? {} : { start }),
    });
  let rollbacks = resume?.record.rollbacks ?? 0;
  let trainer = await openTrainer(resume, rollbacks);
  let isOpen = true;
  let directory: RunDirectory | undefined;
  try {
    signal?.throwIfAborted();
    if (resume !== undefined && !holdsMoments(resume)) on.progress?.(forgottenMoments(resume));
    directory = await openDirectory(options, lock);
    directory.write('config', configJson(options, dataset.description));
    on.start?.({ length: trainer.length, done: trainer.done, dataset: dataset.description, out });
    let health = openHealth(directory, options);
    let keeper = openKeeper({ trainer, dataset, directory, health, rollbacks }, options, resume);
    const report = (failure?: Error): Promise<void> =>
      writeReport(directory!, {
        config,
        length: trainer.length,
        steps: trainer.done,
        rollbacks,
        engine: `${options.engine ?? 'session'} on ${options.device ?? 'cpu'}`,
        version,
        ...(keeper.best === undefined ? {} : { best: keeper.best }),
        ...(failure === undefined ? {} : { failure }),
      });
    const failed = async (failure: unknown): Promise<unknown> => {
      // What ended the run matters more than a report that cannot be written.
      if (failure instanceof Error) await report(failure).catch(() => {});
      return failure;
    };
    for (;;) {
      try {
        const result = await trainToEnd({ trainer, directory, keeper, health }, chosen, options);
        await report();
        return result;
      } catch (error) {
        const isSaved = await keeper.isSettled();
        if (!(error instanceof Divergence)) throw await failed(error);
        const isLast = options.onNan !== 'rollback' || rollbacks === MAX_ROLLBACKS;
        // Told again, because the checkpoint in progress has become the last good one.
        if (isLast || !isSaved) {
          const { step, what: seen } = error;
          directory.appendNote({
            signal: 'not-a-number',
            step,
            seen,
            advice: 'the run ended: try a smaller --lr',
          });
          throw await failed(keeper.diverged(step, seen));
        }
        const back = await lastGoodCheckpoint(directory.checkpoints);
        rollbacks += 1;
        await directory.returnTo(back?.step ?? 0);
        isOpen = false;
        await trainer.close();
        trainer = await openTrainer(back, rollbacks);
        isOpen = true;
        health = openHealth(directory, options);
        keeper = openKeeper({ trainer, dataset, directory, health, rollbacks }, options, back);
        // The checkpoint with the new stream takes the old one's place: whoever resumes from it goes on as this run does.
        await keeper.saveStart();
        const again = `rollback ${rollbacks} of at most ${MAX_ROLLBACKS}`;
        const advice = `the run goes on from step ${trainer.done} with other latents (${again})`;
        health.tell([{ signal: 'not-a-number', step: error.step, seen: error.what, advice }]);
      }
    }
  } finally {
    directory?.close();
    if (isOpen) await trainer.close();
  }
}

/** What a run is made of, from its start or its last rollback on. */
interface RunParts {
  trainer: Trainer;
  directory: RunDirectory;
  keeper: RunKeeper;
  health: Health;
}

/** The doctor, and where its notes go. */
interface Health {
  doctor: Doctor;
  tell(notes: readonly Note[]): void;
}

function openHealth(directory: RunDirectory, { config, on = {} }: RunOptions): Health {
  return {
    doctor: createDoctor({ config }),
    tell(notes) {
      for (const note of notes) {
        directory.appendNote(note);
        on.note?.(note);
      }
    },
  };
}

function openKeeper(
  { health, ...parts }: Omit<RunParts, 'keeper'> & { dataset: Dataset; rollbacks: number },
  { config, engine = 'session', version, threads, keep = DEFAULT_KEEP, measure, resume, on = {} }: RunOptions,
  start: RunCheckpoint | undefined,
): RunKeeper {
  return new RunKeeper({
    ...parts,
    config,
    engine,
    version,
    ...(threads === undefined ? {} : { threads }),
    keep,
    ...(measure === undefined ? {} : { measure }),
    ...(start?.record.best === undefined ? {} : { best: start.record.best }),
    ...(start !== undefined && start === resume ? { savedStep: start.step } : {}),
    ...(on.score === undefined ? {} : { onScore: on.score }),
    onSamples: (step, samples, real) => health.tell(health.doctor.compare(step, samples, real)),
  });
}

/** Trains until the end or the signal, and writes what a run leaves. */
async function trainToEnd(
  parts: RunParts,
  { logInterval: suits, stepsPerCall }: ChosenEngine,
  options: RunOptions,
): Promise<RunResult> {
  const { trainer, directory, keeper } = parts;
  const { logInterval = suits } = options;
  // Losses that nobody waits for are all looked at, so that the first one that is no number is seen at its step.
  await loop(parts, { ...options, logInterval, stepsPerCall, readInterval: suits });
  const interrupted = trainer.done < trainer.length.steps;
  await keeper.finish(interrupted);
  return {
    steps: trainer.done,
    interrupted,
    generator: directory.file('generator'),
    samples: directory.file('samples'),
    checkpoint: directory.checkpoints.folder(trainer.done),
    report: directory.file('report'),
    ...(keeper.best === undefined ? {} : { best: { ...keeper.best, path: directory.file('best') } }),
  };
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

async function openData(options: RunOptions): Promise<Dataset> {
  const { config, dataDir, dataWorkers, skipBroken, signal, on = {} } = options;
  const { count } = datasetEntry(config.dataset);
  checkMemory(config, Math.max(count, config.batchSize), count);
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

async function openDirectory(
  { out, force = false, resume }: RunOptions,
  lock: RunLock | undefined,
): Promise<RunDirectory> {
  return resume === undefined
    ? RunDirectory.create(out, force)
    : RunDirectory.reopen(out, resume.step, lock!);
}

function forgottenMoments({ step, record }: RunCheckpoint): string {
  return (
    `the checkpoint of step ${step} has no Adam moments, because engine ${record.engine} does not give them out: ` +
    'Adam begins again from zero, so the next steps differ from those of a run that was never moved'
  );
}

interface LoopOptions extends RunOptions {
  /** Steps between two lines of metrics.jsonl. */
  logInterval: number;
  /** Steps between two readings of the losses that are not for metrics.jsonl. */
  readInterval: number;
  stepsPerCall: number;
}

/** Steps until the run's length or the signal; at least one, unless all are done. */
async function loop({ trainer, directory, keeper, health }: RunParts, options: LoopOptions): Promise<void> {
  const { config, signal, logInterval, on = {} } = options;
  // A GPU works on while the host draws: only the mean since the last reading tells what a step takes.
  let pending = { steps: 0, ms: 0 };
  const pictures = createPictureWriter();
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
          pending = { steps: 0, ms: 0 };
        }
        if (metrics !== undefined) {
          requireFinite(step, metrics, keeper);
          health.tell(health.doctor.observe(step, metrics));
        }
        if (generated !== undefined) {
          await pictures.write(batchGrid(generated, config), async (png) => {
            const path = await directory.writeImage(step, png);
            on.image?.(path);
          });
        }
        on.step?.(report, ms);
      }
      keeper.requireSaved();
      if (trainer.done % config.checkpointInterval === 0) await keeper.atInterval();
      if (signal?.aborted) break;
    }
    await pictures.close();
  } finally {
    await pictures.close().catch(() => {});
    directory.flushMetrics();
  }
}

/**
 * One step, or as many as one call may do: up to the next picture, which is drawn by a step of its own, checkpoint, or
 * end of the run.
 */
async function nextSteps(
  trainer: Trainer,
  { config, logInterval, readInterval, stepsPerCall }: LoopOptions,
): Promise<StepReport[]> {
  const { done, length } = trainer;
  const left = (interval: number): number => interval - (done % interval);
  const generated = done % config.sampleInterval === 0;
  if (generated || stepsPerCall === 1) {
    const isLast = done === length.steps - 1;
    const isRead = isLast || done % logInterval === 0 || done % readInterval === 0;
    return [await trainer.step({ generated, metrics: isRead })];
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

function requireFinite(step: number, metrics: Metrics, keeper: RunKeeper): void {
  const bad = (Object.entries(metrics) as [Metric, number][]).find(([, value]) => !Number.isFinite(value));
  if (bad !== undefined) throw keeper.diverged(step, `${bad[0]} is ${bad[1]}`);
}

/** gan.py's picture: the first 25 images of the training batch, scaled by the smallest and largest value. */
function batchGrid(generated: Float32Array, { channels, imageSize }: RunConfig): Picture {
  const pixels = channels * imageSize ** 2;
  const count = Math.min(GRID_IMAGES, generated.length / pixels);
  const data = generated.subarray(0, count * pixels);
  const shape = [channels, imageSize, imageSize] as const;
  return imageGrid({ count, shape, data }, { columns: GRID_COLUMNS, scale: 'min-max' });
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
