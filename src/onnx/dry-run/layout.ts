/** Operators that arrange elements anew: reshape, join, cut, pad, gather, scatter, repeat. */

import { formatDims } from '../invalid-model.js';
import { MAX_RANK } from '../tensor.js';
import { type Call, INT64, like, type Outline, outline, product, type Rule } from './call.js';
import { broadcast, mapValues } from './elementwise.js';

/** The same elements in another shape. */
function reshaped(call: Call, x: Outline, shape: readonly number[]): Outline {
  if (product(shape) !== product(x.shape)) {
    call.fail(`${formatDims(x.shape)} does not have as many elements as ${formatDims(shape)}`);
  }
  return outline(x.type, shape, () => x.values);
}

/** Coordinates of element `index` of a shape. */
function coordinates(index: number, shape: readonly number[]): number[] {
  const at = shape.map(() => 0);
  let rest = index;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    at[axis] = rest % shape[axis]!;
    rest = Math.floor(rest / shape[axis]!);
  }
  return at;
}

function position(at: readonly number[], shape: readonly number[]): number {
  return shape.reduce((index, dim, axis) => index * dim + at[axis]!, 0);
}

/** Elements in a new order: `source` tells where the element at some coordinates comes from. */
function rearranged(
  x: Outline,
  shape: readonly number[],
  source: (at: readonly number[]) => readonly number[],
): Outline {
  const pick = (_: unknown, k: number) => x.values![position(source(coordinates(k, shape)), x.shape)]!;
  return outline(x.type, shape, () => x.values && Array.from({ length: product(shape) }, pick));
}

export const reshape: Rule = (call) => {
  const x = call.input(0);
  const target = call.valuesOr(1, 'shape') ?? call.fail('it has no shape');
  const keepsZero = call.int('allowzero', 0) !== 0;
  const shape = target.map((dim, i) => (dim === 0 && !keepsZero ? (x.shape[i] ?? 0) : dim));
  const unknown = shape.indexOf(-1);
  if (unknown >= 0) {
    const rest = product(shape.filter((_, i) => i !== unknown));
    shape[unknown] = rest === 0 ? 0 : product(x.shape) / rest;
  }
  return [reshaped(call, x, shape)];
};

export const flatten: Rule = (call) => {
  const x = call.input(0);
  const axis = call.int('axis', 1);
  // Unlike elsewhere, the axis after the last one counts too.
  const at = axis === x.shape.length ? axis : call.axis(axis, x.shape.length);
  return [reshaped(call, x, [product(x.shape.slice(0, at)), product(x.shape.slice(at))])];
};

export const squeeze: Rule = (call) => {
  const x = call.input(0);
  const axes = call.valuesOr(1, 'axes')?.map((axis) => call.axis(axis, x.shape.length));
  const shape = x.shape.filter((dim, i) => (axes === undefined ? dim !== 1 : !axes.includes(i)));
  return [reshaped(call, x, shape)];
};

export const unsqueeze: Rule = (call) => {
  const x = call.input(0);
  const axes = call.valuesOr(1, 'axes') ?? call.fail('it has no axes');
  const rank = x.shape.length + axes.length;
  if (rank > MAX_RANK) call.fail(`its output has ${rank} axes`);
  const at = axes.map((axis) => call.axis(axis, rank));
  const rest = [...x.shape];
  const shape = Array.from({ length: rank }, (_, i) => (at.includes(i) ? 1 : (rest.shift() ?? 1)));
  return [reshaped(call, x, shape)];
};

export const transpose: Rule = (call) => {
  const x = call.input(0);
  const perm = call.ints('perm') ?? x.shape.map((_, i) => x.shape.length - 1 - i);
  const shape = perm.map((axis) => x.shape[call.axis(axis, x.shape.length)]!);
  if (shape.length !== x.shape.length)
    call.fail(`a permutation of ${shape.length} axes for ${x.shape.length}`);
  const axisOf = perm.map((axis) => call.axis(axis, x.shape.length));
  return [rearranged(x, shape, (at) => x.shape.map((_, axis) => at[axisOf.indexOf(axis)] ?? 0))];
};

