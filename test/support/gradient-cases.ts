/**
 * One entry per operator with a gradient: random pieces of graph around it, for finite differences. `N` in a shape is
 * symbolic, and stands for 3 when the graph runs.
 */

import fc from 'fast-check';
import type { Dim, OpType, Shape, Value } from '../../src/export/index.js';
import type { Case, CaseInput } from './check-gradients.js';

const dim = fc.integer({ min: 1, max: 3 });

/** Rank `min` to 3; the first dimension may be symbolic. */
const shapes = (min = 0, max = 3): fc.Arbitrary<Shape> =>
  fc
    .tuple(fc.array(dim, { minLength: min, maxLength: max }), fc.boolean())
    .map(([dims, symbolic]) => (symbolic && dims.length > 0 ? ['N', ...dims.slice(1)] : dims));

/** `count` shapes that broadcast together: leading dimensions dropped, others set to 1. */
const broadcastable = (count: number, max = 3): fc.Arbitrary<Shape[]> =>
  shapes(0, max).chain((full) => {
    const operand = fc
      .tuple(fc.nat(full.length), fc.array(fc.boolean(), { minLength: 3, maxLength: 3 }))
      .map(([drop, ones]): Shape => full.slice(drop).map((size, i) => (ones[i] ? 1 : size)));
    return fc.array(operand, { minLength: count, maxLength: count });
  });

const unary = (build: (x: Value) => Value, values: CaseInput['values'] = 'any'): fc.Arbitrary<Case> =>
  shapes().map((shape) => ({ inputs: [{ shape, values }], build: ([x]) => build(x!) }));

const binary = (
  build: (a: Value, b: Value) => Value,
  values: readonly CaseInput['values'][] = ['any', 'any'],
): fc.Arbitrary<Case> =>
  broadcastable(2).map((operands) => ({
    inputs: operands.map((shape, i) => ({ shape, values: values[i]! })),
    build: ([a, b]) => build(a!, b!),
  }));

/** A shape of rank at least `min`, one of its axes, and that axis as given, perhaps counted from the end. */
const shapeWithAxis = (min = 1) =>
  fc
    .tuple(fc.array(dim, { minLength: min, maxLength: 3 }), fc.nat(2), fc.boolean(), fc.boolean())
    .map(([dims, at, fromEnd, symbolic]) => {
      const axis = at % dims.length;
      const shape: Dim[] = symbolic && axis !== 0 ? ['N', ...dims.slice(1)] : dims;
      return { shape, axis, given: fromEnd ? axis - dims.length : axis };
    });

const withSize = (shape: Shape, axis: number, size: number): Shape =>
  shape.map((d, i) => (i === axis ? size : d));

type Reduction = 'sum' | 'mean' | 'reduceMax' | 'reduceMin';

function reductionCase(op: Reduction, shape: Shape, axes: readonly number[], keepdims: boolean): Case {
  return { inputs: [{ shape }], build: ([x]) => x![op](axes, keepdims) };
}

const reduction = (op: Reduction): fc.Arbitrary<Case> =>
  shapes(1).chain((shape) =>
    fc
      .tuple(
        fc.subarray(
          shape.map((_, i) => i),
          { minLength: 1 },
        ),
        fc.boolean(),
        fc.boolean(),
      )
      .map(([axes, keepdims, fromEnd]) => {
        const given = fromEnd ? axes.map((axis) => axis - shape.length) : axes;
        return reductionCase(op, shape, given, keepdims);
      }),
  );

const BIASES = ['none', '[n]', '[m, n]', '[1, n]', '[m, 1]', '[1]', '[]'] as const;

