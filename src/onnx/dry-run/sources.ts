/** Operators whose output grows out of numbers: constants, ranges, random tensors, encodings. */

import { DATA_TYPES } from '../messages.js';
import { type Call, FLOAT, INT64, type Outline, outline, outlineOf, product, type Rule } from './call.js';

export const constant: Rule = (call) => {
  const [attribute] = call.node.attribute ?? [];
  const { t, i, f, ints, floats, s, strings, sparse_tensor } = attribute ?? {};
  if (t !== undefined) return [outlineOf(t)];
  if (sparse_tensor !== undefined) {
    return [{ type: sparse_tensor.values?.data_type ?? 0, shape: sparse_tensor.dims ?? [] }];
  }
  if (ints !== undefined) return [outline(INT64, [ints.length], () => ints)];
  if (floats !== undefined) return [outline(FLOAT, [floats.length], () => floats)];
  if (i !== undefined) return [outline(INT64, [], () => [i])];
  if (f !== undefined) return [outline(FLOAT, [], () => [f])];
  if (s !== undefined) return [{ type: DATA_TYPES.string, shape: [] }];
  if (strings !== undefined) return [{ type: DATA_TYPES.string, shape: [strings.length] }];
  return call.fail('it has no value');
};

export const constantOfShape: Rule = (call) => {
  const shape = call.values(0);
  const tensor = call.attribute('value')?.t;
  const fill = tensor === undefined ? outline(FLOAT, [], () => [0]) : outlineOf(tensor);
  const value = fill.values?.[0];
  const filled = () => (value === undefined ? undefined : Array<number>(product(shape)).fill(value));
  return [outline(fill.type, shape, filled)];
};

export const range: Rule = (call) => {
  const [start, limit, delta] = [0, 1, 2].map((i) => call.values(i)[0]) as [number, number, number];
  if (delta === 0) call.fail('its step is 0');
  const length = Math.max(0, Math.ceil((limit - start) / delta));
  const values = () => Array.from({ length }, (_, i) => start + i * delta);
  return [outline(call.input(0).type, [length], values)];
};

/** Numbers that ONNX Runtime passes on to a library that ends the process when they make no sense. */
function checkDistribution(call: Call): void {
  const scale = call.float('scale', 1);
  if (!(scale >= 0)) call.fail(`its scale is ${scale}`);
  const [low, high] = [call.float('low', 0), call.float('high', 1)];
  if (!(low <= high && Number.isFinite(high - low))) call.fail(`it draws between ${low} and ${high}`);
}

export const random: Rule = (call) => {
  checkDistribution(call);
  return [{ type: call.int('dtype', FLOAT), shape: call.ints('shape') ?? call.fail('it has no shape') }];
};

export const randomLike: Rule = (call) => {
  checkDistribution(call);
  const { type, shape } = call.input(0);
  return [{ type: call.int('dtype', type), shape }];
};

export const eyeLike: Rule = (call) => {
  const { type, shape } = call.input(0);
  return [{ type: call.int('dtype', type), shape }];
};

export const oneHot: Rule = (call) => {
  const { shape } = call.input(0);
  const depth = call.values(1)[0] ?? call.fail('it has no depth');
  const axis = call.axis(call.int('axis', -1), shape.length + 1);
  return [{ type: call.input(2).type, shape: [...shape.slice(0, axis), depth, ...shape.slice(axis)] }];
};

export const affineGrid: Rule = (call) => {
  const size = call.values(1);
  const theta: Outline = call.input(0);
  return [{ type: theta.type, shape: [size[0] ?? 0, ...size.slice(2), size.length - 2] }];
};
