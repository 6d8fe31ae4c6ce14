/**
 * A dry run of a model: every node is visited with the sizes of its tensors in place of the tensors, so that what
 * would take too much memory or time, or crash ONNX Runtime, is refused before ONNX Runtime sees the model.
 */

import { Call, like, type Outline, outlineOf, product } from './dry-run/call.js';
import { isKnownDomain, type Operator, operatorOf } from './dry-run/operators.js';
import { formatDims, quote, refuse } from './invalid-model.js';
import {
  type AttributeProto,
  DATA_TYPES,
  type FunctionProto,
  type GraphProto,
  type ModelProto,
  type NodeProto,
} from './messages.js';
import { nodeLabel } from './structure.js';
import { MAX_RANK, tensorBytes } from './tensor.js';

export type { Outline } from './dry-run/call.js';

/** What any model may take, and beyond which it needs a file as large as those of models that need as much. */
const BYTES = { always: 2 ** 29, perFileByte: 128 };
const WORK = { always: 2 ** 37, perFileByte: 2 ** 17 };

/** In the time of a multiplication in a product of matrices, much less than one byte is read, computed and written. */
const WORK_PER_BYTE = 16;

/** Nodes to run, those of functions once for each call: more would take ONNX Runtime long to load. */
const MAX_VISITS = 20_000;
const MAX_CALL_DEPTH = 32;

/** Operators whose result differs from run to run. */
const RANDOM = /^Random/;

class Scope {
  private readonly values = new Map<string, Outline>();

  constructor(private readonly outer?: Scope) {}

  get(name: string): Outline | undefined {
    return this.values.get(name) ?? this.outer?.get(name);
  }

  hasOwn(name: string): boolean {
    return this.values.has(name);
  }

  set(name: string, value: Outline): void {
    this.values.set(name, value);
  }

  delete(name: string): void {
    this.values.delete(name);
  }
}

/** Names that a node reads, also in its subgraphs. */
function namesRead(node: NodeProto): string[] {
  const graphs = subgraphs(node);
  if (graphs.length === 0) return node.input ?? [];
  const inner = graphs.flatMap(({ node: nodes = [], output = [] }) => [
    ...nodes.flatMap(namesRead),
    ...output.map(({ name = '' }) => name),
  ]);
  return [...(node.input ?? []), ...inner];
}

/** Whether a node's outputs are the same in every run. */
function isFixed(node: NodeProto, scope: Scope): boolean {
  if (RANDOM.test(node.op_type ?? '')) return false;
  return namesRead(node).every((name) => scope.get(name)?.fixed ?? true);
}

function subgraphs({ attribute = [] }: NodeProto): GraphProto[] {
  return attribute.flatMap(({ g, graphs = [] }) => (g === undefined ? graphs : [g, ...graphs]));
}

/** Looks on at a dry run that counts what is computed. */
export interface Observer {
  /** Called for each node that a run computes, and loading does not; in functions and branches, for their nodes. */
  node(call: Call, operator: Operator, outputs: readonly Outline[]): void;
  /** Operators beside those that may be run. */
  operator(domain: string, name: string): Operator | undefined;
}

const functionKey = (domain = '', name = '', overload = '') => JSON.stringify([domain, name, overload]);

class DryRun {
  private readonly functions = new Map<string, FunctionProto>();
  /** Version of ONNX's operators in the graph or function that is visited. */
  private version: number;
  /** Whether only what does not depend on the inputs is visited, and all else has no outline. */
  private onlyFixed = false;
  /** Bytes of all tensors that are needed at the same time. */
  private live = 0;
  private work = 0;
  private visits = 0;
  private depth = 0;

