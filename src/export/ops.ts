/**
 * The operators that graphs are made of: one table entry each, which infers the outputs' types and shapes and refuses
 * wrong inputs. All but the training API's own are standard ai.onnx. Gradients are in `gradient-rules.ts`.
 */

import { constantIntegers, requireFloat, requireSameType } from './op-checks.js';
import {
  broadcastShapes,
  type Dim,
  formatShape,
  normaliseAxes,
  type Shape,
  sameElementCount,
  sameShape,
} from './shape.js';
import type { Value } from './value.js';
import { averagePool, conv, convTranspose, maxPool, resize } from './window-ops.js';

/** Element types of values in a graph; float16 only stores constants, and is cast before anything computes with it. */
export type DType = 'float32' | 'float64' | 'float16' | 'int64' | 'int32' | 'uint8' | 'bool';

export interface TensorSpec {
  dtype: DType;
  shape: Shape;
}

export type AttributeValue = number | string | readonly number[] | { float: number };
export type Attributes = Readonly<Record<string, AttributeValue>>;

/** Infers the outputs of one node. `op` is the operator's name, for messages. */
export type Infer = (op: string, inputs: readonly Value[], attributes: Attributes) => TensorSpec[];

const unaryFloat: Infer = (op, [x]) => {
  requireFloat(op, x!);
  return [{ dtype: x!.dtype, shape: x!.shape }];
};

const unaryAny: Infer = (_, [x]) => [{ dtype: x!.dtype, shape: x!.shape }];

const binary: Infer = (op, [a, b]) => {
  requireSameType(op, a!, b!);
  return [{ dtype: a!.dtype, shape: broadcastShapes(op, a!.shape, b!.shape) }];
};

const comparison: Infer = (op, [a, b]) => {
  requireSameType(op, a!, b!);
  return [{ dtype: 'bool', shape: broadcastShapes(op, a!.shape, b!.shape) }];
};

const where: Infer = (op, [condition, a, b]) => {
  if (condition!.dtype !== 'bool') throw new TypeError(`${op}: ${condition!.name} is not bool`);
  requireSameType(op, a!, b!);
  const shape = broadcastShapes(op, condition!.shape, broadcastShapes(op, a!.shape, b!.shape));
  return [{ dtype: a!.dtype, shape }];
};

/** Clip whose two bounds are given, each a scalar. */
const clip: Infer = (op, [x, low, high]) => {
  for (const bound of [low!, high!]) {
    requireSameType(op, x!, bound);
    if (bound.shape.length > 0) {
      throw new RangeError(`${op}: bound ${bound.name} ${formatShape(bound.shape)} is no scalar`);
    }
  }
  return [{ dtype: x!.dtype, shape: x!.shape }];
};

const matMul: Infer = (op, [a, b]) => {
  requireSameType(op, a!, b!);
  if (a!.shape.length === 1 && b!.shape.length === 2 && a!.shape[0] === b!.shape[0]) {
    return [{ dtype: a!.dtype, shape: [b!.shape[1]!] }];
  }
  if (a!.shape.length < 2 || b!.shape.length < 2 || a!.shape.at(-1) !== b!.shape.at(-2)) {
    throw new RangeError(
      `${op}: shapes ${formatShape(a!.shape)} and ${formatShape(b!.shape)} do not multiply`,
    );
  }
  const batch = broadcastShapes(op, a!.shape.slice(0, -2), b!.shape.slice(0, -2));
  return [{ dtype: a!.dtype, shape: [...batch, a!.shape.at(-2)!, b!.shape.at(-1)!] }];
};

const gemm: Infer = (op, [a, b, c], { transA = 0, transB = 0 }) => {
  requireSameType(op, a!, b!);
  const [rows, inner] = transA ? [a!.shape[1], a!.shape[0]] : a!.shape;
  const [innerB, columns] = transB ? [b!.shape[1], b!.shape[0]] : b!.shape;
  if (a!.shape.length !== 2 || b!.shape.length !== 2 || inner !== innerB) {
    const flags = `transA ${transA}, transB ${transB}`;
    throw new RangeError(
      `${op}: shapes ${formatShape(a!.shape)} and ${formatShape(b!.shape)} do not multiply (${flags})`,
    );
  }
  const shape = [rows!, columns!];
  if (c !== undefined && !sameShape(broadcastShapes(op, c.shape, shape), shape)) {
    throw new RangeError(
      `${op}: ${c.name} ${formatShape(c.shape)} does not broadcast to ${formatShape(shape)}`,
    );
  }
  return [{ dtype: a!.dtype, shape }];
};

const reduction: Infer = (op, [x, axes], { keepdims = 1 }) => {
  const reduced = normaliseAxes(op, constantIntegers(op, axes!), x!.shape.length);
  const shape = x!.shape.flatMap((dim, i): Dim[] => (reduced.includes(i) ? (keepdims ? [1] : []) : [dim]));
  return [{ dtype: x!.dtype, shape }];
};

