/** An estimate of the memory that a run takes, in Node or in a page. */

import {
  type NetworkSpec,
  networkParameters,
  type OptimizerKind,
  optimizerSlots,
  placedLayers,
} from '../export/index.js';
import { configGan, type RunConfig } from './config.js';
import { isAveraged } from './ema.js';

/** Node, ONNX Runtime and the code itself, in bytes. */
const BASE = 150 * 2 ** 20;
/** Copies of the state that a run holds at once: two of the engine, and two more while a checkpoint is written. */
const STATE_COPIES = 4;
/** Copies of an averaged generator: the one before, the new one, and the file of a checkpoint. */
const EMA_COPIES = 3;
/** Tensors as large as a layer's output that one training step holds at once, roughly. */
const ACTIVATION_COPIES = 6;

const product = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** Numbers in all parameters and running statistics of a network. */
export function parameterCount(network: NetworkSpec): number {
  return networkParameters(network).reduce((sum, { shape }) => sum + product(shape), 0);
}

/** Outputs of all linear maps and convolutions, and what is normalised, of a network for one sample. */
function activationCount(network: NetworkSpec): number {
  const parameters = networkParameters(network);
  return placedLayers(network).reduce((sum, { outputs }, i) => {
    const bias = parameters.find(({ name }) => name === `${network.name}.${i}.bias`);
    return bias === undefined ? sum : sum + Math.max(product(bias.shape), product(outputs));
  }, 0);
}

/** Numbers in the largest matrix of windows that the gradient of a convolution's weight is computed from, for one sample. */
function windowCount(network: NetworkSpec): number {
  const placed = placedLayers(network);
  const sizes = placed.map(({ layer, inputs, outputs }, i) => {
    const pixelsIn = product(inputs.slice(1));
    // A convolution of an upsampled image becomes a transposed one, with a kernel of 4 x 4, of the small image.
    if (placed[i - 1]?.layer.kind === 'upsample') return (pixelsIn / 4) * 16 * outputs[0]!;
    if (layer.kind === 'conv') return product(outputs.slice(1)) * layer.kernel ** 2 * inputs[0]!;
    return layer.kind === 'convTranspose' ? pixelsIn * layer.kernel ** 2 * outputs[0]! : 0;
  });
  return Math.max(0, ...sizes);
}

/**
 * Bytes that a run takes at its peak, roughly: copies of the state, gradients with Adam's intermediate values,
 * activations, and the dataset.
 *
 * @param images number of images in the dataset; a batch may be smaller for it
 * @param inMemory how many of them are kept in memory
 */
export function estimateMemory(config: RunConfig, images: number, inMemory = images): number {
  const gan = configGan(config);
  const slots = optimizerSlots(config.optimizer.kind as OptimizerKind).length;
  const parameters = parameterCount(gan.generator) + parameterCount(gan.discriminator);
  const largest = Math.max(
    ...[gan.generator, gan.discriminator].flatMap((network) =>
      networkParameters(network).map(({ shape }) => product(shape)),
    ),
  );
  const state = STATE_COPIES * (1 + slots) * parameters * 4;
  const average = isAveraged(config) ? EMA_COPIES * parameterCount(gan.generator) * 4 : 0;
  const gradients = parameters * 4 + 4 * largest * 4;
  const perSample = activationCount(gan.generator) + 2 * activationCount(gan.discriminator);
  const batch = Math.min(config.batchSize, images);
  const windows = Math.max(windowCount(gan.generator), windowCount(gan.discriminator));
  const activations = batch * (perSample * ACTIVATION_COPIES + windows) * 4;
  // Points are drawn when they are needed.
  const pixels = 'points' in gan ? 0 : config.channels * config.imageSize ** 2;
  return BASE + state + average + gradients + activations + inMemory * pixels;
}
