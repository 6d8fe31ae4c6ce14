/** From the nodes of a graph to the messages of an ONNX model. */

import {
  ATTRIBUTE_TYPES,
  type AttributeProto,
  DATA_TYPES,
  type GraphProto,
  type ModelProto,
  type NodeProto,
  type ValueInfoProto,
} from '../onnx/index.js';
import { type AttributeValue, OPERATORS, type Operator, ORT_DOMAIN } from './ops.js';
import type { Dim } from './shape.js';
import type { Node, Value } from './value.js';

/** ONNX operator set of every graph: old enough for ONNX Runtime 1.19, new enough for axes as inputs. */
export const OPSET = 18;
/** The IR version that belongs to it. */
const IR_VERSION = 8;

/** Attributes that carry what shape inference needs and are no part of the ONNX node. */
const BUILDER_ATTRIBUTES = ['symbolic', 'dtype', 'factor', 'zeroRow'];

export interface ModelOptions {
  /** Goes into metadata_props. */
  metadata?: Readonly<Record<string, string>>;
  /** Goes into the graph's doc_string. */
  description?: string;
  /** Version of the producer, gan-onnx. */
  version?: string;
}

/** A model around a graph message; it names ONNX Runtime's operator set only if a node is from it. */
export function modelProto(graph: GraphProto, options: ModelOptions): ModelProto {
  const usesOrt = (graph.node ?? []).some(({ domain }) => domain === ORT_DOMAIN);
  return {
    ir_version: IR_VERSION,
    producer_name: 'gan-onnx',
    ...(options.version === undefined ? {} : { producer_version: options.version }),
    graph: options.description === undefined ? graph : { ...graph, doc_string: options.description },
    opset_import: [{ domain: '', version: OPSET }, ...(usesOrt ? [{ domain: ORT_DOMAIN, version: 1 }] : [])],
    metadata_props: Object.entries(options.metadata ?? {}).map(([key, value]) => ({ key, value })),
  };
}

/** A node whose values are called what `nameOf` says. */
export function nodeProto(node: Node, nameOf: (value: Value) => string): NodeProto {
  const attributes = Object.entries(node.attributes).filter(([name]) => !BUILDER_ATTRIBUTES.includes(name));
  const { domain }: Operator = OPERATORS[node.op];
  return {
    input: node.inputs.map(nameOf),
    output: node.outputs.map(nameOf),
    name: `${node.op}_${node.index}`,
    op_type: node.op,
    ...(attributes.length > 0
      ? { attribute: attributes.map(([name, value]) => attributeProto(name, value)) }
      : {}),
    ...(domain === undefined ? {} : { domain }),
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

/** An input or output of the graph. */
export function valueInfo(name: string, value: Value): ValueInfoProto {
  const dim = value.shape.map((size: Dim) =>
    typeof size === 'string' ? { dim_param: size } : { dim_value: size },
  );
  return { name, type: { tensor_type: { elem_type: DATA_TYPES[value.dtype], shape: { dim } } } };
}
