/**
 * The gradient of each operator: one rule per operator in one table. A rule is written with the same builder methods as
 * any graph, so a gradient can be differentiated again.
 */

import { convInputGradient, convWeightGradient } from './convolution-gradients.js';
import { maxPoolGradient } from './max-pool-gradient.js';
import { constantIntegers } from './op-checks.js';
import type { Attributes, OpType } from './ops.js';
import { spreadRows } from './row-tables.js';
import { normaliseAxes, sameShape } from './shape.js';
import type { Value } from './value.js';
import { windowOf } from './windows.js';

/** What a rule sees of its node; `dy` is the gradient of the node's first output (of each, for Split). */
interface Tape {
  inputs: readonly Value[];
  y: Value;
  dy: Value;
  dys: readonly (Value | undefined)[];
  outputs: readonly Value[];
  attributes: Attributes;
}

/** One closure per input, called only for inputs whose gradient is needed. */
type Rule = (tape: Tape) => readonly ((() => Value) | undefined)[];

/** Gradient of an elementwise operator of one input: dy times the derivative. */
const elementwise =
  (derivative: (tape: Tape, x: Value) => Value): Rule =>
  (tape) => [() => tape.dy.mul(derivative(tape, tape.inputs[0]!))];

/** Gradients of an elementwise operator of two inputs that broadcast. */
const broadcasting =
  (left: (tape: Tape, a: Value, b: Value) => Value, right: (tape: Tape, a: Value, b: Value) => Value): Rule =>
  (tape) => {
    const [a, b] = tape.inputs as [Value, Value];
    return [() => left(tape, a, b).sumTo(a.shape), () => right(tape, a, b).sumTo(b.shape)];
  };

/** 1 where `a` wins over `b`, 1/2 where they are equal, 0 elsewhere, as the type of `a`. */
function winner(a: Value, b: Value): Value {
  const zero = a.graph.scalar(0, a.dtype);
  return a.greater(b).where(1, a.equal(b).where(a.graph.scalar(0.5, a.dtype), zero));
}

/** Puts back the axes that a reduction without keepdims dropped, as axes of size 1. */
function restoreAxes(reduced: Value, x: Value, op: OpType, axes: Value): Value {
  const dropped = normaliseAxes(op, constantIntegers(op, axes), x.shape.length);
  return reduced.reshape(x.shape.map((dim, i) => (dropped.includes(i) ? 1 : dim)));
}

/** Gradient of ReduceMax and ReduceMin: dy shared evenly among the elements that attain the extremum. */
const extremum =
  (op: OpType): Rule =>
  ({ inputs: [x, axes], y, dy }) => [
    () => {
      const attained = x!.equal(restoreAxes(y, x!, op, axes!)).cast(x!.dtype);
      const ties = attained.sum(constantIntegers(op, axes!), true);
      return attained.mul(restoreAxes(dy, x!, op, axes!).div(ties));
    },
  ];

const swapLast = (x: Value): Value => {
  const axes = x.shape.map((_, i) => i);
  const last = axes.length - 1;
  return x.transpose([...axes.slice(0, -2), last, last - 1]);
};

/** The scalar that a vector repeats. */
function repeatedNumber({ producer, shape }: Value): Value | undefined {
  const [source] = producer?.op === 'Expand' && shape.length === 1 ? producer.inputs : [];
  return source?.shape.length === 0 ? source : undefined;
}

export const isFloat = ({ dtype }: Value): boolean => dtype === 'float32' || dtype === 'float64';

const product = broadcasting(
  ({ dy }, _, b) => dy.mul(b),
  ({ dy }, a) => dy.mul(a),
);

const squared: Rule = ({ inputs: [x], dy }) => [() => dy.mul(2).mul(x!), undefined];

/** 2^100: far from overflow for what networks compute, and from underflow for all but the smallest. */
const STEEP = 2 ** 100;

const none: Rule = ({ inputs }) => inputs.map(() => undefined);

