/** Begins a shard: checks what is asked for, and finds what of it is already done. */

import { join, resolve } from 'node:path';
import { packageVersion } from '../../system/package-version.js';
import { UserError } from '../../system/user-error.js';
import { sha256Of } from '../file-sum.js';
import type { GeneratorOptions } from '../generator-options.js';
import type { SampleFormat } from '../writers/index.js';
import { checkPictures } from '../writers/pictures.js';
import {
  DEFAULT_PART_SIZE,
  MAX_PARTS,
  MAX_SHARDS,
  type Part,
  partCount,
  type SampleJob,
  type Shard,
  shardParts,
} from './job.js';
import { type ManifestHeader, type PartEntry, partEntry } from './manifest.js';
import { type OptionName, plainName } from './option-names.js';
import { type FoundFolder, lookAtFolder } from './part-folder.js';
import { partState } from './verify.js';

export interface PartsRequest {
  /** The generator's file. */
  model: Uint8Array;
  /** The folder of the parts, which all shards may share; made when it is missing. */
  out: string;
  /** What is said of the generator beside its file. */
  options?: GeneratorOptions;
  /** Every format but `grid`. */
  format: SampleFormat;
  /** Number of samples in all shards. */
  count: number;
  /** Integer in [0, 2^53); 0 by default. */
  seed?: number;
  /** Number of the first sample; 0 by default. */
  start?: number;
  /** Samples a part; 1024 by default. Multiples of the model's batch, 64 unless it fixes another, are the fastest. */
  partSize?: number;
  /** This process's share; all of it by default. */
  shard?: Shard;
  /** Whether each part has its latents beside it, float32 .npy [count, latent]. */
  latents?: boolean;
  /** Where the generator will run, if that is known already. */
  device?: string | undefined;
  /** Whether another run's files in the folder, or manifests of another split, may be replaced; never anybody else's. */
  force?: boolean;
}

export interface OpenPartsOptions {
  /** Takes a line about each part that is gone or altered, or there without an entry in a manifest. */
  note?: (message: string) => void;
  /** Called at first and after each part: how many of the parts in the manifest are verified, of how many. */
  progress?: (verified: number, total: number) => void;
  /** Ends it, with its reason; nothing was changed then. */
  signal?: AbortSignal | undefined;
  /** How messages name an option of the request; as it is by default. */
  optionName?: OptionName;
}

/** A shard that may be written. */
export interface SampleParts {
  readonly job: SampleJob;
  readonly shard: Shard;
  /** Absolute path of the folder. */
  readonly folder: string;
  /** Parts of this shard, in order. */
  readonly parts: readonly Part[];
  /** Entries of the parts that are on the disk already and whose contents were verified, by name. */
  readonly kept: ReadonlyMap<string, PartEntry>;
  /** Whether all is done, the manifest too. */
  readonly complete: boolean;
  /** What the shard's manifest says so far; undefined when it has none. */
  readonly header: ManifestHeader | undefined;
  /** Manifests of other runs that are to be replaced, with their parts. */
  readonly replaced: readonly string[];
  /** Manifests of the same run in another number of shards that are to be replaced; parts of this job are theirs too. */
  readonly resplit: readonly string[];
  readonly optionName: OptionName;
}