  constructor(
    model: ModelProto,
    private readonly limits: { bytes: number; work: number },
    private readonly observer?: Observer,
  ) {
    for (const fn of model.functions ?? []) {
      const { domain = '', name, overload } = fn;
      if (isKnownDomain(domain)) {
        refuse(`it has a function ${quote(name)} in a domain of ONNX's own operators`);
      }
      const key = functionKey(domain, name, overload);
      if (this.functions.has(key)) refuse(`it has two functions ${quote(name)}`);
      this.functions.set(key, fn);
    }
    this.version = standardVersion(model.opset_import) ?? 1;
  }

  /** Visits the model's own graph. What goes in and what comes out exist twice: here and in ONNX Runtime. */
  run(graph: GraphProto, inputs: ReadonlyMap<string, Outline>): Map<string, Outline> {
    const scope = new Scope();
    for (const [name, { type, shape }] of inputs) {
      this.claim(`input ${quote(name)}`, 2 * tensorBytes(type, product(shape)));
      scope.set(name, { type, shape, fixed: false });
    }
    const outlines = this.graph(graph, scope);
    const results = new Map(
      (graph.output ?? []).map(({ name = '' }, i) => [
        name,
        outlines[i] ?? refuse(`output ${quote(name)} is an input without a shape`),
      ]),
    );
    for (const [name, { type, shape }] of results) {
      this.claim(`output ${quote(name)}`, 2 * tensorBytes(type, product(shape)));
    }
    return results;
  }

  /** Visits a graph; `scope` has its inputs. */
  private graph(graph: GraphProto, scope: Scope): (Outline | undefined)[] {
    for (const tensor of graph.initializer ?? []) {
      const { name = '' } = tensor;
      if (!scope.hasOwn(name)) scope.set(name, outlineOf(tensor));
    }
    for (const { values, dims = [] } of graph.sparse_initializer ?? []) {
      scope.set(values?.name ?? '', { type: values?.data_type ?? 0, shape: dims, fixed: true });
    }
    const names = (graph.output ?? []).map(({ name = '' }) => name);
    this.nodes(graph.node ?? [], scope, names);
    return names.map((name) => scope.get(name));
  }

  private nodes(nodes: readonly NodeProto[], scope: Scope, outputs: readonly string[]): void {
    const lastReader = new Map<string, number>();
    for (const [index, node] of nodes.entries()) {
      for (const name of namesRead(node)) lastReader.set(name, index);
    }
    for (const name of outputs) lastReader.set(name, nodes.length);
    const expiring = new Map<number, { name: string; bytes: number }[]>();
    for (const [index, node] of nodes.entries()) {
      for (const [name, value] of this.node(node, scope)) {
        scope.set(name, value);
        const bytes = sizeOf(node, value);
        // ONNX Runtime computes what is fixed while loading, keeps it, and holds it twice for a while.
        this.claim(nodeLabel(node), value.fixed ? 2 * bytes : bytes);
        const last = lastReader.get(name) ?? index;
        const expired = { name, bytes: value.fixed ? 0 : bytes };
        const together = expiring.get(last);
        if (together === undefined) expiring.set(last, [expired]);
        else together.push(expired);
      }
      for (const { name, bytes } of expiring.get(index) ?? []) {
        this.live -= bytes;
        scope.delete(name);
      }
    }
    // What a function or branch gives is counted as the output of its node.
    for (const { bytes } of expiring.get(nodes.length) ?? []) this.live -= bytes;
  }

  private claim(label: string, bytes: number): void {
    this.live += bytes;
    if (this.live > this.limits.bytes) {
      refuse(`${label}: running it would take ${this.live} bytes, too many for a file of its size`);
    }
  }

  /** Outlines of a node's outputs by name. */
  private node(node: NodeProto, scope: Scope): (readonly [string, Outline])[] {
    if (++this.visits > MAX_VISITS) refuse(`it comes to more than ${MAX_VISITS} nodes`);
    const inputs = (node.input ?? []).map((name) => (name === '' ? undefined : scope.get(name)));
    const outlines = this.outputs(node, inputs, scope);
    const fixed = isFixed(node, scope);
    return (node.output ?? []).flatMap((name, i) => {
      if (i >= outlines.length) refuse(`${nodeLabel(node)} has ${outlines.length} outputs, not ${i + 1}`);
      const { type, shape, values } = outlines[i] ?? {};
      if (name === '' || type === undefined || shape === undefined) return [];
      return [[name, { type, shape, ...(values && { values }), fixed }] as const];
    });
  }

