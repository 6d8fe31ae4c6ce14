/** What `gan-onnx/infer` has on every platform, beside its `Generator`. */

export { InvalidModelError } from '../onnx/index.js';
export { UserError } from '../system/user-error.js';
export { DeviceError } from './device-error.js';
export type {
  InterpolateRequest,
  LoadedGenerator,
  LoadedModel,
  Placement,
} from './generator.js';
export { type GeneratorOptions, type Layout, parseNumbers } from './generator-options.js';
export {
  INTERPOLATIONS,
  type Interpolation,
  interpolateLatents,
  latentBetween,
  type SampleRequest,
  sampleLatents,
} from './latents.js';
export {
  enlarge,
  type GridOptions,
  gridSize,
  type ImageStack,
  imageGrid,
  imagePicture,
  type Picture,
  toByte,
} from './pixels.js';
export { type GeneratorDescription, TILE } from './read-generator.js';