/** As JSON in printable ASCII, the same for the same options in any order. */
function printable(options: GeneratorOptions): string {
  const sorted = Object.fromEntries(Object.entries(options).sort(([a], [b]) => (a < b ? -1 : 1)));
  return JSON.stringify(sorted).replace(
    /[^\x20-\x7e]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** Refuses shards that do not exist and parts that nobody wants. */
function checkJob(job: SampleJob, { index, of }: Shard, optionName: OptionName): void {
  const whole = [job.count, job.partSize, job.seed, job.start, index, of].every(Number.isSafeInteger);
  if (!whole || job.count < 1 || job.partSize < 1 || job.seed < 0 || job.start < 0) {
    throw new RangeError(
      'count and partSize must be whole numbers of at least 1, seed and start of at least 0',
    );
  }
  if (of < 1 || of > MAX_SHARDS || index < 0 || index >= of) {
    throw new RangeError(`shard ${index} of ${of}: expected 0 <= index < of <= ${MAX_SHARDS}`);
  }
  if (job.format === 'grid') {
    const format = optionName('format');
    throw new UserError(`${format} grid is one picture and cannot be split into parts: use ${format} png`);
  }
  if (partCount(job) > MAX_PARTS) {
    throw new UserError(
      `${optionName('partSize')} ${job.partSize} makes ${partCount(job)} parts, expected at most ${MAX_PARTS}: ` +
        'use a larger one',
    );
  }
}

/** Entries of the parts that are as the shard's manifest says. */
async function verifiedParts(
  folder: string,
  job: SampleJob,
  parts: readonly Part[],
  entries: ReadonlyMap<string, PartEntry>,
  { note, progress, signal }: OpenPartsOptions,
): Promise<Map<string, PartEntry>> {
  const kept = new Map<string, PartEntry>();
  let verified = 0;
  if (entries.size > 0) progress?.(0, entries.size);
  for (const part of parts) {
    const entry = entries.get(part.name);
    if (entry === undefined) continue;
    signal?.throwIfAborted();
    const state = await partState(folder, job, part, entry, signal);
    if (state === 'good') kept.set(part.name, partEntry(part, entry, entry.latents));
    else note?.(`${part.name} ${state === 'missing' ? 'is missing' : 'was altered'}: drawing it again`);
    progress?.(++verified, entries.size);
  }
  return kept;
}

/**
 * Looks at what is in the places of parts that will be drawn: files that no manifest knows may be those of a process
 * that was killed before it could enter them, and are drawn again; folders with other things than pictures stay.
 */
async function checkPlaces(
  folder: string,
  job: SampleJob,
  parts: readonly Part[],
  entries: ReadonlyMap<string, PartEntry>,
  { names, givenUp }: Pick<FoundFolder, 'names' | 'givenUp'>,
  { note, optionName = plainName }: OpenPartsOptions,
): Promise<void> {
  for (const part of parts) {
    const isPictures = job.format === 'png' && names.has(part.name);
    if (isPictures) await checkPictures({ flag: optionName('out'), path: join(folder, part.name) });
    if (entries.has(part.name) || givenUp.has(part.name)) continue;
    const places = job.latents ? [part.name, part.latents] : [part.name];
    for (const name of places) {
      if (names.has(name)) note?.(`${name} is there and in no manifest: drawing it again`);
    }
  }
}

/**
 * Begins a shard, or goes on with it: parts whose contents are what the shard's manifest says are kept. Nothing is changed
 * on the disk.
 *
 * @throws UserError when the folder belongs to another run (model, seed, format, ...), to shards of another split, or to
 * something else; the signal's reason
 * @throws RangeError when the request names samples or shards that do not exist
 */
export async function openSampleParts(
  request: PartsRequest,
  options: OpenPartsOptions = {},
): Promise<SampleParts> {
  const { model, out, format, count, seed = 0, start = 0, partSize = DEFAULT_PART_SIZE } = request;
  const { shard = { index: 0, of: 1 }, latents = false, device, force = false } = request;
  const { optionName = plainName } = options;
  const job: SampleJob = {
    model: sha256Of(model),
    options: printable(request.options ?? {}),
    seed,
    start,
    count,
    format,
    partSize,
    latents,
  };
  checkJob(job, shard, optionName);
  const wanted = { ...job, 'gan-onnx': packageVersion(), ...(device === undefined ? {} : { device }) };
  const found = await lookAtFolder(out, shard, wanted, force, optionName);
  const { own, ended, replaced, resplit } = found;
  const folder = resolve(out);
  const parts = shardParts(job, shard);
  const entered = new Map(own?.entries.map((entry) => [entry.name, entry]));
  const entries = new Map<string, PartEntry>();
  for (const { name, start, count } of parts) {
    const entry = entered.get(name);
    if (entry !== undefined && entry.start === start && entry.count === count) entries.set(name, entry);
  }
  const kept = await verifiedParts(folder, job, parts, entries, options);
  const missing = parts.filter(({ name }) => !kept.has(name));
  await checkPlaces(folder, job, missing, entries, found, options);
  options.signal?.throwIfAborted();
  const complete =
    ended && own !== undefined && missing.length === 0 && replaced.length === 0 && resplit.length === 0;
  return { job, shard, folder, parts, kept, complete, header: own?.header, replaced, resplit, optionName };
}