export const expand: Rule = (call) => {
  const x = call.input(0);
  const shape = broadcast(call, [x.shape, call.values(1)]);
  return [outline(x.type, shape, () => mapValues([x], shape, (v) => v!))];
};

export const tile: Rule = (call) => {
  const x = call.input(0);
  const repeats = call.values(1);
  const shape = x.shape.map((dim, i) => dim * (repeats[i] ?? 1));
  return [rearranged(x, shape, (at) => at.map((i, axis) => i % x.shape[axis]!))];
};

export const concat: Rule = (call) => {
  const inputs = call.allInputs();
  const first = inputs[0] ?? call.fail('it has no inputs');
  const axis = call.axis(call.int('axis', 1), first.shape.length);
  for (const { shape } of inputs) {
    const fits =
      shape.length === first.shape.length && shape.every((dim, i) => i === axis || dim === first.shape[i]);
    if (!fits) call.fail(`${formatDims(shape)} does not join ${formatDims(first.shape)} on axis ${axis}`);
  }
  const total = inputs.reduce((sum, { shape }) => sum + shape[axis]!, 0);
  const joined = () =>
    first.shape.length === 1 && inputs.every(({ values }) => values !== undefined)
      ? inputs.flatMap(({ values }) => values!)
      : undefined;
  return [outline(first.type, replaced(first.shape, axis, total), joined)];
};

function replaced(shape: readonly number[], axis: number, size: number): number[] {
  return shape.map((dim, i) => (i === axis ? size : dim));
}

/** Sizes of the parts: as given, or equal ones of which the last may be smaller. */
function partSizes(call: Call, size: number): readonly number[] {
  const given = call.valuesOr(1, 'split');
  const count = call.node.output?.length ?? 0;
  // ONNX Runtime does not compare these numbers.
  const parts = given?.length ?? call.int('num_outputs', count);
  if (parts !== count) call.fail(`it has ${parts} parts and ${count} outputs`);
  if (given !== undefined) return given;
  const part = Math.ceil(size / count);
  return Array.from({ length: count }, (_, i) => Math.max(0, Math.min(part, size - i * part)));
}

export const split: Rule = (call) => {
  const x = call.input(0);
  const axis = call.axis(call.int('axis', 0), x.shape.length);
  const sizes = partSizes(call, x.shape[axis]!);
  let start = 0;
  return sizes.map((size) => {
    const from = start;
    start += size;
    return rearranged(x, replaced(x.shape, axis, size), (at) => replaced(at, axis, at[axis]! + from));
  });
};

function clamp(x: number, low: number, high: number): number {
  return Math.min(Math.max(x, low), high);
}

/** Positions on an axis of `size` that a slice takes: the first, and how many. */
function sliceRange(call: Call, size: number, start: number, end: number, step: number): [number, number] {
  if (step === 0) call.fail('its step is 0');
  const last = step > 0 ? size : size - 1;
  const from = clamp(start < 0 ? start + size : start, 0, last);
  const to = clamp(end < 0 ? end + size : end, step > 0 ? 0 : -1, last);
  return [from, Math.max(0, Math.ceil((to - from) / step))];
}

export const slice: Rule = (call) => {
  const x = call.input(0);
  const starts = call.valuesOr(1, 'starts') ?? call.fail('it has no starts');
  const ends = call.valuesOr(2, 'ends') ?? call.fail('it has no ends');
  const axes = call.valuesOr(3, 'axes') ?? starts.map((_, i) => i);
  const steps = call.inputs[4] === undefined ? [] : call.values(4);
  const shape = [...x.shape];
  const ranges = x.shape.map(() => ({ from: 0, step: 1 }));
  for (const [i, given] of axes.entries()) {
    const axis = call.axis(given, shape.length);
    const step = steps[i] ?? 1;
    const [from, count] = sliceRange(call, x.shape[axis]!, starts[i] ?? 0, ends[i] ?? 0, step);
    shape[axis] = count;
    ranges[axis] = { from, step };
  }
  const source = (at: readonly number[]) => at.map((i, axis) => ranges[axis]!.from + i * ranges[axis]!.step);
  return [rearranged(x, shape, source)];
};

