/** A model file as a whole: reading it with care, and its metadata. */

import type {
  AttributeProto,
  GraphProto,
  ModelProto,
  NodeProto,
  SparseTensorProto,
  TensorProto,
} from './messages.js';
import { decode, encode } from './protobuf.js';
import { dataTypeName, ELEMENT_BYTES } from './tensor.js';

/** Thrown for bytes that are not a usable ONNX model; the message says what is wrong, without the file's name. */
export class InvalidModelError extends Error {
  override readonly name = 'InvalidModelError';
}

/** Bytes of a model file; the same message gives the same bytes. */
export function encodeModel(model: ModelProto): Uint8Array {
  return encode('ModelProto', model);
}

/**
 * Reads a model and checks what ONNX Runtime's native code would otherwise meet first: the structure of the file,
 * the sizes of its tensors, and that nothing lies outside the file.
 *
 * @throws InvalidModelError
 */
export function decodeModel(bytes: Uint8Array): ModelProto {
  let model: ModelProto;
  try {
    model = decode('ModelProto', bytes);
  } catch (error) {
    throw new InvalidModelError(`not an ONNX model, or damaged (${(error as Error).message})`);
  }
  if (model.graph === undefined || (model.ir_version ?? 0) < 1 || model.opset_import === undefined) {
    throw new InvalidModelError('not an ONNX model (no graph, IR version or operator set in it)');
  }
  checkGraph(model.graph);
  for (const { node = [], attribute_proto = [] } of model.functions ?? []) {
    checkNodes(node);
    for (const attribute of attribute_proto) checkAttribute(attribute);
  }
  return model;
}

function checkGraph(graph: GraphProto): void {
  for (const tensor of graph.initializer ?? []) checkTensor(tensor);
  for (const sparse of graph.sparse_initializer ?? []) checkSparse(sparse);
  checkNodes(graph.node ?? []);
  const names = [...(graph.input ?? []), ...(graph.output ?? [])].map((value) => value.name ?? '');
  if (names.includes('')) throw new InvalidModelError('an input or output has no name');
}

function checkNodes(nodes: readonly NodeProto[]): void {
  for (const node of nodes) {
    for (const attribute of node.attribute ?? []) checkAttribute(attribute);
  }
}

/** Every place of an attribute that can hold a tensor or a graph. */
function checkAttribute({ t, tensors, g, graphs, sparse_tensor, sparse_tensors }: AttributeProto): void {
  for (const tensor of [t, ...(tensors ?? [])]) if (tensor !== undefined) checkTensor(tensor);
  for (const graph of [g, ...(graphs ?? [])]) if (graph !== undefined) checkGraph(graph);
  for (const sparse of [sparse_tensor, ...(sparse_tensors ?? [])]) {
    if (sparse !== undefined) checkSparse(sparse);
  }
}

function checkSparse({ values, indices }: SparseTensorProto): void {
  if (values !== undefined) checkTensor(values);
  if (indices !== undefined) checkTensor(indices);
}

function checkTensor(tensor: TensorProto): void {
  const label = `tensor "${tensor.name ?? ''}"`;
  if ((tensor.data_location ?? 0) !== 0 || (tensor.external_data?.length ?? 0) > 0) {
    throw new InvalidModelError(`${label} keeps its data in another file, which is not supported`);
  }
  let count = 1;
  for (const dim of tensor.dims ?? []) {
    if (!Number.isSafeInteger(dim) || dim < 0)
      throw new InvalidModelError(`${label} has a dimension of ${dim}`);
    count *= dim;
  }
  const dataType = dataTypeName(tensor.data_type);
  if (dataType === undefined || dataType === 'string' || tensor.raw_data === undefined) return;
  const expected = count * ELEMENT_BYTES[dataType];
  if (tensor.raw_data.length !== expected) {
    throw new InvalidModelError(
      `${label} holds ${tensor.raw_data.length} bytes where its shape [${(tensor.dims ?? []).join(', ')}] takes ${expected}`,
    );
  }
}

/** The model's metadata_props as a map from key to value. */
export function modelMetadata(model: ModelProto): Map<string, string> {
  return new Map((model.metadata_props ?? []).map(({ key, value }) => [key ?? '', value ?? '']));
}