function gemmCase(
  [m, k, n]: readonly [Dim, Dim, Dim],
  transA: boolean,
  transB: boolean,
  bias: (typeof BIASES)[number],
): Case {
  const biasShapes: Record<(typeof BIASES)[number], Shape[]> = {
    none: [],
    '[n]': [[n]],
    '[m, n]': [[m, n]],
    '[1, n]': [[1, n]],
    '[m, 1]': [[m, 1]],
    '[1]': [[1]],
    '[]': [[]],
  };
  const operands: Shape[] = [transA ? [k, m] : [m, k], transB ? [n, k] : [k, n], ...biasShapes[bias]];
  return {
    inputs: operands.map((shape) => ({ shape })),
    build: ([a, b, c]) => a!.gemm(b!, { transA, transB, ...(c === undefined ? {} : { bias: c }) }),
  };
}

const gemm: fc.Arbitrary<Case> = fc
  .tuple(dim, dim, dim, fc.nat(3), fc.boolean(), fc.boolean(), fc.constantFrom(...BIASES))
  .map(([m, k, n, symbolic, transA, transB, bias]) => {
    const sizes = [m, k, n].map((size, i): Dim => (i === symbolic ? 'N' : size));
    return gemmCase(sizes as [Dim, Dim, Dim], transA, transB, bias);
  });

const matMul: fc.Arbitrary<Case> = fc
  .tuple(broadcastable(2, 2), dim, dim, dim, fc.boolean())
  .map(([[left, right], m, k, n, symbolic]) => {
    const batched = [left!, right!].some((shape) => shape.includes('N'));
    const rows: Dim = symbolic && !batched ? 'N' : m;
    return {
      inputs: [{ shape: [...left!, rows, k] }, { shape: [...right!, k, n] }],
      build: ([a, b]) => a!.matmul(b!),
    };
  });

const RESHAPES: readonly (readonly [Shape, Shape])[] = [
  [[], [1]],
  [[1, 1], []],
  [[2, 3], [6]],
  [[6], [3, 1, 2]],
  [
    ['N', 2, 3],
    ['N', 6],
  ],
  [
    ['N', 6],
    [2, 'N', 3],
  ],
  [
    [2, 'N'],
    ['N', 1, 2],
  ],
];

const slice: fc.Arbitrary<Case> = fc
  .tuple(shapeWithAxis(), fc.nat(4), fc.nat(4), fc.nat(4), fc.integer({ min: 1, max: 4 }))
  .map(([{ shape, axis, given }, before, length, after, step]) => ({
    inputs: [{ shape: withSize(shape, axis, before + length + 1 + after) }],
    build: ([x]) => x!.slice(given, before, before + length + 1, step),
  }));

const split: fc.Arbitrary<Case> = fc
  .tuple(shapeWithAxis(), fc.array(dim, { minLength: 1, maxLength: 3 }), fc.nat(7))
  .map(([{ shape, axis, given }, sizes, mask]) => ({
    inputs: [
      {
        shape: withSize(
          shape,
          axis,
          sizes.reduce((a, b) => a + b, 0),
        ),
      },
    ],
    build: ([x]) => {
      const parts = x!.split(given, sizes);
      const used = parts.filter((_, i) => (mask >> i) & 1);
      return used.length > 0 ? used : [parts[0]!];
    },
  }));

const concat: fc.Arbitrary<Case> = fc
  .tuple(shapeWithAxis(), fc.array(dim, { minLength: 1, maxLength: 3 }), fc.boolean())
  .map(([{ shape, axis, given }, sizes, twice]) => ({
    inputs: sizes.map((size) => ({ shape: withSize(shape, axis, size) })),
    build: (parts, graph) => graph.concat(twice ? [...parts, parts[0]!] : parts, given),
  }));

const pad: fc.Arbitrary<Case> = shapes(1).chain((shape) => {
  const amounts = fc.array(fc.nat(2), { minLength: 6, maxLength: 6 });
  return amounts.map((numbers) => {
    const amount = (offset: number) => shape.map((size, i) => (size === 'N' ? 0 : numbers[i + offset]!));
    return { inputs: [{ shape }], build: ([x]) => x!.pad(amount(0), amount(3)) };
  });
});