const reshape: Infer = (op, [x, target], { symbolic }) => {
  const wanted = constantIntegers(op, target!);
  const shape = wanted.map((dim) => (dim === -1 ? (symbolic as string) : dim));
  if (!sameElementCount(x!.shape, shape)) {
    throw new RangeError(
      `${op}: ${formatShape(x!.shape)} does not have as many elements as ${formatShape(shape)}`,
    );
  }
  return [{ dtype: x!.dtype, shape }];
};

const transpose: Infer = (op, [x], { perm }) => {
  const order = normaliseAxes(op, perm as readonly number[], x!.shape.length);
  if (order.length !== x!.shape.length) {
    throw new RangeError(`${op}: permutation [${order}] does not fit ${formatShape(x!.shape)}`);
  }
  return [{ dtype: x!.dtype, shape: order.map((axis) => x!.shape[axis]!) }];
};

/** Joins values along an axis; symbolic sizes N and M add up to the symbol `N+M`. */
const concat: Infer = (op, inputs, { axis }) => {
  const first = inputs[0]!;
  const [at] = normaliseAxes(op, [axis as number], first.shape.length);
  for (const value of inputs) {
    requireSameType(op, first, value);
    const rest = first.shape.map((dim, i) => (i === at ? value.shape[at!] : dim)) as Shape;
    if (!sameShape(rest, value.shape)) {
      const shapes = inputs.map((input) => formatShape(input.shape)).join(', ');
      throw new RangeError(`${op}: shapes ${shapes} do not join on axis ${axis}`);
    }
  }
  const sizes = inputs.map((value) => value.shape[at!]!);
  const total = sizes.every((size) => typeof size === 'number')
    ? sizes.reduce((sum, size) => sum + size, 0)
    : sizes.join('+');
  return [{ dtype: first.dtype, shape: first.shape.map((dim, i) => (i === at ? total : dim)) }];
};

const slice: Infer = (op, [x, starts, ends, axes, steps]) => {
  const at = normaliseAxes(op, constantIntegers(op, axes!), x!.shape.length);
  const from = constantIntegers(op, starts!);
  const to = constantIntegers(op, ends!);
  const by = constantIntegers(op, steps!);
  const shape = [...x!.shape];
  at.forEach((axis, i) => {
    const size = shape[axis]!;
    if (typeof size !== 'number')
      throw new RangeError(`${op}: axis ${axis} of ${formatShape(x!.shape)} is symbolic`);
    if (from[i]! < 0 || to[i]! > size || from[i]! >= to[i]! || by[i]! < 1) {
      throw new RangeError(
        `${op}: ${from[i]} to ${to[i]} by ${by[i]} does not lie in axis ${axis} of size ${size}`,
      );
    }
    shape[axis] = Math.ceil((to[i]! - from[i]!) / by[i]!);
  });
  return [{ dtype: x!.dtype, shape }];
};

const split: Infer = (op, [x, sizes], { axis }) => {
  const [at] = normaliseAxes(op, [axis as number], x!.shape.length);
  const parts = constantIntegers(op, sizes!);
  const total = parts.reduce((a, b) => a + b, 0);
  if (total !== x!.shape[at!]) {
    throw new RangeError(`${op}: parts [${parts}] do not add up to axis ${axis} of ${formatShape(x!.shape)}`);
  }
  return parts.map((size) => ({ dtype: x!.dtype, shape: x!.shape.map((dim, i) => (i === at ? size : dim)) }));
};

const gather: Infer = (op, [x, indices], { axis = 0 }) => {
  const [at] = normaliseAxes(op, [axis as number], x!.shape.length);
  const shape = x!.shape.flatMap((dim, i): Shape => (i === at ? indices!.shape : [dim]));
  return [{ dtype: x!.dtype, shape }];
};

/** ScatterND whose indices [..., 1] name positions on axis 0. */
const scatterND: Infer = (op, [x, indices, updates]) => {
  requireSameType(op, x!, updates!);
  const expected = [...indices!.shape.slice(0, -1), ...x!.shape.slice(1)];
  if (indices!.shape.at(-1) !== 1 || !sameShape(expected, updates!.shape)) {
    const shapes = [x!, indices!, updates!].map((value) => formatShape(value.shape)).join(', ');
    throw new RangeError(`${op}: data, indices and updates ${shapes} do not fit`);
  }
  return [{ dtype: x!.dtype, shape: x!.shape }];
};

/** Pad whose pads are constant: [before of each axis..., after of each axis...]. */
const pad: Infer = (op, [x, pads]) => {
  const amounts = constantIntegers(op, pads!);
  const rank = x!.shape.length;
  if (amounts.length !== 2 * rank || amounts.some((amount) => amount < 0)) {
    throw new RangeError(`${op}: amounts [${amounts}] do not fit ${formatShape(x!.shape)}`);
  }
  const shape = x!.shape.map((dim, i) => {
    const extra = amounts[i]! + amounts[i + rank]!;
    if (extra === 0) return dim;
    if (typeof dim !== 'number')
      throw new RangeError(`${op}: axis ${i} of ${formatShape(x!.shape)} is symbolic`);
    return dim + extra;
  });
  return [{ dtype: x!.dtype, shape }];
};

