/** PNG bytes of a picture, in Node, by the encoder that jimp has. */

import type { Picture } from './pixels.js';

/**
 * PNG's colour type by channels, and how rows are filtered. Unfiltered rows are the fastest, and for digits on a flat
 * ground also the smallest (379 bytes against 434); pictures in colour get a quarter smaller by the best filter of
 * each row (-1).
 */
const FORMS: Readonly<Record<number, { colorType: 0 | 2; filterType: 0 | -1 }>> = {
  1: { colorType: 0, filterType: 0 },
  3: { colorType: 2, filterType: -1 },
};

/** Encodes a picture as a PNG file: greyscale for one channel, RGB for three. */
export type PngEncoder = (picture: Picture) => Buffer;

/** Loads the encoder: only who writes a picture pays for it. */
export async function loadPngEncoder(): Promise<PngEncoder> {
  // The codec by itself: jimp's images are RGBA, and converting to it and back takes half of a small picture's time.
  const { default: png } = await import('@jimp/js-png');
  const { encode } = png();
  return ({ width, height, channels, data }) => {
    const form = FORMS[channels]!;
    const pixels = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    return encode({ width, height, data: pixels }, { ...form, inputColorType: form.colorType });
  };
}

/** The picture as a PNG file: greyscale for one channel, RGB for three. */
export async function encodePng(picture: Picture): Promise<Buffer> {
  return (await loadPngEncoder())(picture);
}
