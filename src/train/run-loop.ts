/** The steps of a run, with what each leaves: metrics, pictures, notes, and at intervals checkpoints. */

import type { Metric } from '../export/index.js';
import { imageGrid, type Picture } from '../infer/index.js';
import { GroupError } from '../parallel/agreement.js';
import type { UserError } from '../system/user-error.js';
import type { CallLength } from './call-length.js';
import type { RunConfig } from './config.js';
import { type AnyDataset, holdsPoints } from './data/dataset.js';
import { EMA_INTERVAL, isAveraged } from './ema.js';
import type { Doctor, Note } from './health/doctor.js';
import { createPictureWriter } from './picture-writer.js';
import { pointPicture } from './point-picture.js';
import type { RunDirectory } from './run-directory.js';
import type { RunKeeper } from './run-keeper.js';
import type { RunOptions } from './run-options.js';
import { meetAtStep, type SharedRun } from './shared-run.js';
import type { StepReport, Trainer } from './trainer.js';

/** Images in one of gan.py's pictures, and in a row of it. */
const GRID_IMAGES = 25;
const GRID_COLUMNS = 5;

/** What a run is made of, from its start or its last rollback on. */
export interface RunParts {
  trainer: Trainer;
  dataset: AnyDataset;
  directory: RunDirectory;
  keeper: RunKeeper;
  health: Health;
}

/** The doctor, and where its notes go. */
export interface Health {
  doctor: Doctor;
  tell(notes: readonly Note[]): void;
}

/** How steps are taken. */
export interface StepOptions {
  config: RunConfig;
  /** Steps between two lines of metrics.jsonl. */
  logInterval: number;
  /** Steps between two readings of the losses that are not for metrics.jsonl. */
  readInterval: number;
  calls: CallLength;
}

export type LoopOptions = RunOptions & StepOptions;

/**
 * Steps until the run's length or the signal; at least one, unless all are done.
 *
 * @throws Divergence when a loss is no number; where several processes see it, as the cause of a GroupError
 */
export async function loop(
  { trainer, dataset, directory, keeper, health }: RunParts,
  options: LoopOptions,
): Promise<void> {
  const { config, shared, logInterval, calls, on = {} } = options;
  const signal = shared?.signal ?? options.signal;
  // A GPU works on while the host draws: only the mean since the last reading tells what a step takes.
  let pending = { steps: 0, ms: 0 };
  const pictures = createPictureWriter();
  try {
    while (trainer.done < trainer.length.steps) {
      const began = performance.now();
      const reports = await nextSteps(trainer, options);
      const ms = (performance.now() - began) / reports.length;
      calls.learn(reports.length, ms * reports.length);
      for (const report of reports) {
        pending = { steps: pending.steps + 1, ms: pending.ms + ms };
        const { step, metrics, generated } = report;
        const isLast = step === trainer.length.steps - 1;
        if (metrics !== undefined && (isLast || step % logInterval === 0)) {
          directory.appendMetrics(metricsLine(report, metrics, pending.ms / pending.steps));
          pending = { steps: 0, ms: 0 };
        }
        if (metrics !== undefined) {
          const problem = notFinite(metrics);
          if (problem !== undefined) throw endOf(shared, keeper.diverged(step, problem));
          health.tell(health.doctor.observe(step, metrics));
        }
        if (generated !== undefined) {
          await pictures.write(pictureOf(generated, dataset, config), async (png) => {
            const path = await directory.writeImage(step, png);
            on.image?.(path);
          });
        }
        on.step?.(report, ms);
      }
      keeper.requireSaved();
      if (isAveraged(config) && trainer.done % EMA_INTERVAL === 0) await keeper.average();
      if (trainer.done % config.checkpointInterval === 0) {
        if (shared !== undefined) await meetAtStep(shared, config, trainer);
        await keeper.atInterval();
      }
      if (signal?.aborted) break;
    }
    await pictures.close();
  } finally {
    await pictures.close().catch(() => {});
    directory.flushMetrics();
  }
}

/**
 * One step, or as many as one call may do: up to the next picture, which is drawn by a step of its own, checkpoint,
 * generator that goes into the average, or end of the run.
 */
export async function nextSteps(
  trainer: Trainer,
  { config, logInterval, readInterval, calls }: StepOptions,
): Promise<StepReport[]> {
  const { done, length } = trainer;
  const left = (interval: number): number => interval - (done % interval);
  const generated = done % config.sampleInterval === 0;
  if (generated || calls.steps === 1) {
    const isLast = done === length.steps - 1;
    const isRead = isLast || done % logInterval === 0 || done % readInterval === 0;
    return [await trainer.step({ generated, metrics: isRead })];
  }
  const bounds = [
    calls.steps,
    left(config.sampleInterval),
    left(config.checkpointInterval),
    ...(isAveraged(config) ? [left(EMA_INTERVAL)] : []),
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
export function endOf(shared: SharedRun | undefined, error: UserError): UserError {
  return shared === undefined ? error : new GroupError(error.message, { cause: error });
}

/** Toy data is drawn as points over its density, images as gan.py draws them. */
function pictureOf(generated: Float32Array, dataset: AnyDataset, config: RunConfig): Picture {
  return holdsPoints(dataset) ? pointPicture(generated, dataset.points) : batchGrid(generated, config);
}

/** gan.py's picture: the first 25 images of the training batch, scaled by the smallest and largest value. */
function batchGrid(generated: Float32Array, { channels, imageSize }: RunConfig): Picture {
  const pixels = channels * imageSize ** 2;
  const count = Math.min(GRID_IMAGES, generated.length / pixels);
  const data = generated.subarray(0, count * pixels);
  const shape = [channels, imageSize, imageSize] as const;
  return imageGrid({ count, shape, data }, { columns: GRID_COLUMNS, scale: 'min-max' });
}
