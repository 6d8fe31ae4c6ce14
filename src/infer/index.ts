/** Sampling an exported generator, in Node. Imports nothing of training. `web.ts` is the same for a page. */

export * from './common.js';
export { describeGenerator } from './description.js';
export { SAMPLE_DEVICES, type SampleDevice, type SampleDeviceEntry } from './devices.js';
export { encodeGif, type GifOptions } from './gif.js';
export type { NodeLoadOptions } from './load-node.js';
export { Generator, type LoadOptions, type Samples } from './node.js';
export {
  DEFAULT_PART_SIZE,
  manifestName,
  type NamedOption,
  type OpenPartsOptions,
  type OptionName,
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
export { encodePng } from './png.js';
export { SAMPLE_FORMATS, type SampleFormat, type SampleFormatEntry } from './writers/index.js';
