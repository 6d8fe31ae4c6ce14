/** Between what the visitor chooses and a run's configuration, which the rest of the project reads. */

import type { OptimizerSpec, Schedule } from '../../../src/export/index.js';
import { DEFAULT_CONFIG } from '../../../src/train/config.js';
import { isPointData, pointDistribution } from '../../../src/train/data/points/dataset.js';
import type { PointDistributionName } from '../../../src/train/data/points/distributions.js';
import { DRAWN, type DrawnPoints } from '../../../src/train/data/points/drawn.js';
import { type RunConfig, UserError, validateConfig } from '../../../src/train/web.js';
import type { DataChoice, Settings } from '../protocol.js';

/** Adam's b2 for images as in gan.py, and for points. */
const B2 = { images: 0.999, points: 0.99 } as const;

/** Name of a choice of data in a run's configuration. */
function datasetName(data: DataChoice): string {
  return data.kind === 'points' ? data.name : data.kind === 'drawn' ? DRAWN : data.kind;
}

function drawnPoints({ dimension, points }: DataChoice & { kind: 'drawn' }): DrawnPoints {
  // Digits beyond these cannot be drawn, and would make a configuration long.
  return { dimension, points: Array.from(points, (x) => Math.round(x * 1e4) / 1e4) };
}

function optimizerSpec({ optimizer, learningRate, momentum, network }: Settings): OptimizerSpec {
  const rate = { kind: 'constant', value: learningRate } as const;
  if (optimizer === 'sgd') {
    return { kind: 'sgd', learningRate: rate, momentum: { kind: 'constant', value: momentum } };
  }
  const b2 = network === 'points' ? B2.points : B2.images;
  return { kind: 'adam', learningRate: rate, b1: momentum, b2, eps: 1e-8 };
}

/**
 * The configuration of a run with these settings.
 *
 * @throws UserError when a setting is impossible, or the settings do not fit each other
 */
export function configOfSettings(settings: Settings): RunConfig {
  const { data, network, units, latentSize, imageSize, channels, loss, schedule, k, batchSize, seed } =
    settings;
  const dataset = datasetName(data);
  const isPoints = isPointData(dataset);
  if (isPoints) pointDistribution(dataset, data.kind === 'drawn' ? drawnPoints(data) : undefined);
  const config: RunConfig = {
    ...DEFAULT_CONFIG,
    gan: network,
    dataset,
    latentSize,
    loss,
    schedule,
    k,
    batchSize,
    seed,
    optimizer: optimizerSpec(settings),
    ...(isPoints ? { units } : { imageSize, channels }),
    ...(data.kind === 'drawn' ? { drawn: drawnPoints(data) } : {}),
  };
  if (data.kind === 'digits' && channels !== 1) {
    throw new UserError(`digits have 1 channel, not ${channels}: choose grey`);
  }
  validateConfig(config);
  return config;
}

function firstValue(schedule: Schedule): number {
  if (schedule.kind === 'constant') return schedule.value;
  return schedule.kind === 'exponential' ? schedule.initial : schedule.from;
}

function dataOfConfig({ dataset, drawn }: RunConfig): DataChoice | undefined {
  if (dataset === 'digits') return { kind: 'digits' };
  if (dataset === 'images') return { kind: 'images', files: [] };
  if (drawn !== undefined) {
    return { kind: 'drawn', dimension: drawn.dimension, points: Float32Array.from(drawn.points) };
  }
  return isPointData(dataset) ? { kind: 'points', name: dataset as PointDistributionName } : undefined;
}

/**
 * What the visitor would have chosen for a run of this configuration; a rate that falls is shown by where it begins.
 *
 * @throws UserError when the page has not got its data
 */
export function settingsOfConfig(config: RunConfig, device: Settings['device']): Settings {
  const data = dataOfConfig(config);
  if (data === undefined) {
    throw new UserError(
      `this run is on ${config.dataset}, which a page does not have: expected one on digits, toy data, or images that are with it`,
    );
  }
  const { gan, latentSize, imageSize, channels, loss, optimizer, schedule, k, batchSize, seed } = config;
  return {
    data,
    network: gan,
    units:
      config.units ??
      (gan === 'points' && pointDistribution(config.dataset, config.drawn).dimension === 2 ? 64 : 32),
    latentSize,
    imageSize,
    channels: channels as 1 | 3,
    loss,
    optimizer: optimizer.kind,
    learningRate: firstValue(optimizer.learningRate),
    momentum: optimizer.kind === 'adam' ? optimizer.b1 : firstValue(optimizer.momentum),
    schedule,
    k,
    batchSize,
    seed,
    device,
  };
}