  private outputs(
    node: NodeProto,
    inputs: readonly (Outline | undefined)[],
    scope: Scope,
  ): readonly (Outline | undefined)[] {
    const { domain = '', op_type = '', overload, output = [] } = node;
    const fn = this.functions.get(functionKey(domain, op_type, overload));
    if (fn !== undefined) return this.call(node, fn, inputs);
    const call = new Call(node, inputs, this.version);
    if (op_type === 'If' && (domain === '' || domain === 'ai.onnx')) return this.branches(call, scope);
    const operator =
      operatorOf(domain, op_type) ??
      this.observer?.operator(domain, op_type) ??
      call.fail('this operator is not among those that generators are known to need');
    const computed = (name: string, i: number) => name !== '' && inputs[i]?.fixed !== true;
    if (this.onlyFixed && node.input?.some(computed)) return output.map(() => undefined);
    const outlines = this.operator(operator, call);
    if (this.observer !== undefined && !this.onlyFixed && !isFixed(node, scope)) {
      this.observer.node(call, operator, outlines);
    }
    return outlines;
  }

  private operator(operator: Operator, call: Call): readonly Outline[] {
    const [min, max] = operator.inputs;
    const count = call.inputs.length;
    if (count < min || count > max) call.fail(`it has ${count} inputs`);
    for (let i = 0; i < min; i++) call.input(i);
    const outputs = operator.rule(call);
    const sizes = outputs.slice(0, call.node.output?.length).map((value) => sizeOf(call.node, value));
    const bytes = sizes.reduce((a, b) => a + b, 4 * (operator.scratch?.(call, outputs) ?? 0));
    this.claim(nodeLabel(call.node), bytes);
    this.live -= bytes;
    this.work += operator.work?.(call, outputs) ?? WORK_PER_BYTE * bytes;
    if (this.work > this.limits.work) call.fail('running it would take too long for a file of its size');
    return outputs;
  }

  private branches(call: Call, scope: Scope): readonly (Outline | undefined)[] {
    const condition = this.onlyFixed ? undefined : call.input(0).values?.[0];
    if (this.observer !== undefined && condition === undefined && !this.onlyFixed) {
      call.fail('which of its branches runs depends on computed data');
    }
    const then = this.branch(call, 'then_branch', scope, condition !== 0);
    const otherwise = this.branch(call, 'else_branch', scope, condition === undefined || condition === 0);
    if (this.onlyFixed) return then.map(() => undefined);
    if (condition !== undefined) return condition !== 0 ? then : otherwise;
    const alike = then.every((value, i) => String(value?.shape) === String(otherwise[i]?.shape));
    if (!alike) call.fail('the size of its output depends on computed data, its condition');
    return then.map((value) => value && like(value));
  }

  /** Of a branch that is not taken, ONNX Runtime still computes what is fixed. */
  private branch(call: Call, name: string, scope: Scope, taken: boolean): readonly (Outline | undefined)[] {
    const graph = call.attribute(name)?.g ?? call.fail(`it has no ${name}`);
    const before = this.onlyFixed;
    this.onlyFixed ||= !taken;
    const outlines = this.graph(graph, new Scope(scope));
    this.onlyFixed = before;
    return outlines;
  }

