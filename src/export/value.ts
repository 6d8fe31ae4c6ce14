/**
 * A value of a graph under construction: its name, type and shape, and one method for each operation on it. Methods
 * append nodes and give new values, and refuse wrong shapes at once.
 */

import { DATA_TYPES } from '../onnx/index.js';
import type { Graph } from './graph.js';
import type { Attributes, DType, OpType } from './ops.js';
import { broadcastShapes, elementCount, formatShape, normaliseAxes, type Shape, sameShape } from './shape.js';
import { upsampledConv } from './upsampled-conv.js';
import { type PoolOptions, poolWindow, type WindowOptions, windowAttributes } from './windows.js';

export interface Node {
  readonly op: OpType;
  readonly inputs: readonly Value[];
  readonly attributes: Attributes;
  readonly outputs: readonly Value[];
  readonly index: number;
}

/** A value, or a number that becomes a constant of the other operand's type. */
export type Operand = Value | number;

export class Value {
  /** The node that computes this value; undefined for inputs and constants. */
  producer: Node | undefined;

  constructor(
    readonly graph: Graph,
    readonly name: string,
    readonly dtype: DType,
    readonly shape: Shape,
    /** Elements of a small integer constant (axes, shapes), which shape inference reads, or of a table of positions. */
    readonly integers?: readonly number[],
  ) {}

  toString(): string {
    return `${this.name} ${this.dtype} ${formatShape(this.shape)}`;
  }

  private apply(op: OpType, others: readonly Operand[] = [], attributes: Attributes = {}): Value {
    const inputs = others.map((other) => this.graph.lift(other, this.dtype));
    return this.graph.node(op, [this, ...inputs], attributes)[0]!;
  }

  add = (other: Operand): Value => this.apply('Add', [other]);
  sub = (other: Operand): Value => this.apply('Sub', [other]);
  mul = (other: Operand): Value => this.apply('Mul', [other]);
  div = (other: Operand): Value => this.apply('Div', [other]);
  pow = (other: Operand): Value => this.apply('Pow', [other]);
  max = (other: Operand): Value => this.apply('Max', [other]);
  min = (other: Operand): Value => this.apply('Min', [other]);
  greater = (other: Operand): Value => this.apply('Greater', [other]);
  less = (other: Operand): Value => this.apply('Less', [other]);
  equal = (other: Operand): Value => this.apply('Equal', [other]);
  neg = (): Value => this.apply('Neg');
  abs = (): Value => this.apply('Abs');
  exp = (): Value => this.apply('Exp');
  log = (): Value => this.apply('Log');
  sqrt = (): Value => this.apply('Sqrt');
  tanh = (): Value => this.apply('Tanh');
  sigmoid = (): Value => this.apply('Sigmoid');
  softplus = (): Value => this.apply('Softplus');
  relu = (): Value => this.apply('Relu');
  leakyRelu = (alpha: number): Value => this.apply('LeakyRelu', [], { alpha: { float: alpha } });
  matmul = (other: Value): Value => this.apply('MatMul', [other]);

  /** Elements of `a` where this (bool) is true, of `b` elsewhere. */
  where(a: Operand, b: Operand): Value {
    const typed = [a, b].find((operand) => typeof operand !== 'number') as Value | undefined;
    const dtype = typed?.dtype ?? 'float32';
    return this.graph.node('Where', [this, this.graph.lift(a, dtype), this.graph.lift(b, dtype)])[0]!;
  }

  /** Each element, but at least `low` and at most `high`. */
  clip = (low: Operand, high: Operand): Value => this.apply('Clip', [low, high]);

  /** Matrix product of rank-2 values with optional transposition, plus an optional bias that broadcasts. */
  gemm(other: Value, { transA = false, transB = false, bias }: GemmOptions = {}): Value {
    const attributes = { ...(transA ? { transA: 1 } : {}), ...(transB ? { transB: 1 } : {}) };
    const inputs = bias === undefined ? [this, other] : [this, other, bias];
    return this.graph.node('Gemm', inputs, attributes)[0]!;
  }

  /** This plus `other`, of the same shape; where this is a product of matrices, as its bias: a pass over both less. */
  plusInProduct(other: Value): Value {
    const { op, inputs, attributes } = this.producer ?? {};
    if (op !== 'Gemm' || inputs!.length !== 2 || !sameShape(this.shape, other.shape)) return this.add(other);
    return this.graph.node('Gemm', [...inputs!, other], attributes)[0]!;
  }