export const GRADIENTS: Partial<Record<OpType, Rule>> = {
  Identity: ({ dy }) => [() => dy],
  Neg: ({ dy }) => [() => dy.neg()],
  // d|x| = sign(x) dx, with 0 at the kink
  Abs: elementwise(({ dy }, x) => x.greater(0).where(1, x.less(0).where(dy.graph.scalar(-1, x.dtype), 0))),
  // d e^x = e^x dx
  Exp: elementwise(({ y }) => y),
  // d log x = dx / x
  Log: ({ inputs: [x], dy }) => [() => dy.div(x!)],
  // d sqrt x = dx / (2 sqrt x)
  Sqrt: ({ y, dy }) => [() => dy.div(y.mul(2))],
  // d tanh x = (1 - tanh^2 x) dx
  Tanh: elementwise(({ y }) => y.graph.scalar(1, y.dtype).sub(y.mul(y))),
  // d s(x) = s(x) (1 - s(x)) dx
  Sigmoid: elementwise(({ y }) => y.mul(y.graph.scalar(1, y.dtype).sub(y))),
  // d log(1 + e^x) = s(x) dx
  Softplus: elementwise((_, x) => x.sigmoid()),
  // the sign of y, not of x: so x needs no second reader, and runtimes may fuse the operator into the one before it
  Relu: elementwise(({ y }) => y.greater(0).cast(y.dtype)),
  LeakyRelu: elementwise(({ attributes, y }, x) => {
    const { float: alpha } = attributes.alpha as { float: number };
    // As steep as this, y is at one of the two bounds wherever it is not 0: half the time of comparing and selecting.
    if (alpha > 0 && alpha < 1) return y.mul(STEEP).clip(alpha, 1);
    return x.greater(0).where(x.graph.scalar(1, x.dtype), alpha);
  }),
  Add: broadcasting(
    ({ dy }) => dy,
    ({ dy }) => dy,
  ),
  Sub: ({ inputs: [a, b], dy }) => [() => dy.sumTo(a!.shape), () => dy.sumTo(b!.shape).neg()],
  // d (a b) = b da + a db, d a^2 = 2 a da
  Mul: (tape) => (tape.inputs[0] === tape.inputs[1] ? squared(tape) : product(tape)),
  // d (a / b) = da / b - (a / b) db / b
  Div: broadcasting(
    ({ dy }, _, b) => dy.div(b),
    ({ dy, y }, _, b) => dy.mul(y).div(b).neg(),
  ),
  // d a^b = b a^(b-1) da + a^b log a db, where 0 times anything counts as 0
  Pow: broadcasting(
    ({ dy }, a, b) => dy.mul(b.equal(0).where(0, b.mul(a.pow(b.sub(1))))),
    ({ dy, y }, a) => dy.mul(y.equal(0).where(0, y.mul(a.log()))),
  ),
  Max: broadcasting(
    ({ dy }, a, b) => dy.mul(winner(a, b)),
    ({ dy }, a, b) => dy.mul(winner(b, a)),
  ),
  Min: broadcasting(
    ({ dy }, a, b) => dy.mul(winner(b, a)),
    ({ dy }, a, b) => dy.mul(winner(a, b)),
  ),
  Where: ({ inputs: [condition, a, b], dy }) => [
    undefined,
    () => condition!.where(dy, 0).sumTo(a!.shape),
    () => condition!.where(0, dy).sumTo(b!.shape),
  ],
  Clip: ({ inputs: [x, low, high], dy }) => {
    const [below, above] = [x!.less(low!), x!.greater(high!)];
    return [
      () => below.where(0, above.where(0, dy)),
      () => below.where(dy, 0).sum(),
      () => above.where(dy, 0).sum(),
    ];
  },
  Greater: none,
  Less: none,
  Equal: none,
  GreaterOrEqual: none,
  Shape: none,
  // Y = A B: dA = dY B^T, dB = A^T dY, summed over batch axes that broadcast; a vector A is one row, and where all of it is
  // one number, as in sums and means of columns, the rows of dB are alike
  MatMul: ({ inputs: [a, b], dy }) => {
    const number = repeatedNumber(a!);
    const asRow = (x: Value): Value => (a!.shape.length === 1 ? x.reshape([1, x.shape[0]!]) : x);
    return [
      () => asRow(dy).matmul(swapLast(b!)).sumTo(asRow(a!).shape).reshape(a!.shape),
      () =>
        number !== undefined && b!.shape.length === 2
          ? asRow(dy.mul(number)).expandLike(b!)
          : swapLast(asRow(a!)).matmul(asRow(dy)).sumTo(b!.shape),
    ];
  },
  // Y = op(A) op(B) + C, op being a transposition or not
  Gemm: ({ inputs: [a, b, c], dy, attributes }) => {
    const transA = attributes.transA === 1;
    const transB = attributes.transB === 1;
    return [
      () => (transA ? b!.gemm(dy, { transA: transB, transB: true }) : dy.gemm(b!, { transB: !transB })),
      () => (transB ? dy.gemm(a!, { transA: true, transB: transA }) : a!.gemm(dy, { transA: !transA })),
      () => dy.sumTo(c!.shape),
    ];
  },
  ReduceSum: ({ inputs: [x, axes], dy }) => [
    () => restoreAxes(dy, x!, 'ReduceSum', axes!).expandLike(x!),
    undefined,
  ],
  ReduceMean: ({ inputs: [x, axes], dy }) => [
    () => {
      const count = x!.countOf(
        normaliseAxes('ReduceMean', constantIntegers('ReduceMean', axes!), x!.shape.length),
      );
      return restoreAxes(dy, x!, 'ReduceMean', axes!).div(count).expandLike(x!);
    },
    undefined,
  ],
  ReduceMax: extremum('ReduceMax'),
  ReduceMin: extremum('ReduceMin'),
  Reshape: ({ inputs: [x], dy }) => [() => dy.reshape(x!.shape), undefined],
  Transpose: ({ dy, attributes }) => [
    () => {
      const perm = attributes.perm as readonly number[];
      return dy.transpose(perm.map((_, i) => perm.indexOf(i)));
    },
  ],
  Concat: ({ inputs, dy, attributes }) => {
    const [axis] = normaliseAxes('Concat', [attributes.axis as number], dy.shape.length);
    const parts = () =>
      dy.split(
        axis!,
        inputs.map((input) => input.shape[axis!] as number),
      );
    return inputs.map((_, i) => () => parts()[i]!);
  },
  Split: ({ inputs: [x], outputs, dys, attributes }) => [
    () => {
      const zero = x!.graph.scalar(0, x!.dtype);
      const parts = outputs.map((output, i) => dys[i] ?? zero.expandLike(output));
      return x!.graph.concat(parts, attributes.axis as number);
    },
    undefined,
  ],
  Slice: ({ inputs: [x, starts, , axes, steps], dy }) => [
    () => {
      const [start] = constantIntegers('Slice', starts!);
      const [axis] = normaliseAxes('Slice', constantIntegers('Slice', axes!), x!.shape.length);
      const [step] = constantIntegers('Slice', steps!);
      const spread = step === 1 ? dy : interleaveZeros(dy, axis!, step!);
      const before = x!.shape.map((_, i) => (i === axis ? start! : 0));
      const missing = (x!.shape[axis!] as number) - start! - (spread.shape[axis!] as number);
      const trimmed =
        missing < 0 ? spread.slice(axis!, 0, (spread.shape[axis!] as number) + missing) : spread;
      return trimmed.pad(
        before,
        x!.shape.map((_, i) => (i === axis ? Math.max(missing, 0) : 0)),
      );
    },
  ],
  Pad: ({ inputs: [x, pads], dy }) => [
    () => {
      const amounts = constantIntegers('Pad', pads!);
      return x!.shape.reduce<Value>((cut, dim, axis) => {
        const before = amounts[axis]!;
        if (sameShape([dim], [cut.shape[axis]!])) return cut;
        return cut.slice(axis, before, before + (dim as number));
      }, dy);
    },
    undefined,
  ],
  Gather: ({ inputs: [x, indices], dy, attributes }) => [
    () => {
      const [axis] = normaliseAxes('Gather', [(attributes.axis as number | undefined) ?? 0], x!.shape.length);
      if (indices!.dtype === 'int32' && indices!.integers !== undefined) {
        // Nobody asks for the gradient of the row of zeros: it stays zero.
        const rows = (x!.shape[axis!] as number) - (attributes.zeroRow === 1 ? 1 : 0);
        const spread = spreadRows(dy, indices!, axis!, rows);
        const none = x!.shape.map(() => 0);
        return attributes.zeroRow === 1 ? spread.pad(none, none.with(axis!, 1)) : spread;
      }
      return gatherGradient(x!, indices!, dy, axis!);
    },
    undefined,
  ],
  // y = x with updates added: both gradients are linear in dy
  ScatterND: ({ inputs: [, indices], dy }) => [
    () => dy,
    undefined,
    () => dy.gather(indices!.reshape(indices!.shape.slice(0, -1))),
  ],
  Expand: ({ inputs: [x], dy }) => [() => dy.sumTo(x!.shape), undefined],
  // y[o] = sum_c w[o, c] * x[c] + b[o], * being a sliding product
  Conv: ({ inputs: [x, weight], dy, attributes }) => {
    const window = windowOf(attributes);
    return [
      () => convInputGradient(dy, weight!, x!.shape, window),
      () => convWeightGradient(x!, dy, window),
      () => dy.sum([0, 2, 3]),
    ];
  },
  // the transpose of Conv as a linear map: x and dy change roles
  ConvTranspose: ({ inputs: [x, weight], dy, attributes }) => {
    const window = windowOf(attributes);
    return [
      () => dy.conv(weight!, window),
      () => convWeightGradient(dy, x!, window),
      () => dy.sum([0, 2, 3]),
    ];
  },
  MaxPool: ({ inputs: [x], y, dy, attributes }) => [() => maxPoolGradient(x!, y, dy, windowOf(attributes))],
  // windows of averages do not overlap: each element of one gets an equal share
  AveragePool: ({ dy, attributes }) => {
    const [size] = windowOf(attributes).kernel;
    return [() => dy.upsample(size).mul(1 / size ** 2)];
  },
  // nearest neighbours: the sum of the copies
  Resize: ({ inputs: [x], dy }) => {
    const factor = (dy.shape[2] as number) / (x!.shape[2] as number);
    return [() => dy.averagePool(factor).mul(factor ** 2), undefined, undefined];
  },
  // A cast to or from integers is a step function: nothing flows back
  Cast: ({ inputs: [x], y, dy }) => [isFloat(x!) && isFloat(y) ? () => dy.cast(x!.dtype) : undefined],
};

