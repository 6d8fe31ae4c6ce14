/** Operators that move a window over an image [N, C, ...]: convolutions, pooling, resizing. */

import { formatDims } from '../invalid-model.js';
import { type Call, INT64, type Outline, product, type Rule } from './call.js';

interface Windows {
  kernel: readonly number[];
  strides: readonly number[];
  dilations: readonly number[];
  /** Before and after, of each axis. */
  pads: readonly number[];
}

/** The windows of a node over `rank` axes. ONNX Runtime divides by strides and groups. */
function windows(call: Call, rank: number, kernel: readonly number[]): Windows {
  const ones = Array<number>(rank).fill(1);
  const found = {
    kernel_shape: kernel,
    strides: call.ints('strides') ?? ones,
    dilations: call.ints('dilations') ?? ones,
  };
  for (const [name, values] of Object.entries(found)) {
    if (values.length !== rank || values.some((value) => value < 1)) {
      call.fail(`${name} ${formatDims(values)} for ${rank} axes, expected ${rank} positive numbers`);
    }
  }
  const pads = call.ints('pads') ?? Array<number>(2 * rank).fill(0);
  if (pads.length !== 2 * rank || pads.some((pad) => pad < 0)) {
    call.fail(
      `pads ${formatDims(pads)} for ${rank} axes, expected ${2 * rank} numbers that are not negative`,
    );
  }
  return { kernel, strides: found.strides, dilations: found.dilations, pads };
}

/** How many positions a window has on each axis. */
function positions(
  call: Call,
  sizes: readonly number[],
  { kernel, strides, dilations, pads }: Windows,
): number[] {
  const auto = call.string('auto_pad', 'NOTSET');
  const partial = call.int('ceil_mode', 0) !== 0;
  return sizes.map((size, i) => {
    const stride = strides[i]!;
    if (auto.startsWith('SAME')) return Math.ceil(size / stride);
    const [before, after] = auto === 'VALID' ? [0, 0] : [pads[i]!, pads[sizes.length + i]!];
    const room = size + before + after - dilations[i]! * (kernel[i]! - 1) - 1;
    if (!partial) return Math.max(0, Math.floor(room / stride) + 1);
    const count = Math.ceil(room / stride) + 1;
    // A window that would begin in the padding behind the image is none.
    return Math.max(0, (count - 1) * stride >= size + before ? count - 1 : count);
  });
}

/** [N, C] of the images, and the axes that windows move over. */
function image(call: Call): { outer: readonly number[]; spatial: readonly number[] } {
  const { shape } = call.input(0);
  if (shape.length < 3) call.fail(`its input 0 has ${shape.length} axes, expected images`);
  return { outer: shape.slice(0, 2), spatial: shape.slice(2) };
}

function weights(call: Call, index: number, rank: number): readonly number[] {
  const { shape } = call.input(index);
  if (shape.length !== rank + 2) call.fail(`weights of ${shape.length} axes for images of ${rank + 2}`);
  const group = call.int('group', 1);
  if (group < 1) call.fail(`group is ${group}`);
  return shape;
}

/** @param weightsAt which input has the weights [M, C / group, ...] */
export function conv(weightsAt = 1, type?: number): Rule {
  return (call) => {
    const { outer, spatial } = image(call);
    const w = weights(call, weightsAt, spatial.length);
    const over = windows(call, spatial.length, call.ints('kernel_shape') ?? w.slice(2));
    const shape = [outer[0]!, w[0]!, ...positions(call, spatial, over)];
    return [{ type: type ?? call.input(0).type, shape }];
  };
}