  /**
   * Cross-correlation, which networks call convolution: this [N, C, H, W] with `weight` [O, C, kh, kw], plus `bias` [O];
   * gives [N, O, H', W'], H' = floor((H + pads - kh) / stride) + 1.
   */
  conv(weight: Value, options: ConvOptions = {}): Value {
    const { bias, ...window } = options;
    const fused = upsampledConv(this, weight, window, bias);
    if (fused !== undefined) return fused;
    const inputs = bias === undefined ? [this, weight] : [this, weight, bias];
    return this.graph.node('Conv', inputs, windowAttributes(kernelOf(weight), window))[0]!;
  }

  /**
   * The transpose of `conv`: this [N, C, H, W] with `weight` [C, O, kh, kw], plus `bias` [O]; gives [N, O, H', W'],
   * H' = (H - 1) stride - pads + kh + outputPadding.
   */
  convTranspose(weight: Value, options: ConvTransposeOptions = {}): Value {
    const { bias, outputPadding = [0, 0], ...window } = options;
    const inputs = bias === undefined ? [this, weight] : [this, weight, bias];
    const attributes = windowAttributes(kernelOf(weight), window);
    return this.graph.node('ConvTranspose', inputs, { ...attributes, output_padding: outputPadding })[0]!;
  }

  /** The maximum of each window of [N, C, H, W]; with `ceil`, one that begins inside but ends outside counts too. */
  maxPool(options: PoolOptions): Value {
    return this.apply('MaxPool', [], windowAttributes(options.kernel, poolWindow(this.shape, options)));
  }

  /** The mean of each tile of `size` x `size` of [N, C, H, W]. */
  averagePool(size: number): Value {
    const square = [size, size] as const;
    return this.apply('AveragePool', [], windowAttributes(square, { strides: square }));
  }

  /** Each element of [N, C, H, W] `factor` times in both directions: nearest neighbours. */
  upsample(factor: number): Value {
    // What coordinates an output takes is spelled out: runtimes differ in their defaults.
    const attributes = {
      mode: 'nearest',
      coordinate_transformation_mode: 'asymmetric',
      nearest_mode: 'floor',
      factor,
    };
    return this.graph.node('Resize', [this, ...this.graph.scales([1, 1, factor, factor])], attributes)[0]!;
  }

  private reduce(op: OpType, axes: readonly number[] | undefined, keepdims: boolean): Value {
    const all = normaliseAxes(op, axes ?? this.shape.map((_, i) => i), this.shape.length);
    if (all.length === 0) return this;
    return this.graph.node(op, [this, this.graph.integers(all)], { keepdims: keepdims ? 1 : 0 })[0]!;
  }

  /** Reductions over `axes`, or over all of them. */
  sum = (axes?: readonly number[], keepdims = false): Value => this.reduce('ReduceSum', axes, keepdims);
  mean = (axes?: readonly number[], keepdims = false): Value =>
    this.shape.length === 2 && axes?.length === 1 && axes[0] === 0 && !keepdims
      ? this.columnMean()
      : this.reduce('ReduceMean', axes, keepdims);
  reduceMax = (axes?: readonly number[], keepdims = false): Value => this.reduce('ReduceMax', axes, keepdims);
  reduceMin = (axes?: readonly number[], keepdims = false): Value => this.reduce('ReduceMin', axes, keepdims);

  /** The same elements in another shape, of which at most one dimension may be symbolic. */
  reshape(shape: Shape): Value {
    if (sameShape(shape, this.shape)) return this;
    const symbols = shape.filter((dim) => typeof dim === 'string');
    if (symbols.length > 1)
      throw new RangeError(`Reshape: ${formatShape(shape)} has two symbolic dimensions`);
    const target = this.graph.integers(shape.map((dim) => (typeof dim === 'string' ? -1 : dim)));
    return this.graph.node('Reshape', [this, target], { symbolic: symbols[0] ?? '' })[0]!;
  }

  transpose(perm?: readonly number[]): Value {
    const order = perm ?? this.shape.map((_, i) => this.shape.length - 1 - i);
    return this.apply('Transpose', [], { perm: normaliseAxes('Transpose', order, this.shape.length) });
  }

  /** Elements `start` (inclusive) to `end` (exclusive) of `axis`, every `step`-th one. */
  slice(axis: number, start: number, end: number, step = 1): Value {
    const constants = [[start], [end], [axis], [step]].map((numbers) => this.graph.integers(numbers));
    return this.graph.node('Slice', [this, ...constants])[0]!;
  }

