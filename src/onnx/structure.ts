/**
 * Checks of a model's structure, by which ONNX Runtime's native code need not meet a damaged one: names, the order of
 * nodes, the sizes of tensors, and that nothing lies outside the file.
 */

import { quote, refuse, shortName } from './invalid-model.js';
import type {
  AttributeProto,
  FunctionProto,
  GraphProto,
  ModelProto,
  NodeProto,
  SparseTensorProto,
  TypeProto,
  ValueInfoProto,
} from './messages.js';
import { checkTensor, elementCount, tensorBytes } from './tensor.js';

/** More nodes than any real model has, those of subgraphs and functions included. */
const MAX_NODES = 100_000;

/** More initialisers than any real model has; the time that ONNX Runtime takes grows with the square of their number. */
const MAX_TENSORS = 20_000;

/** Longer names than any exporter writes. */
const MAX_NAME = 4096;

/** ONNX Runtime makes a dense tensor of a sparse one, whose dimensions its few values do not limit. */
const MAX_DENSE_BYTES = 2 ** 28;

/** The names that a graph or function gives to its values, and those that it sees of the graph around it. */
class Scope {
  private readonly own = new Set<string>();

  constructor(private readonly outer?: Scope) {}

  has(name: string): boolean {
    return this.own.has(name) || (this.outer?.has(name) ?? false);
  }

  /** Whether the name is new in this graph. */
  define(name: string): boolean {
    const fresh = !this.own.has(name);
    this.own.add(name);
    return fresh;
  }
}

class StructureCheck {
  private nodes = 0;
  private tensors = 0;

  graph(graph: GraphProto, outer?: Scope): void {
    const scope = new Scope(outer);
    this.name('graph', graph.name);
    for (const input of graph.input ?? []) {
      this.value('an input', input);
      this.define('input', input.name!, scope);
    }
    this.initializers(graph, scope);
    this.nodeList(graph.node ?? [], scope);
    for (const output of graph.output ?? []) {
      this.value('an output', output);
      if (!scope.has(output.name!)) refuse(`output ${quote(output.name)} is not computed by any node`);
    }
    for (const value of graph.value_info ?? []) this.type(value.name, value.type);
  }

  fn(fn: FunctionProto): void {
    const scope = new Scope();
    this.name('function', fn.name);
    for (const input of fn.input ?? []) this.define('input', input, scope);
    for (const attribute of fn.attribute_proto ?? []) this.attribute(attribute, scope);
    this.nodeList(fn.node ?? [], scope);
    for (const output of fn.output ?? []) {
      if (!scope.has(output)) refuse(`output ${quote(output)} of function ${quote(fn.name)} is not computed`);
    }
  }

  /** Initialisers may be named like an input, whose default value they are then. */
  private initializers({ initializer = [], sparse_initializer = [] }: GraphProto, scope: Scope): void {
    this.tensors += initializer.length + sparse_initializer.length;
    if (this.tensors > MAX_TENSORS) refuse(`it has more than ${MAX_TENSORS} tensors`);
    const names = new Set<string>();
    for (const tensor of initializer) checkTensor(tensor);
    for (const sparse of sparse_initializer) checkSparse(sparse);
    for (const { name = '' } of [...initializer, ...sparse_initializer.map(({ values }) => values ?? {})]) {
      this.name('tensor', name);
      if (names.has(name)) refuse(`two tensors are named ${quote(name)}`);
      names.add(name);
      scope.define(name);
    }
  }

  /** ONNX wants nodes in the order of their use, which also rules out cycles. */
  private nodeList(nodes: readonly NodeProto[], scope: Scope): void {
    this.nodes += nodes.length;
    if (this.nodes > MAX_NODES) refuse(`it has more than ${MAX_NODES} nodes`);
    for (const node of nodes) {
      this.name('node', node.name);
      this.name('operator', node.op_type);
      this.name('domain', node.domain);
      const twice = repeated((node.attribute ?? []).map(({ name = '' }) => name));
      if (twice !== undefined) refuse(`${nodeLabel(node)} has two attributes ${quote(twice)}`);
      for (const attribute of node.attribute ?? []) this.attribute(attribute, scope);
      if (!node.op_type) refuse(`node ${quote(node.name)} has no operator`);
      for (const name of node.input ?? []) {
        if (name !== '' && !scope.has(name)) {
          refuse(`${nodeLabel(node)} reads ${quote(name)}, which nothing before it computes`);
        }
      }
      for (const name of node.output ?? []) if (name !== '') this.define('value', name, scope);
    }
  }

