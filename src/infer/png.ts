/** PNG bytes of a picture, in Node. */

import type { Picture } from './pixels.js';

/** PNG's colour types for 8-bit pictures. */
const COLOR_TYPES: Record<number, number> = { 1: 0, 3: 2 };

/** The picture as a PNG file: greyscale for one channel, RGB for three. */
export async function encodePng({ width, height, channels, data }: Picture): Promise<Buffer> {
  // jimp takes a third of a second to load: only when a picture is really written.
  const { Jimp } = await import('jimp');
  const rgba = Buffer.alloc(width * height * 4, 255);
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) rgba[i * 4 + c] = data[i * channels + (channels === 1 ? 0 : c)]!;
  }
  const image = new Jimp({ width, height, data: rgba });
  return image.getBuffer('image/png', { colorType: COLOR_TYPES[channels] as 0 | 2 });
}