  private call(
    node: NodeProto,
    fn: FunctionProto,
    inputs: readonly (Outline | undefined)[],
  ): (Outline | undefined)[] {
    if (++this.depth > MAX_CALL_DEPTH) refuse(`${nodeLabel(node)}: functions call each other without end`);
    const scope = new Scope();
    for (const [i, name] of (fn.input ?? []).entries()) {
      if (inputs[i] !== undefined) scope.set(name, inputs[i]);
    }
    const attributes = [...(fn.attribute_proto ?? []), ...(node.attribute ?? [])];
    const given = new Map(attributes.map((attribute) => [attribute.name, attribute]));
    const caller = this.version;
    this.version = standardVersion(fn.opset_import) ?? caller;
    this.nodes(withAttributes(fn.node ?? [], given), scope, fn.output ?? []);
    this.version = caller;
    this.depth--;
    return (fn.output ?? []).map((name) => scope.get(name));
  }
}

function standardVersion(imports: ModelProto['opset_import'] = []): number | undefined {
  return imports.find(({ domain = '' }) => domain === '' || domain === 'ai.onnx')?.version;
}

type GivenAttributes = ReadonlyMap<string | undefined, AttributeProto>;

/** A function's nodes with the attributes of the call in the place of references to them, also in subgraphs. */
function withAttributes(nodes: readonly NodeProto[], given: GivenAttributes): NodeProto[] {
  return nodes.map((node) => {
    if (node.attribute === undefined) return node;
    return { ...node, attribute: node.attribute.flatMap((attribute) => resolved(attribute, given)) };
  });
}

function resolved(attribute: AttributeProto, given: GivenAttributes): AttributeProto[] {
  const { ref_attr_name, name = '', g } = attribute;
  if (ref_attr_name) {
    const value = given.get(ref_attr_name);
    return value === undefined ? [] : [{ ...value, name }];
  }
  if (g === undefined) return [attribute];
  return [{ ...attribute, g: { ...g, node: withAttributes(g.node ?? [], given) } }];
}

function sizeOf(node: NodeProto, { type, shape }: Outline): number {
  const bytes = tensorBytes(type, product(shape));
  if (shape.length > MAX_RANK) refuse(`${nodeLabel(node)}: its output has ${shape.length} axes`);
  if (!Number.isSafeInteger(bytes) || shape.some((dim) => !Number.isSafeInteger(dim) || dim < 0)) {
    refuse(`${nodeLabel(node)}: its output would be of shape ${formatDims(shape)}`);
  }
  return bytes;
}

/**
 * Goes through a run of a model without computing it.
 *
 * @param model a model that decodeModel has read, of a file of `fileBytes` bytes
 * @param inputs shapes of its inputs, which are float32
 * @returns the outlines of its outputs
 * @throws InvalidModelError when an operator is unknown, when a size is unreasonable or depends on computed data, or
 *   when memory or time would be out of all proportion to the file
 */
export function dryRun(
  model: ModelProto,
  inputs: ReadonlyMap<string, readonly number[]>,
  fileBytes: number,
): ReadonlyMap<string, Outline> {
  const limits = {
    bytes: Math.max(BYTES.always, BYTES.perFileByte * fileBytes),
    work: Math.max(WORK.always, WORK.perFileByte * fileBytes),
  };
  const outlines = [...inputs].map(([name, shape]) => [name, { type: DATA_TYPES.float32, shape }] as const);
  return new DryRun(model, limits).run(model.graph ?? {}, new Map(outlines));
}

/**
 * Shows every node of a run to an observer, without limits on what the run itself would take: it is not meant to
 * happen here.
 *
 * @param model a model that decodeModel has read
 * @param inputs outlines of its inputs
 * @throws InvalidModelError when an operator is unknown, or when a size or what is computed depends on computed data
 */
export function observeRun(
  model: ModelProto,
  inputs: ReadonlyMap<string, Outline>,
  observer: Observer,
): void {
  const limits = { bytes: Number.POSITIVE_INFINITY, work: Number.POSITIVE_INFINITY };
  new DryRun(model, limits, observer).run(model.graph ?? {}, inputs);
}
