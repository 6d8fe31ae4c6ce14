/** Threads that encode PNG files while the main thread samples; results come in the order of the pictures. */

import { fileURLToPath } from 'node:url';
import type Tinypool from 'tinypool';
import type { FileSum } from './file-sum.js';
import { imageBytes } from './image-bytes.js';
import type { ImageStack, Picture } from './pixels.js';
import type { FileFailure, PictureStack } from './png-worker.js';

export interface PngPool {
  /** The PNG files of a stack of images; the same bytes, whatever the number of threads. */
  encode(images: ImageStack): Promise<Uint8Array[]>;
  /** The PNG file of one picture. */
  encodePicture(picture: Picture): Promise<Uint8Array>;
  /**
   * Writes the PNG files of a stack of images to `paths`, where nothing may be yet.
   *
   * @throws the file system's error, once no thread writes any more
   */
  write(images: ImageStack, paths: readonly string[]): Promise<FileSum[]>;
  /** Ends the threads. */
  close(): Promise<void>;
}

/** Pixels of a task: large enough to be worth a message, small enough that no thread waits for the last one. */
const TASK_PIXELS = 2 ** 14;

/** Images `from` to `to` of a stack as pictures. */
function picturesOf({ shape, data }: ImageStack, from: number, to: number): PictureStack {
  const [channels, height, width] = shape;
  const size = channels * height * width;
  const images = { count: to - from, shape, data: data.subarray(from * size, to * size) };
  return { count: to - from, width, height, channels, data: imageBytes(images, 'interleaved') };
}

/**
 * A pool whose threads start when the first pictures come.
 *
 * @param threads at most so many threads, at least 1
 */
export function createPngPool(threads: number): PngPool {
  let pool: Promise<Tinypool> | undefined;

  async function open(): Promise<Tinypool> {
    const { default: Pool } = await import('tinypool');
    return new Pool({
      filename: fileURLToPath(new URL('./png-worker.js', import.meta.url)),
      minThreads: 1,
      maxThreads: threads,
      idleTimeout: 10_000,
      // A thread that waits by Atomics never turns its event loop, where zlib's memory is given back.
      useAtomics: false,
    });
  }

  /** Splits the images into tasks for the worker's function `name`; resolves when all of them have ended. */
  async function runAll<T>(name: string, images: ImageStack, paths?: readonly string[]): Promise<T[]> {
    pool ??= open();
    const opened = await pool;
    const [channels, height, width] = images.shape;
    const step = Math.max(1, Math.floor(TASK_PIXELS / (channels * height * width)));
    const tasks: Promise<T>[] = [];
    for (let from = 0; from < images.count; from += step) {
      const to = Math.min(images.count, from + step);
      const pictures = picturesOf(images, from, to);
      const task = paths === undefined ? pictures : { ...pictures, paths: paths.slice(from, to) };
      tasks.push(opened.run(task, { name, transferList: [pictures.data.buffer] }) as Promise<T>);
    }
    const ended = await Promise.allSettled(tasks);
    return ended.map((task) => {
      if (task.status === 'rejected') throw task.reason;
      return task.value;
    });
  }

  return {
    encode: async (images) => (await runAll<Uint8Array[]>('encode', images)).flat(),
    async encodePicture({ width, height, channels, data }) {
      pool ??= open();
      const task = { count: 1, width, height, channels, data };
      const [file] = (await (await pool).run(task, { name: 'encode' })) as Uint8Array[];
      return file!;
    },
    async write(images, paths) {
      const results = await runAll<FileSum[] | FileFailure>('write', images, paths);
      return results.flatMap((result) => {
        if (!Array.isArray(result)) throw Object.assign(new Error(result.message), { code: result.code });
        return result;
      });
    },
    async close() {
      await (await pool)?.destroy();
    },
  };
}
