/** gan-onnx: authoring, training and sampling GANs as ONNX graphs. */

export * from './export/index.js';
export * from './infer/index.js';
export * from './train/index.js';