  /** Every place of an attribute that can hold a tensor or a graph. */
  private attribute(attribute: AttributeProto, scope: Scope): void {
    this.name('attribute', attribute.name);
    checkPayload(attribute);
    const { t, tensors = [], g, graphs = [], sparse_tensor, sparse_tensors = [] } = attribute;
    for (const tensor of t === undefined ? tensors : [t, ...tensors]) checkTensor(tensor);
    for (const graph of g === undefined ? graphs : [g, ...graphs]) this.graph(graph, scope);
    for (const sparse of sparse_tensor === undefined ? sparse_tensors : [sparse_tensor, ...sparse_tensors]) {
      checkSparse(sparse);
    }
  }

  private value(what: string, { name, type }: ValueInfoProto): void {
    if (!name) refuse(`${what} has no name`);
    this.type(name, type);
  }

  /** Refuses what a reader may take for one thing and another for something else. */
  private type(name: string | undefined, type: TypeProto | undefined): void {
    if (type === undefined) return;
    if (type.tensor_type !== undefined && type.sequence_type !== undefined) {
      refuse(`value ${quote(name)} is both a tensor and a sequence`);
    }
    for (const { dim_value, dim_param } of type.tensor_type?.shape?.dim ?? []) {
      this.name('dimension', dim_param);
      if (dim_value !== undefined && dim_param !== undefined) {
        refuse(`value ${quote(name)} has a dimension that is both ${dim_value} and ${quote(dim_param)}`);
      }
    }
    this.type(name, type.sequence_type?.elem_type);
  }

  private define(what: string, name: string, scope: Scope): void {
    this.name(what, name);
    if (!scope.define(name)) refuse(`two values are named ${quote(name)}`);
  }

  /** ONNX Runtime repeats names in its messages as they are. */
  private name(what: string, name = ''): void {
    if (name.length > MAX_NAME) refuse(`${what} ${quote(name)} has a name of ${name.length} characters`);
    if (/\p{Cc}/u.test(name)) refuse(`${what} ${quote(name)} has control characters in its name`);
  }
}

/** The first name that occurs a second time. */
function repeated(names: readonly string[]): string | undefined {
  const seen = new Set<string>();
  return names.find((name) => seen.size === seen.add(name).size);
}

/** A node's operator, with its domain unless that is ONNX's own, fit for a message. */
export function operatorLabel({ domain = '', op_type }: NodeProto): string {
  const name = shortName(op_type);
  return domain === '' || domain === 'ai.onnx' ? name : `${shortName(domain)}.${name}`;
}

/** A node for a message. */
export function nodeLabel({ name, op_type, output }: NodeProto): string {
  return `node ${quote(name || output?.[0])} (${shortName(op_type)})`;
}

/** The field of an attribute that has its value, by AttributeProto.AttributeType. */
const PAYLOADS = [
  undefined,
  'f',
  'i',
  's',
  't',
  'g',
  'floats',
  'ints',
  'strings',
  'tensors',
  'graphs',
  'sparse_tensor',
  'sparse_tensors',
] as const;

/** A value beside the one that the type says would be checked here and ignored by ONNX Runtime, or the reverse. */
function checkPayload(attribute: AttributeProto): void {
  const expected = PAYLOADS[attribute.type ?? 0];
  const other = PAYLOADS.find((field) => {
    if (field === undefined || field === expected) return false;
    const value = attribute[field];
    return value !== undefined && !(Array.isArray(value) && value.length === 0);
  });
  if (attribute.type !== undefined && other !== undefined) {
    refuse(`attribute ${quote(attribute.name)} has a value of another type than it says`);
  }
}

function checkSparse({ values, indices, dims = [] }: SparseTensorProto): void {
  const label = `sparse tensor ${quote(values?.name)}`;
  if (values !== undefined) checkTensor(values);
  if (indices !== undefined) checkTensor(indices);
  const bytes = tensorBytes(values?.data_type ?? 0, elementCount(label, dims));
  if (bytes > MAX_DENSE_BYTES) refuse(`${label} would take ${bytes} bytes`);
}

/** One version of each operator set; ONNX's own has two names. */
function checkOperatorSets(imports: ModelProto['opset_import'] = []): void {
  const twice = repeated(imports.map(({ domain = '' }) => (domain === 'ai.onnx' ? '' : domain)));
  if (twice !== undefined) refuse(`it has two versions of the operator set ${quote(twice)}`);
}

/** @throws InvalidModelError */
export function checkStructure({ graph = {}, functions = [], opset_import }: ModelProto): void {
  checkOperatorSets(opset_import);
  for (const { opset_import: own } of functions) checkOperatorSets(own);
  const check = new StructureCheck();
  check.graph(graph);
  for (const fn of functions) check.fn(fn);
}
