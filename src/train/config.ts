/** A run's configuration: everything that decides what a run computes, as written to config.json. */

import {
  type AnyGanSpec,
  GANS,
  type GanName,
  GENERATOR_LOSSES,
  type GeneratorLoss,
  type OptimizerSpec,
  pointGan,
  usesBatchStatistics,
} from '../export/index.js';
import { UserError } from '../system/user-error.js';
import { isPointData, pointDistribution } from './data/points/dataset.js';
import type { DrawnPoints } from './data/points/drawn.js';
import { type ScheduleName, UPDATE_SCHEDULES } from './update-schedules.js';

export interface RunConfig {
  /** Network pair: one for images, or `points` for toy data. */
  gan: GanName | 'points';
  /** Width and height of the images in pixels; points have none, and the default stands there. */
  imageSize: number;
  /** 1 or 3; as imageSize. */
  channels: number;
  /** Components of a latent. */
  latentSize: number;
  /** Name in the table of datasets or of toy distributions, or `drawn`. */
  dataset: string;
  /** The points of dataset `drawn`. */
  drawn?: DrawnPoints;
  /** Units of each hidden layer of the networks for points; 32 on a line and 64 in the plane by default. */
  units?: number;
  /** In which order G and D are updated. */
  schedule: ScheduleName;
  /** Updates of D for each of G; 1 for `joint`. */
  k: number;
  optimizer: OptimizerSpec;
  /** What G minimises. */
  loss: GeneratorLoss;
  /** Steps after which G goes on with the other objective. */
  lossSwitchStep?: number;
  /** Trains on the first so many images of the dataset; on all by default. */
  trainImages?: number;
  batchSize: number;
  /** Passes over the data. */
  epochs: number;
  /** Ends the run earlier than its epochs would. */
  maxSteps?: number;
  /** Steps between two pictures in images/. */
  sampleInterval: number;
  /** Steps between two checkpoints, and between two looks at whether the generator is the best so far. */
  checkpointInterval: number;
  /**
   * Decay of one step in the exponential moving average of G that is kept beside G, in [0, 1); with 0, as by default, there
   * is none. Training does not depend on it.
   */
  emaDecay?: number;
  /** Integer in [0, 2^53): the same seed gives the same run, bit for bit, on the same machine. */
  seed: number;
}

/** gan.py's optimiser. */
export const ADAM = {
  kind: 'adam',
  learningRate: { kind: 'constant', value: 2e-4 },
  b1: 0.5,
  b2: 0.999,
  eps: 1e-8,
} as const satisfies OptimizerSpec;

/** gan.py's own defaults, on the digits that come with the project. */
export const DEFAULT_CONFIG: RunConfig = {
  gan: 'pytorch-gan',
  imageSize: 28,
  channels: 1,
  latentSize: 100,
  dataset: 'digits',
  schedule: 'joint',
  k: 1,
  optimizer: ADAM,
  loss: 'nonsaturating',
  batchSize: 64,
  epochs: 200,
  sampleInterval: 400,
  checkpointInterval: 1000,
  seed: 0,
};

/** The networks of a run. */
export function configGan(config: RunConfig): AnyGanSpec {
  const { gan, imageSize, channels, latentSize, dataset, drawn, units } = config;
  if (gan !== 'points') return GANS[gan]({ image: [channels, imageSize, imageSize], latentSize });
  const points = pointDistribution(dataset, drawn).dimension as 1 | 2;
  return pointGan({ points, latentSize, units: units ?? POINT_UNITS[points] });
}

/** Units of a hidden layer, by the coordinates of a point. */
export const POINT_UNITS = { 1: 32, 2: 64 } as const;

/**
 * What toy data is trained with unless told otherwise, found by experiment on `mixture-1d`: Algorithm 1 of the 2014 paper
 * with Adam without momentum, with which G and D would circle around each other.
 */
export function pointDefaults(dataset: string, drawn?: DrawnPoints): Partial<RunConfig> {
  const dimension = pointDistribution(dataset, drawn).dimension;
  return {
    gan: 'points',
    dataset,
    latentSize: dimension,
    schedule: 'd-first',
    k: 5,
    optimizer: { kind: 'adam', learningRate: { kind: 'constant', value: 1e-3 }, b1: 0, b2: 0.99, eps: 1e-8 },
    batchSize: 256,
    sampleInterval: 500,
  };
}

/** How many steps a run has, and how they divide the data. */
export interface RunLength {
  steps: number;
  batchesPerEpoch: number;
  batchesPerStep: number;
}

