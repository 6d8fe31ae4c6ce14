/**
 * A whole training on toy data: Algorithm 1 of the 2014 paper with k = 5 and the non-saturating loss, in stages of falling
 * learning rate, with looks at the state on the way.
 */

import { type OptimizerSpec, type PointGanSpec, pointGan, type StepGraphName } from '../export/index.js';
import { POINT_UNITS } from './config.js';
import { POINT_DISTRIBUTIONS, type PointDistributionName } from './data/points/distributions.js';
import { createPointTrainer } from './point-trainer.js';
import type { TrainingPoint } from './trainer.js';
import { UPDATE_SCHEDULES } from './update-schedules.js';

/** Parts of a training, each with its learning rate; found by experiment on `mixture-1d`. */
const STAGES = [
  { part: 0.4, rate: 2e-3 },
  { part: 0.3, rate: 5e-4 },
  { part: 0.3, rate: 1e-4 },
] as const;

/** Updates of D for each of G. With 3, G folded the line over in one of ten trainings, and never unfolded it. */
const K = 5;

/** Points in a batch of toy data. */
export const BATCH_SIZE = 512;

/** Adam without momentum: with it G and D circle around each other. */
export function pointOptimizer(rate: number): OptimizerSpec {
  return { kind: 'adam', learningRate: { kind: 'constant', value: rate }, b1: 0, b2: 0.99, eps: 1e-8 };
}

/** The networks for a distribution: as many components in a latent as coordinates in a point. */
export function pointNetworks(name: PointDistributionName): PointGanSpec {
  const { dimension } = POINT_DISTRIBUTIONS[name];
  return pointGan({ points: dimension, latentSize: dimension, units: POINT_UNITS[dimension as 1 | 2] });
}

/** Which training: its data, length and seed. */
export interface PointRun {
  data: PointDistributionName;
  /** Steps in all: k updates of D and one of G each. */
  steps: number;
  /** The same seed gives the same run. */
  seed: number;
}

/** Updates beside a training: which, how many and at which rate. */
export interface Branch {
  order: readonly StepGraphName[];
  steps: number;
  rate: number;
  /** Ends them early, with the signal's reason. */
  signal?: AbortSignal;
}

function openTrainer(
  { data, seed }: PointRun,
  order: readonly StepGraphName[],
  rate: number,
  start?: TrainingPoint,
) {
  return createPointTrainer({
    gan: pointNetworks(data),
    data: POINT_DISTRIBUTIONS[data],
    optimizer: pointOptimizer(rate),
    loss: 'nonsaturating',
    order,
    batchSize: BATCH_SIZE,
    seed,
    ...(start === undefined ? {} : { start }),
  });
}

/** Where some updates lead that the training itself does not make. */
export async function branchFrom(
  start: TrainingPoint,
  run: PointRun,
  { order, steps, rate, signal }: Branch,
): Promise<TrainingPoint> {
  const trainer = await openTrainer(run, order, rate, start);
  try {
    await trainer.steps(steps, signal);
    return { step: trainer.done, state: await trainer.readState() };
  } finally {
    await trainer.close();
  }
}

/**
 * Trains from fresh networks and shows where it stands at each of `looks`, numbers of steps in rising order.
 *
 * @param signal ends it early, with the signal's reason
 */
export async function* trainOnPoints(
  run: PointRun,
  looks: readonly number[],
  signal?: AbortSignal,
): AsyncGenerator<TrainingPoint> {
  const order = UPDATE_SCHEDULES['d-first'](K);
  let point: TrainingPoint | undefined;
  let part = 0;
  for (const stage of STAGES) {
    part += stage.part;
    const end = Math.round(part * run.steps);
    const trainer = await openTrainer(run, order, stage.rate, point);
    try {
      const stops = looks.filter((look) => look > trainer.done && look < end);
      if (point === undefined && looks.includes(0)) yield { step: 0, state: await trainer.readState() };
      for (const stop of [...stops, end]) {
        await trainer.steps(stop - trainer.done, signal);
        point = { step: trainer.done, state: await trainer.readState() };
        if (looks.includes(stop)) yield point;
      }
    } finally {
      await trainer.close();
    }
  }
}