export const gather: Rule = (call) => {
  const [x, indices] = [call.input(0), call.input(1)];
  const axis = call.axis(call.int('axis', 0), x.shape.length);
  const after = axis + indices.shape.length;
  const shape = [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)];
  if (indices.values === undefined) return [{ type: x.type, shape }];
  const chosen = indices.values.map((index) => call.axis(index, x.shape[axis]!));
  const source = (at: readonly number[]) => {
    const index = chosen[position(at.slice(axis, after), indices.shape)]!;
    return [...at.slice(0, axis), index, ...at.slice(after)];
  };
  return [rearranged(x, shape, source)];
};

/** GatherElements: as many elements as indices. */
export const gatherElements: Rule = (call) => [{ type: call.input(0).type, shape: call.input(1).shape }];

export const gatherND: Rule = (call) => {
  const [x, indices] = [call.input(0), call.input(1)];
  const batch = call.int('batch_dims', 0);
  const depth = indices.shape.at(-1) ?? call.fail('its indices are a single number');
  // ONNX Runtime does not check this one, and reads outside of its tensors.
  if (batch < 0 || batch >= Math.min(x.shape.length, indices.shape.length)) {
    call.fail(`batch_dims is ${batch} for ${formatDims(x.shape)} and ${formatDims(indices.shape)}`);
  }
  return [{ type: x.type, shape: [...indices.shape.slice(0, -1), ...x.shape.slice(batch + depth)] }];
};

/** ScatterElements and ScatterND: the first input with some elements replaced. */
export const scatter: Rule = (call) => [like(call.input(0))];

export const pad: Rule = (call) => {
  const x = call.input(0);
  const pads = call.valuesOr(1, 'pads') ?? call.fail('it has no pads');
  const axes = call.inputs[3] === undefined ? x.shape.map((_, i) => i) : call.values(3);
  if (pads.length !== 2 * axes.length) call.fail(`${pads.length} pads for ${axes.length} axes`);
  const shape = [...x.shape];
  for (const [i, given] of axes.entries()) {
    shape[call.axis(given, shape.length)]! += pads[i]! + pads[axes.length + i]!;
  }
  return [{ type: x.type, shape }];
};

/** [N, C, H, W] to [N, C / b^2, b H, b W]. */
export const depthToSpace: Rule = (call) => {
  const { type, shape } = call.input(0);
  const block = blockSize(call);
  const [n, c, h, w] = shape;
  if (shape.length !== 4) call.fail(`it takes four axes, not ${shape.length}`);
  return [{ type, shape: [n!, Math.floor(c! / block ** 2), h! * block, w! * block] }];
};

export const spaceToDepth: Rule = (call) => {
  const { type, shape } = call.input(0);
  const block = blockSize(call);
  const [n, c, h, w] = shape;
  if (shape.length !== 4) call.fail(`it takes four axes, not ${shape.length}`);
  return [{ type, shape: [n!, c! * block ** 2, Math.floor(h! / block), Math.floor(w! / block)] }];
};

function blockSize(call: Call): number {
  const block = call.int('blocksize', 0);
  return block >= 1 ? block : call.fail(`blocksize is ${block}`);
}

export const shapeOf: Rule = (call) => {
  const { shape } = call.input(0);
  const part = shape.slice(call.int('start', 0), call.int('end', shape.length));
  return [outline(INT64, [part.length], () => part)];
};

export const sizeOf: Rule = (call) => [outline(INT64, [], () => [product(call.input(0).shape)])];

export const identity: Rule = (call) => [call.input(0)];