/** Weights [C, M / group, ...]. */
export const convTranspose: Rule = (call) => {
  const { outer, spatial } = image(call);
  const w = weights(call, 1, spatial.length);
  const { kernel, strides, dilations, pads } = windows(
    call,
    spatial.length,
    call.ints('kernel_shape') ?? w.slice(2),
  );
  const extra = call.ints('output_padding') ?? spatial.map(() => 0);
  const auto = call.string('auto_pad', 'NOTSET');
  const sizes = spatial.map((size, i) => {
    if (auto.startsWith('SAME')) return size * strides[i]!;
    const padding = auto === 'VALID' ? 0 : pads[i]! + pads[spatial.length + i]!;
    return strides[i]! * (size - 1) + (extra[i] ?? 0) + dilations[i]! * (kernel[i]! - 1) + 1 - padding;
  });
  const given = call.ints('output_shape')?.slice(-spatial.length);
  return [
    { type: call.input(0).type, shape: [outer[0]!, w[1]! * call.int('group', 1), ...(given ?? sizes)] },
  ];
};

/** How many weights meet in an element of a convolution's output, or come from one of a transposed one's input. */
export function kernelSize(call: Call, weightsAt = 1): number {
  return product(call.input(weightsAt).shape.slice(1));
}

export const pool: Rule = (call) => {
  const { outer, spatial } = image(call);
  const kernel = call.ints('kernel_shape') ?? call.fail('it has no kernel_shape');
  const shape = [...outer, ...positions(call, spatial, windows(call, spatial.length, kernel))];
  const type = call.input(0).type;
  return [
    { type, shape },
    { type: INT64, shape },
  ];
};

export const globalPool: Rule = (call) => {
  const { outer, spatial } = image(call);
  return [{ type: call.input(0).type, shape: [...outer, ...spatial.map(() => 1)] }];
};

/** Sizes for the axes of a Resize that keeps the picture's proportions. */
function proportional(policy: string, from: readonly number[], to: readonly number[]): readonly number[] {
  if (policy === 'stretch') return to;
  const scales = to.map((size, i) => size / from[i]!);
  const scale = policy === 'not_larger' ? Math.min(...scales) : Math.max(...scales);
  return from.map((size) => Math.round(size * scale));
}

function scaled(call: Call, size: number, scale: number | undefined): number {
  if (!(scale !== undefined && scale > 0)) call.fail(`its scale is ${scale}`);
  // In 32 bits, as ONNX Runtime computes it.
  return Math.floor(Math.fround(size * scale!));
}

export const resize: Rule = (call) => {
  const x = call.input(0);
  const scalesAt = call.version >= 11 ? 2 : 1;
  const axes = (call.ints('axes') ?? x.shape.map((_, i) => i)).map((axis) => call.axis(axis, x.shape.length));
  if (axes.length > x.shape.length) call.fail(`${axes.length} axes of ${x.shape.length}`);
  const from = axes.map((axis) => x.shape[axis]!);
  const scales = call.inputs[scalesAt];
  const sizes =
    scales !== undefined && product(scales.shape) > 0
      ? from.map((size, i) => scaled(call, size, call.values(scalesAt)[i]))
      : proportional(call.string('keep_aspect_ratio_policy', 'stretch'), from, call.values(3));
  if (sizes.length !== axes.length) call.fail(`${sizes.length} sizes for ${axes.length} axes`);
  const shape = [...x.shape];
  for (const [i, axis] of axes.entries()) shape[axis] = sizes[i]!;
  return [{ type: x.type, shape }];
};

export const upsample: Rule = (call) => {
  const x = call.input(0);
  const scales = call.inputs[1] === undefined ? call.attribute('scales')?.floats : call.values(1);
  return [{ type: x.type, shape: x.shape.map((size, i) => scaled(call, size, scales?.[i])) }];
};

/** Images [N, C, ...] at the places of a grid [N, ..., axes]. */
export const gridSample: Rule = (call) => {
  const { outer } = image(call);
  const grid: Outline = call.input(1);
  return [{ type: call.input(0).type, shape: [...outer, ...grid.shape.slice(1, -1)] }];
};

/** Blocks [N, C x block, positions] added up to an image [N, C, ...]. */
export const col2im: Rule = (call) => {
  const { type, shape } = call.input(0);
  const size = call.values(1);
  const block = call.values(2);
  windows(call, size.length, block);
  return [{ type, shape: [shape[0] ?? 0, Math.floor((shape[1] ?? 0) / product(block)), ...size] }];
};
