/** What the threads of `decode-worker.ts` are asked, and how they do it. */

import { createHash } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { fileProblem } from '../../../system/files.js';
import { BrokenImage } from './broken-image.js';
import { decodeImage, type ImageTarget } from './decode-image.js';
import { readImageHeader } from './image-header.js';

/** Bytes of the largest image file that is read. */
export const MAX_FILE_BYTES = 64 * 2 ** 20;

/** SHA-256 (hex) of each of these files. */
export interface HashJob {
  kind: 'hash';
  paths: readonly string[];
}

/** The decoded images of these files. */
export interface DecodeJob {
  kind: 'decode';
  files: readonly { path: string; sha256: string }[];
  target: ImageTarget;
  /** Files with more pixels are not decoded; the answer says how many they have. */
  maxPixels: number;
}

export type Job = HashJob | DecodeJob;

export type HashResult = { sha256: string } | { problem: string };

/** What became of one file. */
export type DecodeResult =
  /** uint8 [channels, size, size] */
  | { image: Uint8Array }
  | { problem: string }
  | { pixels: number }
  /** Its bytes are not those of the checksum any more. */
  | { changed: true };

export interface Results {
  hash: HashResult[];
  decode: DecodeResult[];
}

/** Reads a regular file whole; links and pipes are not opened. */
function readImageFile(path: string): Uint8Array {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0));
  } catch (error) {
    throw new BrokenImage(`it ${fileProblem(error)}`);
  }
  try {
    const found = fstatSync(fd);
    if (!found.isFile()) throw new BrokenImage('it is not a file');
    if (found.size > MAX_FILE_BYTES) {
      throw new BrokenImage(`it has ${found.size} bytes, expected at most ${MAX_FILE_BYTES}`);
    }
    const bytes = new Uint8Array(found.size);
    let length = 0;
    while (length < bytes.length) {
      const n = readSync(fd, bytes, length, bytes.length - length, length);
      if (n === 0) break;
      length += n;
    }
    return bytes.subarray(0, length);
  } catch (error) {
    throw error instanceof BrokenImage ? error : new BrokenImage(`it ${fileProblem(error)}`);
  } finally {
    closeSync(fd);
  }
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** The answer, or what is wrong with the file. */
async function orProblem<T>(work: () => Promise<T> | T): Promise<T | { problem: string }> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof BrokenImage) return { problem: error.message };
    throw error;
  }
}

async function decodeFile(
  { path, sha256: expected }: DecodeJob['files'][number],
  { target, maxPixels }: DecodeJob,
): Promise<DecodeResult> {
  const bytes = readImageFile(path);
  if (sha256(bytes) !== expected) return { changed: true };
  const { pixels } = readImageHeader(bytes);
  return pixels > maxPixels ? { pixels } : { image: await decodeImage(bytes, target) };
}

/** Does a job, one file after the other. */
export async function doJob(job: Job): Promise<HashResult[] | DecodeResult[]> {
  if (job.kind === 'hash') {
    const results: HashResult[] = [];
    for (const path of job.paths) {
      results.push(await orProblem(() => ({ sha256: sha256(readImageFile(path)) })));
    }
    return results;
  }
  const results: DecodeResult[] = [];
  for (const file of job.files) results.push(await orProblem(() => decodeFile(file, job)));
  return results;
}
