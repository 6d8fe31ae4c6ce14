/**
 * How many samples are split into parts, and parts among shards. A part holds the same samples whichever process writes
 * it: part p of size s has samples start + p s to start + (p + 1) s - 1, up to the last.
 */

import type { SampleRange } from '../draw-batches.js';
import { SAMPLE_FORMATS, type SampleFormat } from '../writers/index.js';
import { digitsBelow } from '../writers/writer.js';

/** What decides the bytes of all parts, but for the device. */
export interface SampleJob {
  /** SHA-256 of the generator's file, in hexadecimal. */
  model: string;
  /** What was said of the generator beside its file, as JSON. */
  options: string;
  seed: number;
  /** Number of the first sample. */
  start: number;
  /** Number of samples in all shards. */
  count: number;
  format: SampleFormat;
  /** Samples a part. */
  partSize: number;
  /** Whether each part has a file of latents beside it. */
  latents: boolean;
}

/** One process's share: number `index`, from 0, of `of`. */
export interface Shard {
  index: number;
  of: number;
}

/** Samples a part unless told otherwise: whole tiles, and for 28x28 pixels files of about a megabyte. */
export const DEFAULT_PART_SIZE = 1024;
/** Most parts of a job: each has a line in a manifest. */
export const MAX_PARTS = 1_000_000;
/** Most shards of a job. */
export const MAX_SHARDS = 1_000_000_000;

export interface Part extends SampleRange {
  /** Name of its file or folder. */
  name: string;
  /** Name of the file of its latents. */
  latents: string;
}

export function partCount({ count, partSize }: Pick<SampleJob, 'count' | 'partSize'>): number {
  return Math.ceil(count / partSize);
}

/** Part `index` of a job. */
export function partAt(job: SampleJob, index: number): Part {
  const { start, count, partSize, format } = job;
  const number = String(index).padStart(digitsBelow(partCount(job)), '0');
  const { extension } = SAMPLE_FORMATS[format];
  return {
    name: extension === '' ? number : `part-${number}.${extension}`,
    latents: `latents-${number}.npy`,
    start: start + index * partSize,
    count: Math.min(partSize, count - index * partSize),
  };
}

/** The parts of a shard: a contiguous block; none when there are fewer parts than shards before the next. */
export function shardParts(job: SampleJob, { index, of }: Shard): Part[] {
  const parts = partCount(job);
  const first = Math.floor((index * parts) / of);
  const end = Math.floor(((index + 1) * parts) / of);
  return Array.from({ length: end - first }, (_, i) => partAt(job, first + i));
}
