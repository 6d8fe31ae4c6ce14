/** Whether a part on the disk is what its manifest says, by its contents. */

import { createHash } from 'node:crypto';
import { lstat, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type FileSum, fileSha256, sha256Of } from '../file-sum.js';
import { SUMS_FILE, sumLine } from '../writers/pictures.js';
import { digitsBelow, pictureName } from '../writers/writer.js';
import type { Part, SampleJob } from './job.js';
import type { PartEntry } from './manifest.js';

/** `missing` and `altered` follow the part's name in a message. */
export type PartState = 'good' | 'missing' | 'altered';

/** Bytes of a PNG file beyond which it is not looked at: no encoder makes so much of a picture that a model draws. */
const MAX_PICTURE_BYTES = 2 ** 31;

async function fileState(path: string, { bytes, sha256 }: FileSum, signal?: AbortSignal): Promise<PartState> {
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined) return 'missing';
  // A link may lead anywhere, and a pipe has no end.
  if (!found.isFile() || found.size !== bytes) return 'altered';
  const actual = await fileSha256(path, signal).catch(() => '');
  signal?.throwIfAborted();
  return actual === sha256 ? 'good' : 'altered';
}

/** Reads a regular file; undefined for anything else. */
async function regularFile(path: string): Promise<Buffer | undefined> {
  const found = await lstat(path).catch(() => undefined);
  if (!found?.isFile() || found.size > MAX_PICTURE_BYTES) return undefined;
  return readFile(path).catch(() => undefined);
}

async function folderState(
  path: string,
  part: Part,
  digits: number,
  { sha256 }: FileSum,
  signal?: AbortSignal,
): Promise<PartState> {
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined) return 'missing';
  if (!found.isDirectory()) return 'altered';
  const sums = createHash('sha256');
  for (let i = 0; i < part.count; i++) {
    signal?.throwIfAborted();
    const name = pictureName(part.start + i, digits);
    const picture = await regularFile(join(path, name));
    if (picture === undefined) return 'altered';
    sums.update(sumLine(name, sha256Of(picture)));
  }
  const written = await regularFile(join(path, SUMS_FILE));
  return sums.digest('hex') === sha256 && written && sha256Of(written) === sha256 ? 'good' : 'altered';
}

/**
 * Compares a part, and the file of its latents, with its entry.
 *
 * @throws the signal's reason when that ends it
 */
export async function partState(
  folder: string,
  job: SampleJob,
  part: Part,
  entry: PartEntry,
  signal?: AbortSignal,
): Promise<PartState> {
  const path = join(folder, part.name);
  const digits = digitsBelow(job.start + job.count);
  const state = await (job.format === 'png'
    ? folderState(path, part, digits, entry, signal)
    : fileState(path, entry, signal));
  if (state !== 'good' || !job.latents) return state;
  if (entry.latents === undefined) return 'missing';
  return fileState(join(folder, part.latents), entry.latents, signal);
}