/** Zeros between the entries of `axis`, `step - 1` after each one. */
function interleaveZeros(x: Value, axis: number, step: number): Value {
  const size = x.shape[axis] as number;
  const columns = [...x.shape.slice(0, axis + 1), 1, ...x.shape.slice(axis + 1)];
  const none = columns.map(() => 0);
  const padded = x.reshape(columns).pad(
    none,
    none.map((_, i) => (i === axis + 1 ? step - 1 : 0)),
  );
  return padded.reshape(x.shape.map((dim, i) => (i === axis ? size * step : dim)));
}

/** Adds dy back to the entries of `axis` that it was gathered from. */
function gatherGradient(x: Value, indices: Value, dy: Value, axis: number): Value {
  const rank = x.shape.length;
  const width = indices.shape.length;
  // Bring the gathered axis to the front of both, scatter there, and put it back.
  const front = [axis, ...x.shape.map((_, i) => i).filter((i) => i !== axis)];
  const frontShape = front.map((i) => x.shape[i]!);
  const gathered = Array.from({ length: width }, (_, i) => axis + i);
  const others = dy.shape.map((_, i) => i).filter((i) => !gathered.includes(i));
  const updates = axis === 0 ? dy : dy.transpose([...gathered, ...others]);
  const zero = x.graph.scalar(0, x.dtype);
  const zeros = zero.expandLike(axis === 0 ? x : x.transpose(front));
  if (zeros.shape.some((dim, i) => dim !== frontShape[i]))
    throw new RangeError('Gather: gradient shape mismatch');
  const summed = zeros.scatterAdd(indices.cast('int64').reshape([...indices.shape, 1]), updates);
  return axis === 0 ? summed : summed.transpose(Array.from({ length: rank }, (_, i) => front.indexOf(i)));
}
