/** Authoring ONNX: graphs, gradients, networks, losses, optimisers, training steps and generator.onnx. Pure. */

export {
  buildArtifacts,
  buildDiscriminatorReader,
  buildGeneratorPass,
  ENGINE_NAMES,
  FLAT_DISCRIMINATOR,
  type NetworkArtifacts,
} from './artifacts.js';
export {
  type CheckpointFile,
  type CheckpointTensor,
  decodeCheckpoint,
  encodeCheckpoint,
  InvalidCheckpointError,
} from './checkpoint-file.js';
export { buildCopyGraph, copyName } from './copy-graph.js';
export { GANS, type GanName, type GanSize } from './gans.js';
export {
  buildGeneratorModel,
  type GeneratorOrigin,
  generatorMetadata,
  PRECISIONS,
  type Precision,
} from './generator-model.js';
export { gradients, vectorJacobian } from './gradients.js';
export { Graph } from './graph.js';
export { HOST_INPUTS, type NoiseSpec } from './host-inputs.js';
export type { FeatureShape, Initialiser, Layer, LayerKind, ParameterSpec } from './layers.js';
export { buildLoopGraph, type LoopGraph, stackedName } from './loop-graph.js';
export { discriminatorLoss, GENERATOR_LOSSES, type GeneratorLoss, OTHER_LOSS } from './losses.js';
export { type ModelOptions, OPSET } from './model-proto.js';
export {
  type CheckpointProperties,
  hasMoments,
  networkCheckpoint,
  networkStateOf,
  withFreshMoments,
} from './network-checkpoint.js';
export {
  type AnyGanSpec,
  forward,
  type GanSpec,
  type MaskSpec,
  type NetworkSpec,
  networkParameters,
  type PlacedLayer,
  type PointGanSpec,
  placedLayers,
  sampleShape,
  usesBatchStatistics,
} from './networks.js';
export type { DType, OpType } from './ops.js';
export { buildOptimizerModel, trainingApiSupports } from './optimizer-model.js';
export {
  type OptimizerKind,
  type OptimizerSpec,
  optimizerSlotScales,
  optimizerSlots,
  optimizerStep,
} from './optimizers.js';
export { type PointGanSize, pointGan } from './point-gans.js';
export { type Schedule, scheduleValue } from './schedules.js';
export type { Dim, Shape } from './shape.js';
export {
  type GanState,
  ganState,
  initialState,
  type NetworkName,
  networkState,
  nextName,
  type StateSpec,
  type StateTensor,
  startsFromMeanImage,
  stepName,
} from './state.js';
export {
  buildSplitStep,
  buildStepGraph,
  type GradientGraph,
  gradientName,
  type Metric,
  type StepGraph,
  type StepGraphName,
  type StepGraphOptions,
  type UpdateGraph,
  WEIGHT,
} from './step-graphs.js';
export { type TypedArray, typedArray } from './typed-arrays.js';
export { GRAPH_TARGETS, type GraphTarget } from './update-all.js';
export { type ConvOptions, type ConvTransposeOptions, Value } from './value.js';
export { resizedState, widened } from './widened.js';
export type { PoolOptions, WindowOptions } from './windows.js';
