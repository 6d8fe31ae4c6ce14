/** What a model is, without running it: its inputs and outputs, how large it is, and what a run costs. */

import { countFlops, type FlopsCount } from './flops.js';
import { InvalidModelError, quote, refuse } from './invalid-model.js';
import type {
  GraphProto,
  ModelProto,
  NodeProto,
  TensorProto,
  TypeProto,
  ValueInfoProto,
} from './messages.js';
import { modelMetadata } from './model.js';
import { operatorLabel } from './structure.js';
import { isFloat, MAX_RANK, tensorBytes, typeLabel } from './tensor.js';

/** More inputs, outputs, operator sets or metadata than any real model has. */
const MAX_LISTED = 10_000;

/** More characters of names and metadata than any real model has. */
const MAX_TEXT = 2 ** 24;

export interface ValueSummary {
  name: string;
  /** Element type, such as float32; `sequence of float32` and the like for what is no tensor. */
  type: string;
  /** As declared: sizes, names of sizes, null where there is neither; null as a whole for a shape that is not declared. */
  shape: readonly (number | string | null)[] | null;
}

/** Tensors of one element type. */
export interface TensorTotals {
  tensors: number;
  elements: number;
  bytes: number;
}

/** Either the counts, or why there are none. */
export type FlopsReport = FlopsCount | { unknown: string };

export interface ModelSummary {
  producer: { name: string; version: string };
  irVersion: number;
  /** ONNX's own operators have the domain ai.onnx here. */
  opsets: readonly { domain: string; version: number }[];
  /** Without those that have an initialiser as their default. */
  inputs: readonly ValueSummary[];
  outputs: readonly ValueSummary[];
  /** Elements of initialisers of floating point, running statistics included. */
  parameters: number;
  /** All initialisers, those of subgraphs included, by element type; of sparse ones what is stored. */
  initialisers: ReadonlyMap<string, TensorTotals & { float: boolean }>;
  /** How many nodes there are of each operator, most first; those of subgraphs and functions count once. */
  operators: ReadonlyMap<string, number>;
  flops: FlopsReport;
  metadata: ReadonlyMap<string, string>;
}

function checkLength(what: string, list: readonly unknown[] = []): void {
  if (list.length > MAX_LISTED) refuse(`it has ${list.length} ${what}, more than ${MAX_LISTED}`);
}

function typeName({ tensor_type, sequence_type }: TypeProto = {}): string {
  if (sequence_type !== undefined) return `sequence of ${typeName(sequence_type.elem_type)}`;
  return typeLabel(tensor_type?.elem_type);
}

function valueSummary({ name = '', type }: ValueInfoProto): ValueSummary {
  const dims = type?.tensor_type?.shape === undefined ? undefined : (type.tensor_type.shape.dim ?? []);
  if (dims !== undefined && dims.length > MAX_RANK) refuse(`value ${quote(name)} has ${dims.length} axes`);
  const shape = dims?.map(({ dim_value, dim_param }) => dim_value ?? (dim_param || null)) ?? null;
  return { name, type: typeName(type), shape };
}

function subgraphs({ attribute = [] }: NodeProto): GraphProto[] {
  return attribute.flatMap(({ g, graphs = [] }) => (g === undefined ? graphs : [g, ...graphs]));
}

/** Nodes and those of their subgraphs, to any depth. */
function* allNodes(nodes: readonly NodeProto[]): Generator<NodeProto> {
  for (const node of nodes) {
    yield node;
    for (const graph of subgraphs(node)) yield* allNodes(graph.node ?? []);
  }
}

/** The tensors that are stored for the initialisers of a graph. */
function storedTensors({ initializer = [], sparse_initializer = [] }: GraphProto): TensorProto[] {
  const sparse = sparse_initializer.flatMap(({ values, indices }) => [values, indices]);
  return [...initializer, ...sparse.filter((tensor) => tensor !== undefined)];
}

