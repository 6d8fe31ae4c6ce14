/** A whole run: data, loop, and what it leaves in its folder. */

import { buildGeneratorModel, type Metric } from '../export/index.js';
import { encodePng, InvalidModelError, imageGrid, loadGenerator } from '../infer/index.js';
import { UserError } from '../system/user-error.js';
import { configGan, type RunConfig, type RunLength, validateConfig } from './config.js';
import type { DatasetDescription } from './data/dataset.js';
import { datasetEntry, openDataset } from './data/index.js';
import { checkMemory } from './memory.js';
import { checkRunDirectory, RunDirectory } from './run-directory.js';
import { createSessionEngine } from './session-engine.js';
import { createTrainer, type StepReport, type Trainer } from './trainer.js';

export interface RunOptions {
  config: RunConfig;
  /** Folder to write to; must be empty or absent unless `force` is set. */
  out: string;
  /** Replaces the files of an earlier run in `out`. */
  force?: boolean;
  /** Folder of the dataset's files, for datasets made of files. */
  dataDir?: string;
  /** Threads inside an operator; by default one for each physical core. */
  threads?: number;
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
  start?(run: { length: RunLength; dataset: DatasetDescription; out: string }): void;
  step?(report: StepReport, ms: number): void;
  image?(path: string): void;
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
}

/** Images in one of gan.py's pictures, and in a row of it. */
const GRID_IMAGES = 25;
const GRID_COLUMNS = 5;
/** Images in samples.png, and in a row of it. */
const SAMPLES = 100;
const SAMPLE_COLUMNS = 10;

/**
 * Trains a generator and writes its run folder. Nothing is written before everything that can be refused has been.
 *
 * @throws UserError for bad settings, data or folders, and when losses or parameters stop being numbers; the signal's
 * reason when it is aborted before the first step
 */
export async function train(options: RunOptions): Promise<RunResult> {
  const { config, out, force = false, version, signal, on = {} } = options;
  validateConfig(config);
  checkRunDirectory(out, force);
  checkMemory(config, datasetEntry(config.dataset).count);
  const dataset = await openDataset(config.dataset, {
    imageSize: config.imageSize,
    channels: config.channels,
    ...(options.dataDir === undefined ? {} : { dataDir: options.dataDir }),
    ...(on.progress === undefined ? {} : { onProgress: on.progress }),
    ...(signal === undefined ? {} : { signal }),
  });
  checkMemory(config, dataset.description.count);
  const { threads } = options;
  const trainer = await createTrainer({
    config,
    dataset,
    version,
    engine: (engine) => createSessionEngine({ ...engine, ...(threads === undefined ? {} : { threads }) }),
  });
  try {
    signal?.throwIfAborted();
    const directory = RunDirectory.create(out, force);
    directory.write('config', configJson(config, dataset.description, version));
    on.start?.({ length: trainer.length, dataset: dataset.description, out });
    const steps = await loop(trainer, directory, options);
    await exportGenerator(trainer, directory, options, steps);
    return {
      steps,
      interrupted: steps < trainer.length.steps,
      generator: directory.file('generator'),
      samples: directory.file('samples'),
    };
  } finally {
    await trainer.close();
  }
}

/** Steps, at least one, until the run's length or the signal; returns how many were done. */
async function loop(
  trainer: Trainer,
  directory: RunDirectory,
  { config, signal, on = {} }: RunOptions,
): Promise<number> {
  let done = 0;
  try {
    do {
      const draws = done % config.sampleInterval === 0;
      const began = performance.now();
      const report = await trainer.step({ generated: draws });
      const ms = performance.now() - began;
      done += 1;
      directory.appendMetrics(metricsLine(report, ms));
      requireFinite(report, directory);
      if (report.generated !== undefined) {
        const path = await writeGrid(report.generated, report.step, directory, config);
        on.image?.(path);
      }
      on.step?.(report, ms);
    } while (done < trainer.length.steps && !signal?.aborted);
  } finally {
    directory.flushMetrics();
  }
  return done;
}

function metricsLine({ step, epoch, metrics }: StepReport, ms: number): Record<string, number> {
  const { d_loss, g_loss, d_real, d_fake } = metrics;
  return { step, epoch, d_loss, g_loss, 'D(x)': d_real, 'D(G(z))': d_fake, ms: Math.round(ms * 1000) / 1000 };
}

function requireFinite({ step, metrics }: StepReport, directory: RunDirectory): void {
  const bad = (Object.entries(metrics) as [Metric, number][]).find(([, value]) => !Number.isFinite(value));
  if (bad !== undefined) throw diverged(step, `${bad[0]} is ${bad[1]}`, directory);
}

function diverged(step: number, what: string, directory: RunDirectory): UserError {
  return new UserError(
    `step ${step}: ${what}, so training has diverged and no generator was written ` +
      `(metrics and images so far are in ${directory.path}): try a smaller --lr`,
  );
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

/** Writes generator.onnx, and samples.png drawn by that very file; neither when it draws no numbers. */
async function exportGenerator(
  trainer: Trainer,
  directory: RunDirectory,
  { config, version, threads }: RunOptions,
  step: number,
): Promise<void> {
  const state = await trainer.readState();
  // The losses of a step are those from before its update: the last update shows only here.
  const bad = [...state].find(([, { data }]) => data.some((x: number) => !Number.isFinite(x)));
  if (bad !== undefined) throw diverged(step, `${bad[0]} is not finite`, directory);
  const bytes = buildGeneratorModel(configGan(config), state, {
    dataset: config.dataset,
    step,
    version,
  });
  const generator = await loadGenerator(bytes, threads === undefined ? {} : { threads });
  try {
    const samples = await generator.sample({ count: SAMPLES, seed: config.seed });
    directory.write('generator', bytes);
    directory.write('samples', await encodePng(imageGrid(samples, { columns: SAMPLE_COLUMNS })));
  } catch (error) {
    if (error instanceof InvalidModelError) throw diverged(step, error.message, directory);
    throw error;
  } finally {
    await generator.release();
  }
}

function configJson(config: RunConfig, dataset: DatasetDescription, version: string): string {
  return `${JSON.stringify({ version, ...config, data: dataset }, null, 2)}\n`;
}
