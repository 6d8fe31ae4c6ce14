/** Sampling an exported generator. Imports nothing of training. */

export { InvalidModelError } from '../onnx/index.js';
export { describeGenerator, type GeneratorDescription, TILE } from './description.js';
export { DeviceError, SAMPLE_DEVICES, type SampleDevice, type SampleDeviceEntry } from './devices.js';
export {
  Generator,
  type LoadedModel,
  type ModelLoader,
  type Placement,
  type SampleRequest,
  type Samples,
  sampleLatents,
} from './generator.js';
export { loadGenerator, type NodeLoadOptions, nodeLoader } from './load-node.js';
export {
  DEFAULT_PART_SIZE,
  manifestName,
  openSampleParts,
  type Part,
  type PartEntry,
  type PartsRequest,
  partCount,
  type SampleJob,
  type SampleParts,
  type Shard,
  type WritePartsOptions,
  writeSampleParts,
} from './parts/index.js';
export {
  type GridOptions,
  gridSize,
  type ImageStack,
  imageGrid,
  imagePicture,
  type Picture,
  toByte,
} from './pixels.js';
export { encodePng } from './png.js';
export { SAMPLE_FORMATS, type SampleFormat, type SampleFormatEntry } from './writers/index.js';