function sizeOf({ dims = [], data_type = 0, string_data }: TensorProto): { elements: number; bytes: number } {
  const elements = dims.reduce((a, b) => a * b, 1);
  const bytes = string_data?.reduce((sum, { length }) => sum + length, 0) ?? tensorBytes(data_type, elements);
  return { elements, bytes };
}

function initialiserTotals(tensors: readonly TensorProto[]): ModelSummary['initialisers'] {
  const totals = new Map<string, TensorTotals & { float: boolean }>();
  for (const tensor of tensors) {
    const label = typeLabel(tensor.data_type);
    const before = totals.get(label) ?? { tensors: 0, elements: 0, bytes: 0 };
    const { elements, bytes } = sizeOf(tensor);
    totals.set(label, {
      tensors: before.tensors + 1,
      elements: before.elements + elements,
      bytes: before.bytes + bytes,
      float: isFloat(tensor.data_type),
    });
  }
  return new Map([...totals].sort(([, a], [, b]) => b.bytes - a.bytes));
}

function operatorCounts(nodes: readonly NodeProto[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const node of nodes) {
    const label = operatorLabel(node);
    counts.set(label, (counts.get(label) ?? 0) + 1);
  }
  return new Map([...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)));
}

function flopsReport(model: ModelProto, sizes: ReadonlyMap<string, number> | undefined): FlopsReport {
  try {
    return countFlops(model, sizes);
  } catch (error) {
    if (error instanceof InvalidModelError) return { unknown: error.message };
    throw error;
  }
}

function* texts({ producer, opsets, inputs, outputs, metadata }: ModelSummary): Generator<string> {
  yield producer.name;
  yield producer.version;
  for (const { domain } of opsets) yield domain;
  for (const { name, shape } of [...inputs, ...outputs]) {
    yield name;
    for (const dim of shape ?? []) if (typeof dim === 'string') yield dim;
  }
  for (const entry of metadata) yield* entry;
}

function checkText(summary: ModelSummary): void {
  let characters = 0;
  for (const { length } of texts(summary)) characters += length;
  if (characters > MAX_TEXT)
    refuse(`it has ${characters} characters of names and metadata, more than ${MAX_TEXT}`);
}

/**
 * Says what a model is. Its names and metadata are the file's own: not fit for a terminal.
 *
 * @param model any model that decodeModel has read
 * @param sizes of the axes that its inputs name, where they are known, in elements; only the FLOPs need them
 * @throws InvalidModelError when there is more of something than any real model has
 */
export function inspectModel(model: ModelProto, sizes?: ReadonlyMap<string, number>): ModelSummary {
  const { graph = {}, functions = [], opset_import = [] } = model;
  checkLength('operator sets', opset_import);
  const nodes = [...allNodes([...(graph.node ?? []), ...functions.flatMap(({ node = [] }) => node)])];
  const graphs = [graph, ...nodes.flatMap(subgraphs)];
  const initialisers = initialiserTotals(graphs.flatMap(storedTensors));
  const defaults = new Set(storedTensors(graph).map(({ name }) => name));
  const inputs = (graph.input ?? []).filter(({ name }) => !defaults.has(name));
  checkLength('inputs', inputs);
  checkLength('outputs', graph.output);
  checkLength('metadata', model.metadata_props);
  const summary: ModelSummary = {
    producer: { name: model.producer_name ?? '', version: model.producer_version ?? '' },
    irVersion: model.ir_version ?? 0,
    opsets: opset_import.map(({ domain, version = 0 }) => ({ domain: domain || 'ai.onnx', version })),
    inputs: inputs.map(valueSummary),
    outputs: (graph.output ?? []).map(valueSummary),
    parameters: [...initialisers.values()].reduce(
      (sum, { elements, float }) => sum + (float ? elements : 0),
      0,
    ),
    initialisers,
    operators: operatorCounts(nodes),
    flops: flopsReport(model, sizes),
    metadata: modelMetadata(model),
  };
  checkText(summary);
  return summary;
}