  /** Consecutive parts of the given sizes along `axis`. */
  split(axis: number, sizes: readonly number[]): readonly Value[] {
    return this.graph.node('Split', [this, this.graph.integers(sizes)], { axis });
  }

  /** Entries of `axis` at `indices` (int64 or int32). */
  gather = (indices: Value, axis = 0): Value => this.graph.node('Gather', [this, indices], { axis })[0]!;

  /** This with `updates` added at `indices` [..., 1] of axis 0; repeated indices add up. */
  scatterAdd(indices: Value, updates: Value): Value {
    return this.graph.node('ScatterND', [this, indices, updates], { reduction: 'add' })[0]!;
  }

  /** Zeros around each axis: `before[i]` and `after[i]` of them. */
  pad(before: readonly number[], after: readonly number[]): Value {
    return this.graph.node('Pad', [this, this.graph.integers([...before, ...after])])[0]!;
  }

  cast(dtype: DType): Value {
    if (dtype === this.dtype) return this;
    return this.apply('Cast', [], { to: DATA_TYPES[dtype], dtype });
  }

  /** This broadcast to the shape of `like`. */
  expandLike(like: Value): Value {
    if (sameShape(this.shape, like.shape)) return this;
    if (!sameShape(broadcastShapes('Expand', this.shape, like.shape), like.shape)) {
      throw new RangeError(
        `Expand: ${formatShape(this.shape)} does not broadcast to ${formatShape(like.shape)}`,
      );
    }
    const target = like.shape.every((dim) => typeof dim === 'number')
      ? this.graph.integers(like.shape as number[])
      : this.graph.node('Shape', [like])[0]!;
    return this.graph.node('Expand', [this, target], { symbolic: JSON.stringify(like.shape) })[0]!;
  }

  /** How many elements the given axes of this value have together, as a value of this value's type: [] or [1]. */
  countOf(axes: readonly number[]): Value {
    const { factor, symbols } = elementCount(axes.map((axis) => this.shape[axis]!));
    const sizes = symbols.map((symbol) => this.graph.sizeOf(symbol, this.dtype));
    if (sizes.length === 0) return this.graph.scalar(factor, this.dtype);
    const size = sizes.reduce((product, next) => product.mul(next));
    return factor === 1 ? size : size.mul(factor);
  }

  /** The sums of the columns of a matrix [N, C], as a product with a vector of ones: faster than ReduceSum. */
  private columnSum(): Value {
    const ones = this.graph.ones(this.shape[0]!, this.dtype);
    return ones.matmul(this);
  }

  /** The means of the columns of a matrix [N, C], in the same way. */
  private columnMean(): Value {
    const weight = this.graph.scalar(1, this.dtype).div(this.countOf([0]));
    return this.graph.repeated(weight, this.shape[0]!).matmul(this);
  }

  /** This summed over the axes along which `shape` was broadcast to this value's shape; the inverse of expanding. */
  sumTo(shape: Shape): Value {
    if (sameShape(shape, this.shape)) return this;
    if (this.shape.length === 2 && sameShape(shape, [this.shape[1]!])) return this.columnSum();
    const extra = this.shape.length - shape.length;
    const added = this.shape.map((_, i) => i).filter((i) => i < extra);
    const stretched = shape.map((dim, i) => (dim === 1 && this.shape[i + extra] !== 1 ? i + extra : -1));
    const kept = this.reduce(
      'ReduceSum',
      stretched.filter((i) => i >= 0),
      true,
    );
    return kept.reduce('ReduceSum', added, false);
  }
}

/** Height and width of a convolution's weight. */
function kernelOf(weight: Value): readonly [number, number] {
  if (weight.shape.length !== 4) {
    throw new RangeError(
      `Conv: weight ${weight.name} is ${formatShape(weight.shape)}, expected 4 dimensions`,
    );
  }
  return [weight.shape[2] as number, weight.shape[3] as number];
}

export interface ConvOptions extends WindowOptions {
  bias?: Value;
}

export interface ConvTransposeOptions extends ConvOptions {
  /** Rows and columns more at the end, fewer than the strides. */
  outputPadding?: readonly [number, number];
}

export interface GemmOptions {
  transA?: boolean;
  transB?: boolean;
  bias?: Value;
}