/** Positions 0 to 2 of a tensor of rank 0, 1 or 2: with more than three of them, some repeat. */
const positions = fc
  .tuple(fc.array(dim, { maxLength: 2 }), fc.array(fc.nat(2), { minLength: 9, maxLength: 9 }))
  .map(([shape, numbers]) => ({
    shape,
    data: numbers.slice(
      0,
      shape.reduce((a, b) => a * b, 1),
    ),
  }));

const gather: fc.Arbitrary<Case> = fc
  .tuple(shapeWithAxis(), positions, fc.constantFrom('int64', 'int32', 'table'), fc.boolean())
  .map(([{ shape, axis, given }, at, kind, fromEnd]) => ({
    inputs: [{ shape: withSize(shape, axis, 3) }],
    build: ([x], graph) => {
      const numbers = fromEnd ? at.data.map((i) => i - 3) : at.data;
      const indices = {
        int64: () => graph.constant('at', 'int64', at.shape, BigInt64Array.from(numbers, BigInt)),
        int32: () => graph.constant('at', 'int32', at.shape, Int32Array.from(numbers)),
        table: () => graph.table('at', at.shape, () => Int32Array.from(numbers)),
      }[kind]!();
      return x!.gather(indices, given);
    },
  }));

const scatter: fc.Arbitrary<Case> = fc
  .tuple(positions, fc.array(dim, { maxLength: 2 }))
  .map(([at, rest]) => ({
    inputs: [{ shape: [3, ...rest] }, { shape: [...at.shape, ...rest] }],
    build: ([x, updates], graph) => {
      const indices = graph.constant('at', 'int64', [...at.shape, 1], BigInt64Array.from(at.data, BigInt));
      return x!.scatterAdd(indices, updates!);
    },
  }));

const maxPool: fc.Arbitrary<Case> = fc
  .record({
    size: fc.tuple(fc.integer({ min: 3, max: 6 }), fc.integer({ min: 3, max: 6 })),
    kernel: fc.tuple(dim, dim),
    strides: fc.tuple(dim, dim),
    pads: fc.array(fc.nat(2), { minLength: 4, maxLength: 4 }),
    ceil: fc.boolean(),
  })
  .map(({ size, kernel, strides, pads, ceil }) => ({
    inputs: [{ shape: ['N', 2, ...size] }],
    build: ([x]) => {
      const [top, left, bottom, right] = pads.map((amount, side) => Math.min(amount, kernel[side % 2]! - 1));
      return x!.maxPool({ kernel, strides, pads: [top!, left!, bottom!, right!], ceil });
    },
  }));