const expand: Infer = (_, [x], { symbolic }) => [
  { dtype: x!.dtype, shape: JSON.parse(symbolic as string) as Shape },
];

const shapeOf: Infer = (_, [x], { start = 0, end }) => {
  const last = (end as number | undefined) ?? x!.shape.length;
  return [{ dtype: 'int64', shape: [last - (start as number)] }];
};

const cast: Infer = (_, [x], { dtype }) => [{ dtype: dtype as DType, shape: x!.shape }];

/** BatchNormalization by running statistics: channels on axis 1. */
const batchNormalization: Infer = (op, [x, ...perChannel]) => {
  for (const value of perChannel) {
    if (!sameShape(value.shape, [x!.shape[1]!])) {
      throw new RangeError(
        `${op}: ${value.name} ${formatShape(value.shape)} does not fit ${formatShape(x!.shape)}`,
      );
    }
  }
  return [{ dtype: x!.dtype, shape: x!.shape }];
};

/** buffer, value and a bool [1]: value is added to the buffer in place, or written over it when the bool is true. */
const inPlaceAccumulator: Infer = (op, [buffer, value, overwrite]) => {
  requireSameType(op, buffer!, value!);
  if (!sameShape(buffer!.shape, value!.shape)) {
    throw new RangeError(
      `${op}: ${buffer!.name} ${formatShape(buffer!.shape)} cannot take ${formatShape(value!.shape)}`,
    );
  }
  if (overwrite!.dtype !== 'bool') throw new TypeError(`${op}: ${overwrite!.name} is not bool`);
  return [{ dtype: 'bool', shape: [1] }];
};

/** How many inputs an operator takes, and how its outputs follow from them. */
export interface Operator {
  inputs: readonly [min: number, max: number];
  infer: Infer;
  /** Operator set that it belongs to; ai.onnx when absent. */
  domain?: typeof ORT_DOMAIN;
}

/** ONNX Runtime's own operator set. */
export const ORT_DOMAIN = 'com.microsoft';

const UNARY_FLOAT = ['Exp', 'Log', 'Sqrt', 'Tanh', 'Sigmoid', 'Softplus', 'LeakyRelu'] as const;
const UNARY_ANY = ['Neg', 'Abs', 'Relu', 'Identity'] as const;
const BINARY = ['Add', 'Sub', 'Mul', 'Div', 'Pow', 'Max', 'Min'] as const;
const COMPARISON = ['Greater', 'Less', 'Equal', 'GreaterOrEqual'] as const;
const REDUCTION = ['ReduceSum', 'ReduceMean', 'ReduceMax', 'ReduceMin'] as const;

function entries<K extends string>(names: readonly K[], operator: Operator): Record<K, Operator> {
  return Object.fromEntries(names.map((name) => [name, operator])) as Record<K, Operator>;
}

export const OPERATORS = {
  ...entries(UNARY_FLOAT, { inputs: [1, 1], infer: unaryFloat }),
  ...entries(UNARY_ANY, { inputs: [1, 1], infer: unaryAny }),
  ...entries(BINARY, { inputs: [2, 2], infer: binary }),
  ...entries(COMPARISON, { inputs: [2, 2], infer: comparison }),
  ...entries(REDUCTION, { inputs: [2, 2], infer: reduction }),
  Where: { inputs: [3, 3], infer: where },
  Clip: { inputs: [3, 3], infer: clip },
  MatMul: { inputs: [2, 2], infer: matMul },
  Gemm: { inputs: [2, 3], infer: gemm },
  Reshape: { inputs: [2, 2], infer: reshape },
  Transpose: { inputs: [1, 1], infer: transpose },
  Concat: { inputs: [1, 1024], infer: concat },
  Slice: { inputs: [5, 5], infer: slice },
  Split: { inputs: [2, 2], infer: split },
  Gather: { inputs: [2, 2], infer: gather },
  ScatterND: { inputs: [3, 3], infer: scatterND },
  Pad: { inputs: [2, 2], infer: pad },
  Expand: { inputs: [2, 2], infer: expand },
  Shape: { inputs: [1, 1], infer: shapeOf },
  Cast: { inputs: [1, 1], infer: cast },
  Conv: { inputs: [2, 3], infer: conv },
  ConvTranspose: { inputs: [2, 3], infer: convTranspose },
  MaxPool: { inputs: [1, 1], infer: maxPool },
  AveragePool: { inputs: [1, 1], infer: averagePool },
  Resize: { inputs: [3, 3], infer: resize },
  BatchNormalization: { inputs: [5, 5], infer: batchNormalization },
  InPlaceAccumulatorV2: { inputs: [3, 3], infer: inPlaceAccumulator, domain: ORT_DOMAIN },
} satisfies Record<string, Operator>;

export type OpType = keyof typeof OPERATORS;
