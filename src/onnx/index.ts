/** ONNX model files: messages, reading and writing. The only folder that knows protobuf. */

export * from './messages.js';
export { decodeModel, encodeModel, InvalidModelError, modelMetadata } from './model.js';
export { dataTypeName, ELEMENT_BYTES, tensorProto } from './tensor.js';
