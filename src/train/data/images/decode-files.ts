/** Reads and decodes many image files with a few threads: results come in order, and only a few files are in memory. */

import { join } from 'node:path';
import { availableMemory } from '../../../system/memory.js';
import { UserError } from '../../../system/user-error.js';
import type { ImageTarget } from './decode-image.js';
import type { DecodeJob, DecodeResult, HashJob, HashResult, Job, Results } from './decode-job.js';
import { MAX_PIXELS } from './image-header.js';
import { createWorkerPool, JobLost, type WorkerPool } from './worker-pool.js';

/** Files in one job. */
const BATCH = 16;
/** Milliseconds for a job; damaged files can keep a decoder busy for ever. The largest images take a tenth of it. */
const TIME_LIMITS = { hash: 60_000, small: 15_000, large: 60_000 };
/** MiB of JavaScript objects that a thread may hold. */
const HEAP_LIMIT = 1024;
/** Images with more pixels are decoded under the budget below. */
const SMALL_PIXELS = 2 ** 19;
/** Bytes that decoding takes for a pixel, at most. */
const BYTES_PER_PIXEL = 36;

/** A file that was found by its listing. */
export interface ImageFile {
  /** Path below the data folder. */
  path: string;
  /** SHA-256 (hex) of its bytes. */
  sha256: string;
}

/** What became of a file. A verdict that is not certain came from the machine, not from the file: it may differ next time. */
export type Decoded = { image: Uint8Array } | { problem: string; certain: boolean };

export interface ImageReader {
  /** Checksums of files, in their order. */
  hash(paths: readonly string[]): AsyncGenerator<HashResult>;
  /** Decoded images, in the order of the files. @throws UserError when a file has changed since it was hashed */
  decode(files: readonly ImageFile[], target: ImageTarget): AsyncGenerator<Decoded>;
  close(): Promise<void>;
}

/** Lets work through as long as its weights add up to the capacity; heavier work goes alone. */
function createGate(capacity: number): <T>(weight: number, work: () => Promise<T>) => Promise<T> {
  let used = 0;
  const waiting: { weight: number; go: () => void }[] = [];
  const admit = (): void => {
    while (waiting.length > 0 && (used === 0 || used + waiting[0]!.weight <= capacity)) {
      const { weight, go } = waiting.shift()!;
      used += weight;
      go();
    }
  };
  return async (weight, work) => {
    await new Promise<void>((go) => {
      waiting.push({ weight, go });
      admit();
    });
    try {
      return await work();
    } finally {
      used -= weight;
      admit();
    }
  };
}

/** Does jobs at the same time, at most `ahead` of them, and gives their results in order. */
async function* inOrder<J, R>(
  jobs: Iterable<J>,
  ahead: number,
  work: (job: J) => Promise<R[]>,
): AsyncGenerator<R> {
  const pending: Promise<R[]>[] = [];
  for (const job of jobs) {
    const results = work(job);
    // Whoever awaits it gets the error; a result that nobody waits for any more is no reason to end the process.
    results.catch(() => {});
    pending.push(results);
    if (pending.length >= ahead) yield* await pending.shift()!;
  }
  while (pending.length > 0) yield* await pending.shift()!;
}

function* batches<T>(items: readonly T[]): Generator<T[]> {
  for (let i = 0; i < items.length; i += BATCH) yield items.slice(i, i + BATCH);
}

/** Does a job; if it is lost, each of its files by itself, to find the one that is to blame. */
async function doCarefully<J extends Job, T, R>(
  pool: WorkerPool,
  items: readonly T[],
  job: (items: readonly T[]) => J,
  timeLimit: number,
  blame: (lost: JobLost) => R,
): Promise<(R | Results[J['kind']][number])[]> {
  type Result = Results[J['kind']][number];
  try {
    return (await pool.run(job(items), timeLimit)) as Result[];
  } catch (error) {
    if (!(error instanceof JobLost)) throw error;
    if (items.length === 1) return [blame(error)];
    const alone = await Promise.all(items.map((item) => doCarefully(pool, [item], job, timeLimit, blame)));
    return alone.flat();
  }
}

/**
 * @param root folder of the files
 * @param workers threads, at least 1
 * @param signal ends everything early: generators throw its reason
 * @param timeLimits milliseconds for a job
 */
export function createImageReader(
  root: string,
  workers: number,
  signal?: AbortSignal,
  timeLimits = TIME_LIMITS,
): ImageReader {
  signal?.throwIfAborted();
  const pool = createWorkerPool({
    script: new URL('./decode-worker.js', import.meta.url),
    size: workers,
    heapLimit: HEAP_LIMIT,
  });
  const abort = (): void => void pool.close(signal?.reason);
  signal?.addEventListener('abort', abort, { once: true });
  const largeImages = createGate(Math.max(MAX_PIXELS, availableMemory() / 4 / BYTES_PER_PIXEL));
  const ahead = 2 * workers;

  const hashBatch = (paths: readonly string[]): Promise<HashResult[]> => {
    const job = (some: readonly string[]): HashJob => ({
      kind: 'hash',
      paths: some.map((path) => join(root, path)),
    });
    return doCarefully(pool, paths, job, timeLimits.hash, ({ message }) => ({ problem: message }));
  };

  const decodeSome = (
    files: readonly ImageFile[],
    target: ImageTarget,
    maxPixels: number,
  ): Promise<(DecodeResult | { lost: string })[]> => {
    const job = (some: readonly ImageFile[]): DecodeJob => ({
      kind: 'decode',
      files: some.map(({ path, sha256 }) => ({ path: join(root, path), sha256 })),
      target,
      maxPixels,
    });
    const timeLimit = maxPixels > SMALL_PIXELS ? timeLimits.large : timeLimits.small;
    return doCarefully(pool, files, job, timeLimit, ({ message }) => ({ lost: message }));
  };

  async function settle(
    result: DecodeResult | { lost: string },
    file: ImageFile,
    target: ImageTarget,
  ): Promise<Decoded> {
    if ('image' in result) return result;
    if ('problem' in result) return { problem: result.problem, certain: true };
    if ('lost' in result) return { problem: result.lost, certain: false };
    if ('changed' in result) {
      throw new UserError(
        `${join(root, file.path)} changed while it was read: start again when it is at rest`,
      );
    }
    const { pixels } = result;
    const [alone] = await largeImages(pixels, () => decodeSome([file], target, MAX_PIXELS));
    return settle(alone!, file, target);
  }

  async function decodeBatch(files: readonly ImageFile[], target: ImageTarget): Promise<Decoded[]> {
    const results = await decodeSome(files, target, SMALL_PIXELS);
    return Promise.all(results.map((result, i) => settle(result, files[i]!, target)));
  }

  return {
    hash: (paths) => inOrder(batches(paths), ahead, hashBatch),
    decode: (files, target) => inOrder(batches(files), ahead, (some) => decodeBatch(some, target)),
    close() {
      signal?.removeEventListener('abort', abort);
      return pool.close(new Error('the image reader is closed'));
    },
  };
}
