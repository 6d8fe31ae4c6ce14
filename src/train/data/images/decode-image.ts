/** From the bytes of one image file to the planes that training reads; jimp does the decoding. */

import { luma } from '../greyscale.js';
import { resizeAndCrop } from '../resize.js';
import { BrokenImage } from './broken-image.js';
import { readImageHeader } from './image-header.js';

/** What images become. */
export interface ImageTarget {
  /** Width and height in pixels. */
  size: number;
  /** 1 or 3. */
  channels: number;
}

/** Changes whenever the same file would become other pixels: part of the cache's key. */
export const DECODER_VERSION = 1;

/** jpeg-js counts its own memory; its frames were bounded before. */
const JPEG_LIMITS = { maxMemoryUsageInMB: 1024, maxResolutionInMP: 100 };

/** Lays RGBA pixels on white, in place, in whole numbers: round((c * a + 255 * (255 - a)) / 255). */
function onWhite(rgba: Uint8Array): void {
  for (let p = 0; p < rgba.length; p += 4) {
    const alpha = rgba[p + 3]!;
    if (alpha === 255) continue;
    for (let c = p; c < p + 3; c++) {
      rgba[c] = Math.floor((2 * (rgba[c]! * alpha + 255 * (255 - alpha)) + 255) / 510);
    }
  }
}

/** What a decoder said, as one short line. */
function decoderReason(error: unknown): string {
  const [line = ''] = (error instanceof Error ? error.message : String(error)).split('\n', 1);
  return `its data cannot be decoded (${line.replaceAll(/\p{Cc}/gu, ' ').slice(0, 100)})`;
}

/**
 * Decodes an image file and makes it square: EXIF's orientation is followed (in JPEG), of an animation the first picture is
 * taken and of a TIFF the first page, transparent pixels are laid on white, grey is the luma of the colours, the shorter side
 * becomes `size` and the middle is cut out.
 *
 * @param bytes the whole file
 * @returns uint8 [channels, size, size]
 * @throws BrokenImage when it cannot be decoded, or claims to be larger than the decoder may hold
 */
export async function decodeImage(bytes: Uint8Array, { size, channels }: ImageTarget): Promise<Uint8Array> {
  readImageHeader(bytes);
  const { Jimp } = await import('jimp');
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const { bitmap } = await Jimp.fromBuffer(file, { 'image/jpeg': JPEG_LIMITS }).catch((error: unknown) => {
    throw new BrokenImage(decoderReason(error));
  });
  const { width, height, data } = bitmap;
  if (!(width > 0 && height > 0) || data.length < width * height * 4) {
    throw new BrokenImage('its data cannot be decoded (fewer pixels than it claims)');
  }
  onWhite(data);
  if (channels === 1) {
    for (let p = 0; p < data.length; p += 4) data[p] = luma(data[p]!, data[p + 1]!, data[p + 2]!);
  }
  return resizeAndCrop({ width, height, step: 4, data }, channels, size);
}
