/** The training API's package is optional, and keeps its types to itself. */
declare module 'onnxruntime-training/training';