/** @param count images in the dataset */
export function runLength(config: RunConfig, count: number): RunLength {
  const batchesPerEpoch = Math.ceil(count / config.batchSize);
  const batchesPerStep = UPDATE_SCHEDULES[config.schedule](config.k).filter(
    (graph) => graph !== 'generator',
  ).length;
  const steps = Math.ceil((config.epochs * batchesPerEpoch) / batchesPerStep);
  return { steps: Math.min(steps, config.maxSteps ?? steps), batchesPerEpoch, batchesPerStep };
}

/** The most updates of D for one of G: more would be a mistake. */
export const MAX_K = 1000;

const COUNTS = [
  'imageSize',
  'latentSize',
  'batchSize',
  'epochs',
  'sampleInterval',
  'checkpointInterval',
  'k',
] as const;

const OPTIONAL_COUNTS = ['maxSteps', 'trainImages', 'lossSwitchStep', 'units'] as const;

/**
 * Checks what can be checked before the data is there.
 *
 * @throws UserError naming the setting, its value and what was expected
 */
export function validateConfig(config: RunConfig): void {
  for (const name of COUNTS) requireCount(name, config[name]);
  for (const name of OPTIONAL_COUNTS) if (config[name] !== undefined) requireCount(name, config[name]);
  if (config.channels !== 1 && config.channels !== 3) {
    throw new UserError(`channels is ${config.channels}: expected 1 (greyscale) or 3 (RGB)`);
  }
  if (!Number.isSafeInteger(config.seed) || config.seed < 0) {
    throw new UserError(`seed is ${config.seed}: expected an integer from 0 to 2^53 - 1`);
  }
  if (config.k > MAX_K) throw new UserError(`k is ${config.k}: expected at most ${MAX_K}`);
  requireKnown('gan', config.gan, { ...GANS, points: true });
  requireFitting(config);
  requireKnown('schedule', config.schedule, UPDATE_SCHEDULES);
  requireKnown('loss', config.loss, GENERATOR_LOSSES);
  requireImageSize(config);
  if (config.schedule === 'joint' && config.k !== 1) {
    throw new UserError(`k is ${config.k} with schedule joint, which updates D once: use d-first or g-first`);
  }
  validateOptimizer(config.optimizer);
  if (config.emaDecay !== undefined) requireDecay('emaDecay', config.emaDecay);
}

/** Networks for points and toy data belong together. */
function requireFitting({ gan, dataset, drawn, units, trainImages }: RunConfig): void {
  const isPoints = isPointData(dataset);
  if ((gan === 'points') !== isPoints) {
    throw new UserError(
      `dataset ${dataset} is made of ${isPoints ? 'points' : 'images'}, and gan ${gan} is not: choose another --network`,
    );
  }
  if (isPoints) {
    pointDistribution(dataset, drawn);
    if (trainImages !== undefined)
      throw new UserError(`trainImages is ${trainImages}: toy data has no images`);
  } else if (drawn !== undefined || units !== undefined) {
    throw new UserError(`dataset ${dataset} is made of images: units and drawn points belong to toy data`);
  }
}

/** Networks of convolutions do not make images of every size. */
function requireImageSize(config: RunConfig): void {
  try {
    configGan(config);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new UserError(`${error.message}: choose another --img-size or --network`);
  }
}

function requireKnown(name: string, value: string, table: object): void {
  if (!Object.hasOwn(table, value)) {
    throw new UserError(`${name} is ${value}: expected one of ${Object.keys(table).join(', ')}`);
  }
}

function requireCount(name: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new UserError(`${name} is ${value}: expected a whole number of at least 1`);
  }
}

function validateOptimizer(optimizer: OptimizerSpec): void {
  if (optimizer.learningRate.kind === 'constant' && !(optimizer.learningRate.value > 0)) {
    throw new UserError(`learning rate is ${optimizer.learningRate.value}: expected a number above 0`);
  }
  if (optimizer.kind === 'sgd') {
    const { momentum } = optimizer;
    if (momentum.kind === 'constant') requireDecay('momentum', momentum.value);
    return;
  }
  for (const name of ['b1', 'b2'] as const) requireDecay(name, optimizer[name]);
}

function requireDecay(name: string, value: number): void {
  // A setting of a file may be text.
  if (typeof value === 'number' && value >= 0 && value < 1) return;
  throw new UserError(`${name} is ${value}: expected a number from 0 up to, but not including, 1`);
}

/**
 * Checks what the dataset decides: that no batch has a single image, which batch statistics cannot normalise.
 *
 * @throws UserError
 */
export function validateBatches(config: RunConfig, count: number): void {
  const gan = configGan(config);
  const last = count % config.batchSize;
  const needsTwo = usesBatchStatistics(gan.generator) || usesBatchStatistics(gan.discriminator);
  if (!needsTwo || (last !== 1 && config.batchSize !== 1)) return;
  throw new UserError(
    `batch size ${config.batchSize} leaves a batch of 1 of ${count} images, which BatchNorm cannot normalise: choose another`,
  );
}
