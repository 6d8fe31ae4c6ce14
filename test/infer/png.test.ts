import { Jimp } from 'jimp';
import { describe, expect, it } from 'vitest';
import { encodePng } from '../../src/infer/index.js';

/** Bytes 16 to 25 of a PNG file: width, height, bits a channel, colour type. */
const header = (png: Buffer) => [png.readUInt32BE(16), png.readUInt32BE(20), png[24], png[25]];

describe('a PNG file', () => {
  // A view into a larger buffer, as a picture of a stack is.
  const noise = Uint8Array.from({ length: 200 }, (_, i) => (i * i * 31 + 7 * i) % 256).subarray(20);

  it.each([
    [1, 0, 180],
    [3, 2, 60],
  ])('of %i channels has colour type %i and the same pixels', async (channels, colorType, pixels) => {
    const [width, height] = [pixels / 10, 10];
    const png = await encodePng({ width, height, channels, data: noise });
    expect(header(png)).toEqual([width, height, 8, colorType]);
    const { bitmap } = await Jimp.read(png);
    const expected = Array.from({ length: pixels }, (_, i) => {
      const [red, green, blue] = channels === 1 ? [0, 0, 0].fill(i) : [3 * i, 3 * i + 1, 3 * i + 2];
      return [noise[red!], noise[green!], noise[blue!], 255];
    });
    expect([...bitmap.data]).toEqual(expected.flat());
  });
});
