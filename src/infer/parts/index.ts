/** Batch sampling: samples by the million as parts in a folder, which processes share and go on with. */

export { DEFAULT_PART_SIZE, type Part, partCount, type SampleJob, type Shard } from './job.js';
export { manifestName, type PartEntry } from './manifest.js';
export { type OpenPartsOptions, openSampleParts, type PartsRequest, type SampleParts } from './open-parts.js';
export type { NamedOption, OptionName } from './option-names.js';
export { type WritePartsOptions, writeSampleParts } from './write-parts.js';
