/** Animated GIFs of pictures, in Node. */

import { type Picture, toRgba } from './pixels.js';

export interface GifOptions {
  /** Milliseconds that each picture shows, in steps of 10 and at least 20: browsers slow down what is faster. */
  delayMs: number;
  /** How often it is shown; 0, the default, is for ever. */
  loops?: number;
}

/** Colours that a GIF has for a picture. */
const COLORS = 256;

/**
 * The pictures as frames of one GIF. Greyscale keeps all its levels; colours are brought down to 256 a frame (Dekker's
 * neural network).
 *
 * @throws RangeError when there is no picture, or they differ in size
 */
export async function encodeGif(
  pictures: readonly Picture[],
  { delayMs, loops = 0 }: GifOptions,
): Promise<Uint8Array> {
  const [first] = pictures;
  if (first === undefined) throw new RangeError('a GIF needs at least one picture');
  const { BitmapImage, GifCodec, GifFrame, GifUtil } = await import('gifwrap');
  const frames = pictures.map((picture) => {
    const { width, height } = picture;
    if (width !== first.width || height !== first.height) {
      throw new RangeError(
        `a GIF of ${first.width} x ${first.height} pixels cannot hold ${width} x ${height}`,
      );
    }
    const rgba = Buffer.from(toRgba(picture).buffer);
    const options = { delayCentisecs: Math.max(2, Math.round(delayMs / 10)) };
    return new GifFrame(new BitmapImage(width, height, rgba), options);
  });
  for (const frame of frames) {
    if (frame.getPalette().colors.length > COLORS) GifUtil.quantizeDekker(frame, COLORS);
  }
  const { buffer } = await new GifCodec().encodeGif(frames, { loops });
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
}
