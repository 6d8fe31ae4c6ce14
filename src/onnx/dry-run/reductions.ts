/** Operators that sum up over axes, normalise over them, or pick from them. */

import { INT64, like, type Outline, outline, product, type Rule } from './call.js';

function reducedShape(shape: readonly number[], axes: readonly number[], keep: boolean): number[] {
  return shape.flatMap((dim, i) => (axes.includes(i) ? (keep ? [1] : []) : [dim]));
}

/** @param f the result of all elements, where those are sizes */
export function reduction(f?: (values: readonly number[]) => number): Rule {
  return (call) => {
    const x = call.input(0);
    const given = call.valuesOr(1, 'axes') ?? [];
    const none = given.length === 0;
    if (none && call.int('noop_with_empty_axes', 0) !== 0) return [like(x)];
    const axes = none ? x.shape.map((_, i) => i) : given.map((axis) => call.axis(axis, x.shape.length));
    const shape = reducedShape(x.shape, axes, call.int('keepdims', 1) !== 0);
    const whole = product(shape) === 1 && f !== undefined && x.values !== undefined;
    return [outline(x.type, shape, () => (whole ? [f(x.values!)] : undefined))];
  };
}

export const argReduction: Rule = (call) => {
  const { shape } = call.input(0);
  const axis = call.axis(call.int('axis', 0), shape.length);
  return [{ type: INT64, shape: reducedShape(shape, [axis], call.int('keepdims', 1) !== 0) }];
};

/** The k largest on an axis, and where they are. */
export const topK: Rule = (call) => {
  const x = call.input(0);
  const axis = call.axis(call.int('axis', -1), x.shape.length);
  const k = call.inputs[1] === undefined ? call.int('k', 0) : call.values(1)[0]!;
  const shape = x.shape.map((dim, i) => (i === axis ? k : dim));
  return [
    { type: x.type, shape },
    { type: INT64, shape },
  ];
};

/** BatchNormalization: statistics of training mode come after the result. */
export const batchNormalization: Rule = (call) => {
  const mode = call.int('training_mode', 0);
  if (mode !== 0 && mode !== 1) call.fail(`training_mode is ${mode}, expected 0 or 1`);
  const statistics: Outline = like(call.input(3));
  return [like(call.input(0)), ...Array<Outline>(4).fill(statistics)];
};

/** LayerNormalization: mean and inverse deviation come after the result. */
export const layerNormalization: Rule = (call) => {
  // ONNX Runtime follows an optional input that is left out by an empty name.
  const [x] = call.allInputs() as [Outline];
  const axis = call.axis(call.int('axis', -1), x.shape.length);
  const statistics: Outline = { type: x.type, shape: x.shape.map((dim, i) => (i < axis ? dim : 1)) };
  return [like(x), statistics, statistics];
};
