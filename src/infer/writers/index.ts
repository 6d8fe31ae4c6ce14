/** Samples as files, in Node: one entry for each format, in a table. */

import type { Writable } from 'node:stream';
import type { PngPool } from '../png-pool.js';
import { idxEncoder, latentsEncoder, npyEncoder } from './arrays.js';
import { gridEncoder } from './grid.js';
import { type PictureFolderOptions, pictureFolderWriter } from './pictures.js';
import { fileWriter, streamWriter } from './stream.js';
import { tarEncoder } from './tar.js';
import { checkSpace, onTarget, type SampleTarget } from './target.js';
import type { SampleEncoder, SamplePlan, SampleWriter } from './writer.js';

/** A format of one file, or of a folder of PNG files when it has no encoder. */
export interface SampleFormatEntry {
  /** What it is, for the command's help. */
  summary: string;
  /** What a file's name ends in. */
  extension: string;
  /** Bytes that the output takes on a disk, or fewer. */
  leastBytes(plan: SamplePlan): number;
  /** @throws UserError when the format cannot hold what is planned */
  encoder?(plan: SamplePlan, pool: PngPool): SampleEncoder | Promise<SampleEncoder>;
}

const values = ({ count, shape }: SamplePlan): number => count * shape[0] * shape[1] * shape[2];

/** Disk blocks that the smallest file takes, and blocks of a tar archive that the smallest PNG takes. */
const FILE_BLOCK = 4096;
const TAR_BLOCKS = 1024;

const FORMATS = {
  grid: { summary: 'one picture', extension: 'png', leastBytes: () => 0, encoder: gridEncoder },
  png: { summary: 'a folder of pictures', extension: '', leastBytes: ({ count }) => count * FILE_BLOCK },
  npy: {
    summary: 'float32 [count, C, H, W]',
    extension: 'npy',
    leastBytes: (plan) => 4 * values(plan),
    encoder: npyEncoder,
  },
  idx: { summary: "uint8, MNIST's format", extension: 'idx', leastBytes: values, encoder: idxEncoder },
  tar: {
    summary: 'pictures in an archive',
    extension: 'tar',
    leastBytes: ({ count }) => count * TAR_BLOCKS,
    encoder: tarEncoder,
  },
} satisfies Record<string, SampleFormatEntry>;

export type SampleFormat = keyof typeof FORMATS;

/** Output formats of samples. */
export const SAMPLE_FORMATS: Readonly<Record<SampleFormat, SampleFormatEntry>> = FORMATS;

/**
 * Opens an output on a disk.
 *
 * @throws UserError when it cannot be written, the format cannot hold it, or the disk has no room for it
 */
export async function openWriter(
  format: SampleFormat,
  target: SampleTarget,
  plan: SamplePlan,
  pool: PngPool,
  options?: PictureFolderOptions,
): Promise<SampleWriter> {
  const { encoder, leastBytes } = SAMPLE_FORMATS[format];
  const opened = await encoder?.(plan, pool);
  await onTarget(target, checkSpace(target, leastBytes(plan)));
  return opened === undefined ? pictureFolderWriter(target, plan, pool, options) : fileWriter(target, opened);
}

/** Opens an output on a stream; only formats with an encoder can be one. */
export async function openStream(
  format: SampleFormat,
  stream: Writable,
  plan: SamplePlan,
  pool: PngPool,
): Promise<SampleWriter> {
  const { encoder } = SAMPLE_FORMATS[format];
  if (encoder === undefined) throw new RangeError(`${format} is a folder: expected a format of one file`);
  return streamWriter(stream, await encoder(plan, pool));
}

/** Opens a .npy file for the latents of samples, float32 [count, size]. */
export async function openLatents(target: SampleTarget, count: number, size: number): Promise<SampleWriter> {
  await onTarget(target, checkSpace(target, 4 * count * size));
  return fileWriter(target, latentsEncoder(count, size));
}
