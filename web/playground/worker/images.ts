/** The visitor's own image files as data: decoded here, made square and small, bounded in every way. */

import { luma } from '../../../src/train/data/greyscale.js';
import { resizeAndCrop } from '../../../src/train/data/resize.js';
import { sha256Hex } from '../../../src/train/sha256.js';
import { type Dataset, datasetInMemory, UserError } from '../../../src/train/web.js';
import type { PlaygroundEvent, RunInfo } from '../protocol.js';
import { oneLine } from './one-line.js';

/** The most files that are looked at. */
const MAX_FILES = 10_000;
/** The most bytes of one file. */
const MAX_FILE_BYTES = 64 * 2 ** 20;
/** The most pixels of one picture, as `gan-onnx train --dataset images` has it. */
const MAX_PIXELS = 2 ** 25;
/** The most bytes of all decoded images. */
const MAX_TOTAL = 256 * 2 ** 20;
/** The most files that are named when they are left out. */
const MAX_NAMED = 100;
/** Images between two events of progress. */
const PROGRESS = 20;

export interface ImageTarget {
  imageSize: number;
  channels: 1 | 3;
}

export interface DecodedImages {
  dataset: Dataset;
  skipped: RunInfo['skipped'];
  notices: string[];
}

/** A dataset of decoded images, uint8 [n, channels, size, size]. */
export function imageDataset(images: Uint8Array, { imageSize, channels }: ImageTarget): Dataset {
  const count = images.length / (channels * imageSize ** 2);
  const shape = [channels, imageSize, imageSize] as const;
  return datasetInMemory({ name: 'images', count, shape, sha256: sha256Hex(images) }, images);
}

/** Pixels that a file claims to have, where its first bytes say so plainly; 0 where they do not. */
async function claimedPixels(file: Blob): Promise<number> {
  const view = new DataView(await file.slice(0, 32).arrayBuffer());
  if (view.byteLength < 32) return 0;
  if (view.getUint32(0) === 0x89504e47) return view.getUint32(16) * view.getUint32(20);
  if (view.getUint32(0) === 0x47494638) return view.getUint16(6, true) * view.getUint16(8, true);
  if (view.getUint16(0) === 0x424d) return view.getUint32(18, true) * Math.abs(view.getInt32(22, true));
  return 0;
}

/** @throws UserError when there are more than a picture may have */
function checkPixels(pixels: number): void {
  if (pixels > MAX_PIXELS) throw new UserError(`${pixels} pixels, more than ${MAX_PIXELS}`);
}

/** What a canvas gives back of a picture laid on white. */
function pixelsOf(bitmap: ImageBitmap): { width: number; height: number; data: Uint8Array } {
  const { width, height } = bitmap;
  const context = new OffscreenCanvas(width, height).getContext('2d', {
    willReadFrequently: true,
    // sRGB whatever the screen is.
    colorSpace: 'srgb',
  })!;
  context.fillStyle = '#fff';
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0);
  const { data } = context.getImageData(0, 0, width, height);
  return { width, height, data: new Uint8Array(data.buffer) };
}

async function decode(file: Blob, { imageSize, channels }: ImageTarget): Promise<Uint8Array> {
  if (file.size > MAX_FILE_BYTES) throw new UserError(`larger than ${MAX_FILE_BYTES / 2 ** 20} MiB`);
  if (file.size === 0) throw new UserError('empty');
  // A small file can claim gigabytes.
  checkPixels(await claimedPixels(file));
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    throw new UserError('not an image that this browser can decode');
  }
  try {
    checkPixels(bitmap.width * bitmap.height);
    const { width, height, data } = pixelsOf(bitmap);
    if (channels === 1) {
      for (let p = 0; p < data.length; p += 4) data[p] = luma(data[p]!, data[p + 1]!, data[p + 2]!);
    }
    return resizeAndCrop({ width, height, step: 4, data }, channels, imageSize);
  } finally {
    bitmap.close();
  }
}

/**
 * Decodes files in the order of their names: the shorter side becomes `imageSize` and the middle is cut out, as
 * `gan-onnx train --dataset images` does it; transparent pixels are laid on white.
 *
 * @throws UserError when none can be used
 */
export async function decodeImages(
  files: readonly File[],
  target: ImageTarget,
  emit: (event: PlaygroundEvent) => void,
): Promise<DecodedImages> {
  if (files.length === 0) throw new UserError('there are no images yet: drop some on the page');
  const notices: string[] = [];
  const bytes = target.channels * target.imageSize ** 2;
  const most = Math.min(MAX_FILES, Math.floor(MAX_TOTAL / bytes));
  if (files.length > most)
    notices.push(`of ${files.length} files the first ${most} are taken: more would not fit`);
  const taken = files.slice(0, most);
  const images = new Uint8Array(taken.length * bytes);
  const skipped: { name: string; reason: string }[] = [];
  let left = 0;
  let count = 0;
  for (const [i, file] of taken.entries()) {
    try {
      images.set(await decode(file, target), count * bytes);
      count++;
    } catch (error) {
      left++;
      if (skipped.length < MAX_NAMED) skipped.push({ name: oneLine(file.name), reason: oneLine(error) });
    }
    if (i % PROGRESS === 0 || i === taken.length - 1) {
      emit({ kind: 'progress', message: 'decoding images', done: i + 1, total: taken.length });
    }
  }
  if (count === 0) {
    const [first] = skipped;
    throw new UserError(
      `none of ${files.length} files can be used (${first!.name}: ${first!.reason}): drop PNG, JPEG, GIF, WebP or BMP images`,
    );
  }
  if (left > skipped.length) notices.push(`${left} files are left out, of which ${skipped.length} are named`);
  return { dataset: imageDataset(images.slice(0, count * bytes), target), skipped, notices };
}
