/** Shape inference of the operators that slide windows over images [N, C, H, W]. Groups and dilations are always 1. */

import { requireFloat, requireSameType } from './op-checks.js';
import type { Attributes, Infer } from './ops.js';
import { formatShape, type Shape } from './shape.js';
import type { Value } from './value.js';
import { imageSize, type Window, windowCounts, windowOf } from './windows.js';

/** The window of a node. */
function checkedWindow(op: string, attributes: Attributes): Window {
  const window = windowOf(attributes);
  const { kernel, strides, pads } = window;
  const wrong = [...kernel, ...strides].some((n) => !Number.isSafeInteger(n) || n < 1);
  if (wrong || pads.length !== 4 || pads.some((n) => !Number.isSafeInteger(n) || n < 0)) {
    throw new RangeError(`${op}: kernel [${kernel}], strides [${strides}] and pads [${pads}] are no window`);
  }
  return window;
}

function describe({ kernel, strides, pads }: Window): string {
  return `kernel [${kernel}], strides [${strides}], pads [${pads}]`;
}

function requireSizes(op: string, x: Value, window: Window, counts: readonly number[]): void {
  if (counts.every((count) => count >= 1)) return;
  throw new RangeError(`${op}: ${formatShape(x.shape)} has no room for ${describe(window)}`);
}

/** `channels` names the axis of the weight that belongs to x; the other one of the first two is the output's. */
function requireWeights(op: string, inputs: readonly Value[], channels: 0 | 1): number {
  const [x, weight, bias] = inputs;
  requireFloat(op, x!);
  for (const value of inputs) requireSameType(op, x!, value);
  const outputs = weight!.shape[1 - channels];
  const fits = weight!.shape.length === 4 && weight!.shape[channels] === x!.shape[1];
  if (!fits || (bias !== undefined && (bias.shape.length !== 1 || bias.shape[0] !== outputs))) {
    const shapes = inputs.map(({ shape }) => formatShape(shape)).join(', ');
    throw new RangeError(
      `${op}: shapes ${shapes} do not fit: the weight takes ${weight!.shape[channels]} channels`,
    );
  }
  return outputs as number;
}

/** x [N, C, H, W], weight [O, C, kh, kw], perhaps bias [O]. */
export const conv: Infer = (op, inputs, attributes) => {
  const [x] = inputs;
  const size = imageSize(op, x!.shape);
  const outputs = requireWeights(op, inputs, 1);
  const window = checkedWindow(op, attributes);
  const counts = windowCounts(size, window);
  requireSizes(op, x!, window, counts);
  return [{ dtype: x!.dtype, shape: [x!.shape[0]!, outputs, ...counts] }];
};

/** x [N, C, H, W], weight [C, O, kh, kw], perhaps bias [O]. */
export const convTranspose: Infer = (op, inputs, attributes) => {
  const [x] = inputs;
  const size = imageSize(op, x!.shape);
  const outputs = requireWeights(op, inputs, 0);
  const window = checkedWindow(op, attributes);
  const { kernel, strides, pads } = window;
  const extra = attributes.output_padding as readonly number[];
  if (extra.length !== 2 || extra.some((n, axis) => n < 0 || n >= strides[axis]!)) {
    throw new RangeError(`${op}: output padding [${extra}] is not below the strides [${strides}]`);
  }
  const sizes = ([0, 1] as const).map(
    (axis) => (size[axis] - 1) * strides[axis] - pads[axis] - pads[axis + 2]! + kernel[axis] + extra[axis]!,
  );
  requireSizes(op, x!, window, sizes);
  return [{ dtype: x!.dtype, shape: [x!.shape[0]!, outputs, ...sizes] }];
};

const pool: Infer = (op, [x], attributes) => {
  requireFloat(op, x!);
  const size = imageSize(op, x!.shape);
  const window = checkedWindow(op, attributes);
  const counts = windowCounts(size, window);
  requireSizes(op, x!, window, counts);
  return [{ dtype: x!.dtype, shape: [...x!.shape.slice(0, 2), ...counts] }];
};

/** Padding never wins; so there must be less of it than window, or a window would be all padding. */
export const maxPool: Infer = (op, inputs, attributes) => {
  const window = checkedWindow(op, attributes);
  const { kernel, pads } = window;
  if (pads.some((amount, side) => amount >= kernel[side % 2]!)) {
    throw new RangeError(`${op}: ${describe(window)}: a window could lie outside the image`);
  }
  return pool(op, inputs, attributes);
};

/** Windows that tile the image. */
export const averagePool: Infer = (op, inputs, attributes) => {
  const size = imageSize(op, inputs[0]!.shape);
  const window = checkedWindow(op, attributes);
  const { kernel, strides, pads } = window;
  const tiles = kernel.every((length, axis) => length === strides[axis] && size[axis]! % length === 0);
  if (!tiles || kernel[0] !== kernel[1] || pads.some((amount) => amount > 0)) {
    throw new RangeError(`${op}: ${describe(window)} does not tile ${formatShape(inputs[0]!.shape)}`);
  }
  return pool(op, inputs, attributes);
};

/** Nearest neighbours, by the same whole factor in both directions; the attribute repeats what the third input says. */
export const resize: Infer = (op, [x], { factor }) => {
  requireFloat(op, x!);
  const size = imageSize(op, x!.shape);
  if (!Number.isSafeInteger(factor) || (factor as number) < 1) {
    throw new RangeError(`${op}: factor ${factor} for ${formatShape(x!.shape)}, expected a whole number`);
  }
  const shape: Shape = [...x!.shape.slice(0, 2), ...size.map((length) => length * (factor as number))];
  return [{ dtype: x!.dtype, shape }];
};
