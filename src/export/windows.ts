/** Sliding windows over [N, C, H, W], of convolutions and of pools: their geometry, as numbers and as ONNX attributes. */

import type { Attributes } from './ops.js';
import { formatShape, type Shape } from './shape.js';

/** How far a window moves, and how many zeros (for maxima: nothing) surround the image. */
export interface WindowOptions {
  /** Rows, columns; 1 by default. */
  strides?: readonly [number, number];
  /** Top, left, bottom, right; 0 by default. */
  pads?: readonly [number, number, number, number];
}

export interface Window extends Required<WindowOptions> {
  /** Height, width. */
  kernel: readonly [number, number];
}

export interface PoolOptions extends WindowOptions {
  kernel: readonly [number, number];
  /** Whether the last windows may end outside. */
  ceil?: boolean;
}

/** The attributes of a node that slides a window. */
export function windowAttributes(
  kernel: readonly [number, number],
  { strides = [1, 1], pads = [0, 0, 0, 0] }: WindowOptions,
): Attributes {
  return { kernel_shape: kernel, strides, pads };
}

/** The inverse of `windowAttributes`. */
export function windowOf({ kernel_shape, strides, pads }: Attributes): Window {
  return { kernel: kernel_shape, strides, pads } as unknown as Window;
}

/** Height and width of an image of rank 4, which must be known. */
export function imageSize(op: string, shape: Shape): readonly [number, number] {
  const [, , height, width] = shape;
  if (shape.length !== 4 || typeof height !== 'number' || typeof width !== 'number') {
    throw new RangeError(
      `${op}: ${formatShape(shape)} is no [N, C, height, width] of known height and width`,
    );
  }
  return [height, width];
}

/** Rows and columns of windows: those that fit, padding included. */
export function windowCounts(
  size: readonly [number, number],
  { kernel, strides, pads }: Window,
): readonly [number, number] {
  const count = (axis: 0 | 1): number =>
    Math.floor((size[axis] + pads[axis]! + pads[axis + 2]! - kernel[axis]) / strides[axis]) + 1;
  return [count(0), count(1)];
}

/**
 * The windows of a pool, rounding up written as padding at the end, which every runtime takes the same way: ONNX's
 * `ceil_mode` was computed differently by different versions. As in PyTorch, a window has to begin inside the image or
 * its leading padding.
 */
export function poolWindow(
  shape: Shape,
  { kernel, strides = [1, 1], pads = [0, 0, 0, 0], ceil = false }: PoolOptions,
): Window {
  if (!ceil) return { kernel, strides, pads };
  const size = imageSize('MaxPool', shape);
  const end = (axis: 0 | 1): number => {
    const padded = size[axis] + pads[axis]! + pads[axis + 2]!;
    let count = Math.ceil((padded - kernel[axis]) / strides[axis]) + 1;
    if ((count - 1) * strides[axis] >= size[axis] + pads[axis]!) count -= 1;
    return Math.max(pads[axis + 2]!, (count - 1) * strides[axis] + kernel[axis] - size[axis] - pads[axis]!);
  };
  return { kernel, strides, pads: [pads[0], pads[1], end(0), end(1)] };
}
