/**
 * The graph builder. A `Value` knows its name, type and shape; its methods append nodes and give new values, and
 * refuse wrong shapes at once. The same operation on the same values gives the same value, so nothing is computed
 * twice; what no output needs is left out of the model.
 */

import type {
  AttributeProto,
  GraphProto,
  ModelProto,
  NodeProto,
  StringStringEntryProto,
  TensorProto,
  ValueInfoProto,
} from '../onnx/index.js';
import { ATTRIBUTE_TYPES, DATA_TYPES, encodeModel, tensorProto } from '../onnx/index.js';
import {
  type Attributes,
  type AttributeValue,
  type DType,
  OPERATORS,
  type OpType,
  type TensorSpec,
} from './ops.js';
import {
  broadcastShapes,
  type Dim,
  elementCount,
  formatShape,
  normaliseAxes,
  type Shape,
  sameShape,
} from './shape.js';

/** ONNX operator set of every graph: old enough for ONNX Runtime 1.19, new enough for axes as inputs. */
export const OPSET = 18;
/** The IR version that belongs to it. */
const IR_VERSION = 8;

/** Attributes that carry what shape inference needs and are no part of the ONNX node. */
const BUILDER_ATTRIBUTES = ['symbolic', 'dtype'];

/** Operators whose every output element depends on the broadcast input elements at its own place. */
const ELEMENTWISE: ReadonlySet<OpType> = new Set<OpType>([
  'Add',
  'Sub',
  'Mul',
  'Div',
  'Pow',
  'Max',
  'Min',
  'Neg',
]);

const ARRAYS = {
  float32: Float32Array,
  float64: Float64Array,
  int32: Int32Array,
  uint8: Uint8Array,
  bool: Uint8Array,
  int64: BigInt64Array,
};

/** A typed array of the elements of `dtype` (bool as bytes, int64 as bigints). */
export type TypedArray = Float32Array | Float64Array | Int32Array | Uint8Array | BigInt64Array;

/** Elements of `dtype` from plain numbers. */
export function typedArray(dtype: DType, numbers: readonly number[]): TypedArray {
  if (dtype === 'int64') return BigInt64Array.from(numbers, BigInt);
  return ARRAYS[dtype].from(numbers);
}

export interface Node {
  readonly op: OpType;
  readonly inputs: readonly Value[];
  readonly attributes: Attributes;
  readonly outputs: readonly Value[];
  readonly index: number;
}

type Operand = Value | number;

export class Value {
  /** The node that computes this value; undefined for inputs and constants. */
  producer: Node | undefined;

