/** What a thread of `png-pool.ts` does: encodes pictures, and writes them to files if they have names. */

import { writeFileSync } from 'node:fs';
import { errorCode } from '../system/files.js';
import { type FileSum, sha256Of } from './file-sum.js';
import { loadPngEncoder, type PngEncoder } from './png.js';

/** Pictures of one size, one after the other: interleaved bytes, uint8 [count, H, W, C]. */
export interface PictureStack {
  count: number;
  width: number;
  height: number;
  channels: number;
  data: Uint8Array<ArrayBuffer>;
}

/** A system error, which would lose its code on the way between threads. */
export interface FileFailure {
  code: string;
  message: string;
}

let encoder: Promise<PngEncoder> | undefined;

async function encodeAll({ count, width, height, channels, data }: PictureStack): Promise<Buffer[]> {
  encoder ??= loadPngEncoder();
  const encode = await encoder;
  const size = width * height * channels;
  return Array.from({ length: count }, (_, i) =>
    encode({ width, height, channels, data: data.subarray(i * size, (i + 1) * size) }),
  );
}

/** The PNG files of the pictures, in their order. */
export function encode(pictures: PictureStack): Promise<Uint8Array[]> {
  return encodeAll(pictures);
}

/** Writes each picture to its path, where nothing may be yet. */
export async function write({
  paths,
  ...pictures
}: PictureStack & { paths: readonly string[] }): Promise<FileSum[] | FileFailure> {
  const files = await encodeAll(pictures);
  try {
    return files.map((file, i) => {
      writeFileSync(paths[i]!, file, { flag: 'wx' });
      return { bytes: file.length, sha256: sha256Of(file) };
    });
  } catch (error) {
    return { code: errorCode(error), message: error instanceof Error ? error.message : String(error) };
  }
}