export const GRADIENT_CASES: Partial<Record<OpType, fc.Arbitrary<Case>>> = {
  Identity: unary((x) => x.graph.node('Identity', [x])[0]!),
  Neg: unary((x) => x.neg()),
  Abs: unary((x) => x.abs()),
  Exp: unary((x) => x.exp()),
  Log: unary((x) => x.log(), 'positive'),
  Sqrt: unary((x) => x.sqrt(), 'positive'),
  Tanh: unary((x) => x.tanh()),
  Sigmoid: unary((x) => x.sigmoid()),
  Softplus: unary((x) => x.softplus()),
  Relu: unary((x) => x.relu()),
  LeakyRelu: fc
    .tuple(shapes(), fc.constantFrom(0.2, 0.01, 0))
    .map(([shape, slope]) => ({ inputs: [{ shape }], build: ([x]) => x!.leakyRelu(slope) })),
  Add: binary((a, b) => a.add(b)),
  Sub: binary((a, b) => a.sub(b)),
  Mul: binary((a, b) => a.mul(b)),
  Div: binary((a, b) => a.div(b), ['any', 'nonzero']),
  Pow: binary((a, b) => a.pow(b), ['positive', 'any']),
  Max: binary((a, b) => a.max(b)),
  Min: binary((a, b) => a.min(b)),
  Where: broadcastable(3).map((operands) => ({
    inputs: operands.map((shape) => ({ shape })),
    build: ([condition, a, b]) => condition!.greater(0).where(a!, b!),
  })),
  Clip: shapes().map((shape) => ({
    inputs: [{ shape }, { shape: [] }, { shape: [] }],
    // The bounds drawn are about 0; what is clipped lies on both sides of them and between.
    build: ([x, low, high]) => x!.mul(3).clip(low!.sub(1), high!.add(1)),
  })),
  MatMul: matMul,
  Gemm: gemm,
  ReduceSum: reduction('sum'),
  ReduceMean: reduction('mean'),
  ReduceMax: reduction('reduceMax'),
  ReduceMin: reduction('reduceMin'),
  Reshape: fc
    .constantFrom(...RESHAPES)
    .map(([shape, target]) => ({ inputs: [{ shape }], build: ([x]) => x!.reshape(target) })),
  Transpose: shapes(1).chain((shape) =>
    fc
      .tuple(
        fc.shuffledSubarray(
          shape.map((_, i) => i),
          { minLength: shape.length },
        ),
        fc.boolean(),
      )
      .map(([perm, fromEnd]) => ({
        inputs: [{ shape }],
        build: ([x]) => x!.transpose(fromEnd ? perm.map((axis) => axis - shape.length) : perm),
      })),
  ),
  Concat: concat,
  Split: split,
  Slice: slice,
  Pad: pad,
  Gather: gather,
  ScatterND: scatter,
  MaxPool: maxPool,
  Expand: broadcastable(2)
    .filter(([small, like]) => String(small) !== String(like))
    .map(([small, like]) => ({
      // Their sum has the shape that both broadcast to.
      inputs: [{ shape: small! }, { shape: like! }],
      build: ([x, other]) => {
        const target = x!.add(other!);
        const expanded = x!.expandLike(target);
        // tanh keeps the Expand in the graph: an elementwise operator would do without it
        return (expanded === x ? other!.expandLike(target) : expanded).tanh();
      },
    })),
  Cast: shapes().map((shape) => ({
    inputs: [{ shape }],
    build: ([x]) => x!.cast('float32').cast('float64'),
    coarse: true,
  })),
};

const range = (length: number): number[] => Array.from({ length }, (_, i) => i);
const subsets = (length: number): number[][] =>
  range(2 ** length).map((bits) => range(length).filter((i) => (bits >> i) & 1));
const PERMUTATIONS = range(27)
  .map((i) => [Math.floor(i / 9), Math.floor(i / 3) % 3, i % 3])
  .filter((perm) => new Set(perm).size === 3);

/** Operators with few settings: all of them, by a label. */
export const ALL_SETTINGS: Partial<Record<OpType, Readonly<Record<string, Case>>>> = {
  ...Object.fromEntries(
    (['ReduceSum', 'ReduceMean', 'ReduceMax', 'ReduceMin'] as const).map((op) => {
      const method = (
        { ReduceSum: 'sum', ReduceMean: 'mean', ReduceMax: 'reduceMax', ReduceMin: 'reduceMin' } as const
      )[op];
      const cases = subsets(3)
        .filter((axes) => axes.length > 0)
        .flatMap((axes) =>
          [true, false].map((keepdims) => [
            `axes ${axes}, keepdims ${keepdims}`,
            reductionCase(method, ['N', 2, 3], axes, keepdims),
          ]),
        );
      return [op, Object.fromEntries(cases)];
    }),
  ),
  Gemm: Object.fromEntries(
    BIASES.flatMap((bias) =>
      range(4).map((flags) => {
        const [transA, transB] = [(flags & 1) === 1, (flags & 2) === 2];
        return [
          `transA ${transA}, transB ${transB}, bias ${bias}`,
          gemmCase(['N', 4, 2], transA, transB, bias),
        ];
      }),
    ),
  ),
  Transpose: Object.fromEntries(
    PERMUTATIONS.map((perm) => [
      `perm ${perm}`,
      { inputs: [{ shape: ['N', 2, 4] }], build: ([x]: Value[]) => x!.transpose(perm) },
    ]),
  ),
};
