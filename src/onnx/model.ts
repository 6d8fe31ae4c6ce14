/** A model file as a whole: reading it with care, and its metadata. */

import { InvalidModelError, refuse } from './invalid-model.js';
import type { ModelProto } from './messages.js';
import { decode, encode } from './protobuf.js';
import { checkStructure } from './structure.js';

/** Bytes of a model file; the same message gives the same bytes. */
export function encodeModel(model: ModelProto): Uint8Array {
  return encode('ModelProto', model);
}

/**
 * Reads a model and checks what ONNX Runtime's native code would otherwise meet first: the structure of the file,
 * the sizes of its tensors, names and the order of nodes, and that nothing lies outside the file.
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
    refuse('not an ONNX model (no graph, IR version or operator set in it)');
  }
  checkStructure(model);
  return model;
}

/** The model's metadata_props as a map from key to value. */
export function modelMetadata(model: ModelProto): Map<string, string> {
  return new Map((model.metadata_props ?? []).map(({ key, value }) => [key ?? '', value ?? '']));
}
