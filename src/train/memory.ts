/** An estimate of a run's memory, to refuse at once what cannot fit. */

import { freemem } from 'node:os';
import {
  type GanSpec,
  type NetworkSpec,
  networkParameters,
  type OptimizerKind,
  optimizerSlots,
} from '../export/index.js';
import { availableMemory, gibibytes } from '../system/memory.js';
import { UserError } from '../system/user-error.js';
import { configGan, type RunConfig } from './config.js';

/** Node, ONNX Runtime and the code itself, in bytes. */
const BASE = 150 * 2 ** 20;
/** Copies of the state that a run holds at once: two of the engine, and two more while a checkpoint is written. */
const STATE_COPIES = 4;
/** The largest file that flatbuffers, the format of checkpoints, can address. */
const MAX_CHECKPOINT = 2 ** 31 - 1;
/** Tensors as large as a layer's output that one training step holds at once, roughly. */
const ACTIVATION_COPIES = 8;

function parameterCount(network: NetworkSpec): number {
  return networkParameters(network).reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
}

/** Outputs of all linear maps of a network for one sample. */
function activationCount(network: NetworkSpec): number {
  const biases = networkParameters(network).filter(({ name }) => name.endsWith('.bias'));
  return biases.reduce((sum, { shape }) => sum + shape[0]!, 0);
}

/**
 * Bytes that a run takes at its peak, roughly: copies of the state, gradients with Adam's intermediate values,
 * activations, and the dataset.
 *
 * @param images number of images in the dataset
 */
export function estimateMemory(config: RunConfig, images: number): number {
  const gan: GanSpec = configGan(config);
  const slots = optimizerSlots(config.optimizer.kind as OptimizerKind).length;
  const parameters = parameterCount(gan.generator) + parameterCount(gan.discriminator);
  const largest = Math.max(
    ...[gan.generator, gan.discriminator].flatMap((network) =>
      networkParameters(network).map(({ shape }) => shape.reduce((a, b) => a * b, 1)),
    ),
  );
  const state = STATE_COPIES * (1 + slots) * parameters * 4;
  const gradients = parameters * 4 + 4 * largest * 4;
  const perSample = activationCount(gan.generator) + 2 * activationCount(gan.discriminator);
  const batch = Math.min(config.batchSize, images);
  const activations = batch * perSample * ACTIVATION_COPIES * 4;
  const pixels = config.channels * config.imageSize ** 2;
  return BASE + state + gradients + activations + images * pixels;
}

/**
 * @param images number of images in the dataset
 * @param available bytes that the run may use; the machine's memory by default
 * @throws UserError when the run needs more memory than the machine has
 */
export function checkMemory(config: RunConfig, images: number, available = availableMemory()): void {
  const needed = estimateMemory(config, images);
  if (needed <= available) return;
  throw new UserError(
    `this run needs about ${gibibytes(needed)} of memory and the machine has ${gibibytes(available)} (${gibibytes(freemem())} free): ` +
      'reduce --img-size, --batch-size or --latent-dim',
  );
}

/** @throws UserError when a network with its moments is larger than a checkpoint file can be */
export function checkCheckpointSize(config: RunConfig): void {
  const { generator, discriminator } = configGan(config);
  const copies = 1 + optimizerSlots(config.optimizer.kind).length;
  for (const network of [generator, discriminator]) {
    const parameters = parameterCount(network);
    const bytes = 4 * copies * parameters;
    if (bytes <= MAX_CHECKPOINT) continue;
    throw new UserError(
      `the ${network.name} has ${parameters.toLocaleString('en')} parameters, ${gibibytes(bytes)} with the moments of ` +
        `${config.optimizer.kind}, and a checkpoint holds less than 2 GiB: reduce --img-size or --latent-dim, or use another --network`,
    );
  }
}
