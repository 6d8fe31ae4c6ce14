/** ONNX model files: messages, reading and writing, and a dry run of them. The only folder that knows protobuf. */

export { dryRun, type Outline } from './dry-run.js';
export { formatDims, InvalidModelError, shortName } from './invalid-model.js';
export * from './messages.js';
export { decodeModel, encodeModel, modelMetadata } from './model.js';
export { dataTypeName, ELEMENT_BYTES, tensorProto } from './tensor.js';
