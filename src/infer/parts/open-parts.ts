/** Begins a shard: checks what is asked for, and finds what of it is already done. */

import { resolve } from 'node:path';
import { packageVersion } from '../../system/package-version.js';
import { UserError } from '../../system/user-error.js';
import { sha256Of } from '../file-sum.js';
import type { GeneratorOptions } from '../generator-options.js';
import type { SampleFormat } from '../writers/index.js';
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
import { lookAtFolder } from './part-folder.js';
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
  /** Samples a part; 1024 by default. Multiples of 64 are the fastest. */
  partSize?: number;
  /** This process's share; all of it by default. */
  shard?: Shard;
  /** Whether each part has its latents beside it, float32 .npy [count, latent]. */
  latents?: boolean;
  /** Where the generator will run, if that is known already. */
  device?: string | undefined;
  /** Whether another run's files in the folder may be replaced; never anybody else's. */
  force?: boolean;
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
  /** Manifests of other runs that are to be replaced. */
  readonly replaced: readonly string[];
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
function checkJob(job: SampleJob, { index, of }: Shard): void {
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
    throw new UserError('--format grid is one picture and cannot be split into parts: use --format png');
  }
  if (partCount(job) > MAX_PARTS) {
    throw new UserError(
      `--part-size ${job.partSize} makes ${partCount(job)} parts, expected at most ${MAX_PARTS}: use a larger one`,
    );
  }
}

/**
 * Begins a shard, or goes on with it: parts whose contents are what the shard's manifest says are kept. Nothing is changed
 * on the disk.
 *
 * @param note takes a line about each part that is gone or altered
 * @throws UserError when the folder belongs to another run (model, seed, format, ...) or to something else
 * @throws RangeError when the request names samples or shards that do not exist
 */
export async function openSampleParts(
  request: PartsRequest,
  note: (message: string) => void = () => {},
): Promise<SampleParts> {
  const { model, out, format, count, seed = 0, start = 0, partSize = DEFAULT_PART_SIZE } = request;
  const { shard = { index: 0, of: 1 }, latents = false, device, force = false } = request;
  const options = printable(request.options ?? {});
  const job: SampleJob = { model: sha256Of(model), options, seed, start, count, format, partSize, latents };
  checkJob(job, shard);
  const wanted = { ...job, 'gan-onnx': packageVersion(), ...(device === undefined ? {} : { device }) };
  const { own, ended, replaced } = await lookAtFolder(out, shard, wanted, force);
  const folder = resolve(out);
  const parts = shardParts(job, shard);
  const known = new Map(own?.entries.map((entry) => [entry.name, entry]));
  const kept = new Map<string, PartEntry>();
  for (const part of parts) {
    const entry = known.get(part.name);
    if (entry === undefined || entry.start !== part.start || entry.count !== part.count) continue;
    const state = await partState(folder, job, part, entry);
    if (state === 'good') kept.set(part.name, partEntry(part, entry, entry.latents));
    else note(`${part.name} ${state === 'missing' ? 'is missing' : 'was altered'}: drawing it again`);
  }
  const complete = ended && own !== undefined && kept.size === parts.length;
  return { job, shard, folder, parts, kept, complete, header: own?.header, replaced };
}
