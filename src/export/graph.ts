/**
 * The graph builder. The same operation on the same values gives the same value, so nothing is computed twice; what no
 * output needs is left out of the model.
 */

import {
  encodeModel,
  type ModelProto,
  type NodeProto,
  type TensorProto,
  tensorProto,
} from '../onnx/index.js';
import { type ModelOptions, modelProto, nodeProto, valueInfo } from './model-proto.js';
import { type Attributes, type DType, OPERATORS, type OpType, type TensorSpec } from './ops.js';
import { broadcastShapes, type Dim, type Shape, sameShape } from './shape.js';
import { type TypedArray, typedArray } from './typed-arrays.js';
import { type Node, type Operand, Value } from './value.js';

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

  /** A constant that a name describes wholly, made when it is first asked for. */
  named(name: string, dtype: DType, shape: readonly number[], make: () => TypedArray): Value {
    return this.values.get(name) ?? this.constant(name, dtype, shape, make());
  }

  /** A table of positions, int32, under a name that describes it wholly; gradients may read it. */
  table(name: string, shape: readonly number[], make: () => Int32Array): Value {
    const known = this.values.get(name);
    if (known !== undefined) return known;
    const data = make();
    const value = this.declare(name, { dtype: 'int32', shape }, Array.from(data));
    this.initialisers.set(value, tensorProto(name, 'int32', shape, data));
    return value;
  }

  /** The second and third input of Resize: no region of interest, and a factor for each axis. */
  scales(factors: readonly number[]): [region: Value, factors: Value] {
    return [
      this.named('no region', 'float32', [0], () => new Float32Array()),
      this.sharedConstant('float32', [factors.length], factors),
    ];
  }

  /** `operand` as a value: numbers become constants of `dtype`. */
  lift(operand: Operand, dtype: DType): Value {
    if (typeof operand === 'number') return this.scalar(operand, dtype);
    if (operand.graph !== this) {
      throw new RangeError(`graph ${this.name}: ${operand.name} belongs to graph ${operand.graph.name}`);
    }
    return operand;
  }

  /**
   * What a symbolic dimension stands for in a run, of a given type; shape []. Counted rather than cast from Shape, whose
   * result GPU providers keep on the CPU. Exact up to 2^24 in float32.
   */
  sizeOf(symbol: string, dtype: DType): Value {
    return this.ones(symbol, dtype).sum();
  }

  /** The same as int64 [1], read off the first value that has the dimension. */
  private dimension(symbol: string): Value {
    for (const value of this.values.values()) {
      const axis = value.shape.indexOf(symbol);
      if (axis !== -1) return this.node('Shape', [value], { start: axis, end: axis + 1 })[0]!;
    }
    throw new RangeError(`graph ${this.name}: no value has a dimension ${symbol}`);
  }

  /** A scalar as many times as `size` says, as a vector. */
  repeated(scalar: Value, size: Dim): Value {
    const count = typeof size === 'number' ? this.integers([size]) : this.dimension(size);
    return this.node('Expand', [scalar, count], { symbolic: JSON.stringify([size]) })[0]!;
  }

  /** A vector of as many ones. */
  ones(size: Dim, dtype: DType): Value {
    return this.repeated(this.scalar(1, dtype), size);
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
    const readers = readersOf(input, this.neededNodes());
    return readers.every((node) => before.has(node) || node === alias);
  }

  /**
   * A scalar 0 that is known only after every node that reads `input` so far and that `others` do not wait for
   * anyway; undefined when there is none. What is computed from it runs after those nodes.
   */
  zeroAfterReaders(input: Value, others: readonly Value[]): Value | undefined {
    const before = nodesBefore(others);
    const readers = readersOf(input, this.nodes).filter((node) => !before.has(node));
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
    const graph = {
      name: this.name,
      node: [...nodes.map((node) => nodeProto(node, nameOf)), ...copies],
      initializer: [...this.initialisers].filter(([value]) => used.has(value)).map(([, tensor]) => tensor),
      input: this.inputs.map((value) => valueInfo(value.name, value)),
      output: [...this.outputs].map(([name, value]) => valueInfo(name, value)),
    };
    return modelProto(graph, options);
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

/** Operators whose output may be the very memory of their input. */
const VIEWS: ReadonlySet<OpType> = new Set<OpType>(['Reshape', 'Identity']);

/** The nodes that read a value's memory: directly, or through a view of it. */
function readersOf(value: Value, nodes: readonly Node[]): Node[] {
  const direct = nodes.filter((node) => node.inputs.includes(value));
  return direct.flatMap((node) =>
    VIEWS.has(node.op) ? [node, ...node.outputs.flatMap((view) => readersOf(view, nodes))] : [node],
  );
}
