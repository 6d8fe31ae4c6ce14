/**
 * Gradients of convolutions, in the formulations that are right on every provider and fastest on the CPU. Both are made
 * of operators with gradients, so that they can be differentiated again.
 */

import { multiple, type Shape } from './shape.js';
import { unfold } from './unfold.js';
import type { Value } from './value.js';
import { imageSize, type Window } from './windows.js';

/** A weight's kernel backwards in both directions, and its first two axes exchanged. */
function flipped(weight: Value): Value {
  const [outputs, inputs, height, width] = weight.shape as readonly [number, number, number, number];
  const size = height * width;
  const backwards = weight.graph.table(`backwards ${size}`, [size], () =>
    Int32Array.from({ length: size }, (_, i) => size - 1 - i),
  );
  return weight
    .reshape([outputs, inputs, size])
    .transpose([1, 0, 2])
    .gather(backwards, 2)
    .reshape([inputs, outputs, height, width]);
}

/**
 * Gradient of a convolution by its input: the transposed convolution of dy [N, O, H', W'].
 *
 * @param shape the input's, [N, C, H, W]
 */
export function convInputGradient(dy: Value, weight: Value, shape: Shape, window: Window): Value {
  const { kernel, strides, pads } = window;
  const size = imageSize('Conv', shape);
  const full = pads.map((amount, side) => kernel[side % 2]! - 1 - amount);
  if (strides.every((stride) => stride === 1) && full.every((amount) => amount >= 0)) {
    // At stride 1 it is a convolution itself, which runtimes compute faster.
    return dy.conv(flipped(weight), { pads: full as unknown as Window['pads'] });
  }
  const left = ([0, 1] as const).map(
    (axis) => (size[axis] + pads[axis] + pads[axis + 2]! - kernel[axis]) % strides[axis],
  ) as [number, number];
  return dy.convTranspose(weight, { strides, pads, outputPadding: left });
}

/** [N, C, H, W] -> [C, N * H * W] */
function channelRows(x: Value): Value {
  const [height, width] = imageSize('Conv', x.shape);
  const [batch, channels] = x.shape as readonly [string, number];
  const pixels = height * width;
  return x
    .reshape([batch, channels, pixels])
    .transpose([1, 0, 2])
    .reshape([channels, multiple(pixels, batch)]);
}

/** The windows of x below each other: [N * windows, kh * kw * C]. */
function windowRows(x: Value, window: Window): Value {
  const unfolded = unfold(x, window);
  const [batch, windows, offsets, channels] = unfolded.shape as readonly [string, number, number, number];
  return unfolded.reshape([multiple(windows, batch), offsets * channels]);
}

/**
 * Gradient of a convolution by its weight [O, C, kh, kw], from its input x [N, C, H, W] and dy [N, O, H', W']: one matrix
 * product with the windows of x; or of dy, where those are fewer numbers.
 */
export function convWeightGradient(x: Value, dy: Value, window: Window): Value {
  const { kernel, strides, pads } = window;
  const [, inputs, ...size] = x.shape as readonly number[];
  const [, outputs, ...counts] = dy.shape as readonly number[];
  const [height, width] = kernel;
  const full = pads.map((amount, side) => kernel[side % 2]! - 1 - amount);
  const ofInput = counts[0]! * counts[1]! * inputs!;
  const ofGradient = size[0]! * size[1]! * outputs!;
  if (strides.every((n) => n === 1) && full.every((n) => n >= 0) && ofGradient < ofInput) {
    // Position (i, j) of a window of dy belongs to position (kh - 1 - i, kw - 1 - j) of the kernel.
    const around: Window = { kernel, strides, pads: full as unknown as Window['pads'] };
    const product = channelRows(x).matmul(windowRows(dy, around));
    const weight = product.reshape([inputs!, height, width, outputs!]).transpose([0, 3, 1, 2]);
    return flipped(weight);
  }
  const product = channelRows(dy).matmul(windowRows(x, window));
  return product.reshape([outputs!, height, width, inputs!]).transpose([0, 3, 1, 2]);
}