  constructor(
    readonly graph: Graph,
    readonly name: string,
    readonly dtype: DType,
    readonly shape: Shape,
    /** Elements of a small integer constant (axes, shapes), which shape inference reads. */
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

  /** Matrix product of rank-2 values with optional transposition, plus an optional bias that broadcasts. */
  gemm(other: Value, { transA = false, transB = false, bias }: GemmOptions = {}): Value {
    const attributes = { ...(transA ? { transA: 1 } : {}), ...(transB ? { transB: 1 } : {}) };
    const inputs = bias === undefined ? [this, other] : [this, other, bias];
    return this.graph.node('Gemm', inputs, attributes)[0]!;
  }

  private reduce(op: OpType, axes: readonly number[] | undefined, keepdims: boolean): Value {
    const all = normaliseAxes(op, axes ?? this.shape.map((_, i) => i), this.shape.length);
    if (all.length === 0) return this;
    return this.graph.node(op, [this, this.graph.integers(all)], { keepdims: keepdims ? 1 : 0 })[0]!;
  }

  /** Reductions over `axes`, or over all of them. */
  sum = (axes?: readonly number[], keepdims = false): Value => this.reduce('ReduceSum', axes, keepdims);
  mean = (axes?: readonly number[], keepdims = false): Value => this.reduce('ReduceMean', axes, keepdims);
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

export interface GemmOptions {
  transA?: boolean;
  transB?: boolean;
  bias?: Value;
}

export class Graph {
  private readonly values = new Map<string, Value>();
  private readonly nodes: Node[] = [];
  private readonly initialisers = new Map<Value, TensorProto>();
  private readonly inputs: Value[] = [];
  private readonly outputs = new Map<string, Value>();
  private readonly known = new Map<string, readonly Value[]>();

  /** @param name the graph's name in the model file */
  constructor(readonly name: string) {}

  private declare(name: string, spec: TensorSpec, integers?: readonly number[]): Value {
    if (this.values.has(name) || this.outputs.has(name)) {
      throw new RangeError(`graph ${this.name}: the name ${name} is taken`);
    }
    const value = new Value(this, name, spec.dtype, spec.shape, integers);
    this.values.set(name, value);
    return value;
  }

  /** Declares an input of the graph. */
  input(name: string, dtype: DType, shape: Shape): Value {
    const value = this.declare(name, { dtype, shape });
    this.inputs.push(value);
    return value;
  }

  /** A constant tensor, stored in the model. */
  constant(name: string, dtype: DType, shape: readonly number[], data: TypedArray): Value {
    const integers = dtype === 'int64' && data.length <= 64 ? Array.from(data, Number) : undefined;
    const value = this.declare(name, { dtype, shape }, integers);
    this.initialisers.set(value, tensorProto(name, dtype, shape, data));
    return value;
  }

  private sharedConstant(dtype: DType, shape: readonly number[], numbers: readonly number[]): Value {
    const name = `${dtype}[${shape.join(',')}](${numbers.map((n) => (Object.is(n, -0) ? '-0' : n)).join(',')})`;
    return this.values.get(name) ?? this.constant(name, dtype, shape, typedArray(dtype, numbers));
  }

  /** A constant of rank 0. */
  scalar(number: number, dtype: DType = 'float32'): Value {
    return this.sharedConstant(dtype, [], [number]);
  }

  /** A constant int64 vector: axes, shapes, sizes. */
  integers(numbers: readonly number[]): Value {
    return this.sharedConstant('int64', [numbers.length], numbers);
  }

  /** `operand` as a value: numbers become constants of `dtype`. */
  lift(operand: Operand, dtype: DType): Value {
    if (typeof operand === 'number') return this.scalar(operand, dtype);
    if (operand.graph !== this) {
      throw new RangeError(`graph ${this.name}: ${operand.name} belongs to graph ${operand.graph.name}`);
    }
    return operand;
  }

  /** What a symbolic dimension stands for in a run, of a given type; shape [1]. */
  sizeOf(symbol: string, dtype: DType): Value {
    return this.dimension(symbol).cast(dtype);
  }

  /** The same as int64, read off the first value that has the dimension. */
  private dimension(symbol: string): Value {
    for (const value of this.values.values()) {
      const axis = value.shape.indexOf(symbol);
      if (axis !== -1) return this.node('Shape', [value], { start: axis, end: axis + 1 })[0]!;
    }
    throw new RangeError(`graph ${this.name}: no value has a dimension ${symbol}`);
  }

  /** A vector of as many ones. */
  ones(size: Dim, dtype: DType): Value {
    const one = this.scalar(1, dtype);
    if (typeof size === 'number') {
      return this.node('Expand', [one, this.integers([size])], { symbolic: JSON.stringify([size]) })[0]!;
    }
    const count = this.dimension(size);
    return this.node('Expand', [one, count], { symbolic: JSON.stringify([size]) })[0]!;
  }

  concat(values: readonly Value[], axis: number): Value {
    return this.node('Concat', values, { axis })[0]!;
  }

  /**
   * Appends a node and gives its outputs; or those of the same node that is already there.
   *
   * @throws RangeError or TypeError naming the operator and the shapes or types that do not fit
   */
  node(op: OpType, inputs: readonly Value[], attributes: Attributes = {}): readonly Value[] {
    const { inputs: arity, infer } = OPERATORS[op];
    if (inputs.length < arity[0] || inputs.length > arity[1]) {
      throw new RangeError(`${op}: ${inputs.length} inputs, expected ${arity[0]} to ${arity[1]}`);
    }
    for (const input of inputs) this.lift(input, input.dtype);
    const spared = this.withoutExpand(op, inputs, attributes);
    if (spared !== undefined) return spared;
    const key = `${op}(${inputs.map((input) => input.name).join('|')})${JSON.stringify(attributes)}`;
    const existing = this.known.get(key);
    if (existing !== undefined) return existing;
    const specs = infer(op, inputs, attributes);
    const index = this.nodes.length;
    const outputs = specs.map((spec, i) => this.declare(`${op}_${index}${i > 0 ? `.${i}` : ''}`, spec));
    const node: Node = { op, inputs, attributes, outputs, index };
    for (const output of outputs) output.producer = node;
    this.nodes.push(node);
    this.known.set(key, outputs);
    return outputs;
  }

  /**
   * The same result without a tensor that only repeats another's elements: an elementwise operator broadcasts by
   * itself, and one with a scalar can work on the tensor from before it was expanded.
   */
  private withoutExpand(
    op: OpType,
    inputs: readonly Value[],
    attributes: Attributes,
  ): readonly Value[] | undefined {
    if (!ELEMENTWISE.has(op)) return undefined;
    const at = inputs.findIndex((input) => input.producer?.op === 'Expand');
    const expanded = inputs[at];
    if (expanded === undefined) return undefined;
    const [small, target] = expanded.producer!.inputs;
    const replaced = inputs.with(at, small!);
    const full = inputs.map(({ shape }) => shape).reduce((a, b) => broadcastShapes(op, a, b));
    const reduced = replaced.map(({ shape }) => shape).reduce((a, b) => broadcastShapes(op, a, b));
    if (sameShape(full, reduced)) return this.node(op, replaced, attributes);
    const others = inputs.filter((_, i) => i !== at);
    if (others.some(({ shape }) => shape.length > 0) || !sameShape(full, expanded.shape)) return undefined;
    const [result] = this.node(op, replaced, attributes);
    return this.node('Expand', [result!, target!], expanded.producer!.attributes);
  }

  /** Makes `value` an output of the graph under `name`. */
  output(name: string, value: Value): void {
    this.lift(value, value.dtype);
    if (this.outputs.has(name) || this.values.has(name)) {
      throw new RangeError(`graph ${this.name}: the output name ${name} is taken`);
    }
    this.outputs.set(name, value);
  }

  /** The nodes that the outputs need, in an order in which they can run. */
  private neededNodes(): Node[] {
    const needed = nodesBefore([...this.outputs.values()]);
    return this.nodes.filter((node) => needed.has(node));
  }

  /**
   * Whether the value that replaces an input from run to run may be written to the input's own memory: every node
   * that reads the input must be done before the node that computes `next` starts, because that one needs its result.
   * The one that computes it may itself read the input if it works element by element.
   */
  mayShareMemory(input: Value, next: Value): boolean {
    const writer = next.producer;
    if (writer === undefined) return false;
    const before = nodesBefore(writer.inputs);
    const alias = ELEMENTWISE.has(writer.op) && sameShape(input.shape, next.shape) ? writer : undefined;
    return this.neededNodes().every(
      (node) => !node.inputs.includes(input) || before.has(node) || node === alias,
    );
  }

  /**
   * A scalar 0 that is known only after every node that reads `input` so far and that `others` do not wait for
   * anyway; undefined when there is none. What is computed from it runs after those nodes.
   */
  zeroAfterReaders(input: Value, others: readonly Value[]): Value | undefined {
    const before = nodesBefore(others);
    const readers = this.nodes.filter((node) => node.inputs.includes(input) && !before.has(node));
    if (readers.length === 0) return undefined;
    const first = this.sharedConstant('int64', [], [0]);
    const elements = readers.map(({ outputs: [output] }) =>
      output!.shape.reduce<Value>((element) => element.gather(first), output!),
    );
    // x < x is false for every x, NaN and infinity included.
    const zeros = elements.map((element) => element.less(element).cast(input.dtype));
    return zeros.reduce((sum, zero) => sum.add(zero));
  }

  /** The graph as an ONNX model message; a pure function of what was built. */
  toModel(options: ModelOptions = {}): ModelProto {
    const nodes = this.neededNodes();
    // Naming a value after its output spares an Identity node, which would copy it.
    const renamed = new Map<Value, string>();
    const copies: NodeProto[] = [];
    for (const [name, value] of this.outputs) {
      if (value.producer !== undefined && !renamed.has(value)) renamed.set(value, name);
      else copies.push({ input: [renamed.get(value) ?? value.name], output: [name], op_type: 'Identity' });
    }
    const nameOf = (value: Value): string => renamed.get(value) ?? value.name;
    const used = new Set([...nodes.flatMap((node) => node.inputs), ...this.outputs.values()]);
    const graph: GraphProto = {
      name: this.name,
      node: [...nodes.map((node) => nodeProto(node, nameOf)), ...copies],
      initializer: [...this.initialisers].filter(([value]) => used.has(value)).map(([, tensor]) => tensor),
      input: this.inputs.map((value) => valueInfo(value.name, value)),
      output: [...this.outputs].map(([name, value]) => valueInfo(name, value)),
      ...(options.description === undefined ? {} : { doc_string: options.description }),
    };
    return {
      ir_version: IR_VERSION,
      producer_name: 'gan-onnx',
      ...(options.version === undefined ? {} : { producer_version: options.version }),
      graph,
      opset_import: [{ domain: '', version: OPSET }],
      metadata_props: Object.entries(options.metadata ?? {}).map(
        ([key, value]): StringStringEntryProto => ({ key, value }),
      ),
    };
  }

  /** The graph as the bytes of an .onnx file. */
  toBytes(options: ModelOptions = {}): Uint8Array {
    return encodeModel(this.toModel(options));
  }
}

/** The nodes that the values need, directly or not. */
function nodesBefore(values: readonly Value[]): Set<Node> {
  const before = new Set<Node>();
  const pending = [...values];
  for (let value = pending.pop(); value !== undefined; value = pending.pop()) {
    const node = value.producer;
    if (node === undefined || before.has(node)) continue;
    before.add(node);
    pending.push(...node.inputs);
  }
  return before;
}

export interface ModelOptions {
  /** Goes into metadata_props. */
  metadata?: Readonly<Record<string, string>>;
  /** Goes into the graph's doc_string. */
  description?: string;
  /** Version of the producer, gan-onnx. */
  version?: string;
}

function nodeProto(node: Node, nameOf: (value: Value) => string): NodeProto {
  const attributes = Object.entries(node.attributes).filter(([name]) => !BUILDER_ATTRIBUTES.includes(name));
  return {
    input: node.inputs.map(nameOf),
    output: node.outputs.map(nameOf),
    name: `${node.op}_${node.index}`,
    op_type: node.op,
    ...(attributes.length > 0
      ? { attribute: attributes.map(([name, value]) => attributeProto(name, value)) }
      : {}),
  };
}

function attributeProto(name: string, value: AttributeValue): AttributeProto {
  if (typeof value === 'number') return { name, i: value, type: ATTRIBUTE_TYPES.int };
  if (typeof value === 'string') {
    return { name, s: new TextEncoder().encode(value), type: ATTRIBUTE_TYPES.string };
  }
  if ('float' in value) return { name, f: value.float, type: ATTRIBUTE_TYPES.float };
  return { name, ints: [...value], type: ATTRIBUTE_TYPES.ints };
}

function valueInfo(name: string, value: Value): ValueInfoProto {
  const dim = value.shape.map((size: Dim) =>
    typeof size === 'string' ? { dim_param: size } : { dim_value: size },
  );
  return { name, type: { tensor_type: { elem_type: DATA_TYPES[value.dtype], shape: { dim } } } };
}
