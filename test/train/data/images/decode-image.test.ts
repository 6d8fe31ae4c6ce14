import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { luma } from '../../../../src/train/data/greyscale.js';
import { BrokenImage } from '../../../../src/train/data/images/broken-image.js';
import { decodeImage } from '../../../../src/train/data/images/decode-image.js';
import { imageFile, type Mime, pngOf, type Rgba } from '../../../support/images.js';

interface Case {
  height: number;
  width: number;
  size: number;
  channels: number;
  pixels: string;
}

const golden: Case[] = JSON.parse(
  readFileSync(new URL('../../../golden/images.json', import.meta.url), 'utf8'),
);

/** The picture that make_images.py makes square. */
const pattern = (x: number, y: number): Rgba => {
  const value = (c: number): number => (37 * y * y + 101 * x + 53 * x * y + 11 + 71 * c) % 256;
  return [value(0), value(1), value(2), 255];
};

const RED: Rgba = [255, 0, 0, 255];
const BLUE: Rgba = [0, 0, 255, 255];

describe('luma', () => {
  it.each([
    [[255, 0, 0], 76],
    [[0, 255, 0], 150],
    [[0, 0, 255], 29],
    [[1, 2, 3], 2],
    [[200, 100, 50], 124],
    [[17, 93, 241], 87],
    [[254, 255, 253], 254],
    [[128, 128, 128], 128],
  ])("of %j is Pillow's %i", ([red, green, blue], grey) => {
    expect(luma(red!, green!, blue!)).toBe(grey);
  });
});

describe('decodeImage', () => {
  it.each(golden)(
    'makes $width x $height into $channels x $size x $size as Pillow and torchvision do',
    async ({ width, height, size, channels, pixels }) => {
      const file = await imageFile('image/png', width, height, pattern);
      const image = await decodeImage(file, { size, channels });
      expect(Buffer.compare(image, Buffer.from(pixels, 'base64'))).toBe(0);
    },
  );

  it.each<[Mime, number]>([
    ['image/png', 0],
    ['image/bmp', 0],
    ['image/tiff', 0],
    ['image/gif', 1],
    ['image/jpeg', 3],
  ])('reads %s, red to the left and blue to the right', async (mime, within) => {
    const file = await imageFile(mime, 16, 16, (x) => (x < 8 ? RED : BLUE));
    const image = await decodeImage(file, { size: 16, channels: 3 });
    const pixel = (x: number): number[] => [0, 1, 2].map((c) => image[c * 256 + 16 * 5 + x]!);
    for (const [c, value] of pixel(2).entries())
      expect(Math.abs(value - RED[c]!)).toBeLessThanOrEqual(within);
    for (const [c, value] of pixel(13).entries())
      expect(Math.abs(value - BLUE[c]!)).toBeLessThanOrEqual(within);
  });

  it('lays transparent pixels on white', async () => {
    const alphas = [0, 51, 128, 255];
    const file = await imageFile('image/png', 4, 4, (x) => [100, 0, 200, alphas[x]!]);
    const image = await decodeImage(file, { size: 4, channels: 3 });
    // 255 + (c - 255) * alpha / 255, rounded, by hand.
    expect([...image.subarray(0, 4)]).toEqual([255, 224, 177, 100]);
    expect([...image.subarray(16, 20)]).toEqual([255, 204, 127, 0]);
    expect([...image.subarray(32, 36)]).toEqual([255, 244, 227, 200]);
  });

  it('takes the first picture of an animation', async () => {
    // 1 x 1 pixel, a palette of red and blue; a frame's LZW codes are clear, the colour and end, of 3 bits each.
    const head = '474946383961 0100 0100 80 00 00 ff0000 0000ff';
    const [redFrame, blueFrame] = ['4401', '4c01'].map(
      (codes) => `2c 0000 0000 0100 0100 00 02 02 ${codes} 00`,
    );
    const first = async (...frames: (string | undefined)[]): Promise<number[]> => {
      const file = Buffer.from([head, ...frames, '3b'].join('').replaceAll(' ', ''), 'hex');
      return [...(await decodeImage(file, { size: 1, channels: 3 }))];
    };
    expect(await first(redFrame, blueFrame)).toEqual([255, 0, 0]);
    expect(await first(blueFrame, redFrame)).toEqual([0, 0, 255]);
  });

  it('turns a JPEG as its EXIF orientation says', async () => {
    const file = await imageFile('image/jpeg', 16, 16, (x) => (x < 8 ? RED : BLUE));
    // Orientation 6: to be shown turned clockwise by 90 degrees, so that what was left is above.
    const tiff = Buffer.from(
      '4d4d002a00000008 0001 0112 0003 00000001 0006 0000 00000000'.replaceAll(' ', ''),
      'hex',
    );
    const exif = Buffer.concat([Buffer.from('Exif\0\0', 'latin1'), tiff]);
    const segment = Buffer.from([0xff, 0xe1, 0, exif.length + 2]);
    const turned = Buffer.concat([file.subarray(0, 2), segment, exif, file.subarray(2)]);
    const image = await decodeImage(turned, { size: 16, channels: 3 });
    const red = (x: number, y: number): number => image[y * 16 + x]!;
    expect(Math.min(red(3, 3), red(12, 3))).toBeGreaterThan(240);
    expect(Math.max(red(3, 12), red(12, 12))).toBeLessThan(15);
  });

  it('squeezes nothing into memory when one side is a million times the other', async () => {
    const data = new Uint8Array(2 ** 20 + 1).fill(77, 1);
    const image = await decodeImage(pngOf(2 ** 20, 1, data), { size: 64, channels: 1 });
    expect(new Set(image)).toEqual(new Set([77]));
  });

  it.each([
    ['a truncated PNG', async () => (await imageFile('image/png', 64, 64, pattern)).subarray(0, 400)],
    ['a PNG that claims more rows than it has', async () => pngOf(8, 800, new Uint8Array(72))],
    ['a truncated GIF', async () => (await imageFile('image/gif', 64, 64, pattern)).subarray(0, 900)],
    ['a truncated BMP', async () => (await imageFile('image/bmp', 64, 64, pattern)).subarray(0, 900)],
    [
      'a JPEG that is nothing but a head',
      async () => (await imageFile('image/jpeg', 64, 64, pattern)).subarray(0, 170),
    ],
  ])('refuses %s with one short line', async (_, make) => {
    const file = await make();
    const error = await decodeImage(file, { size: 8, channels: 3 }).catch((error: unknown) => error);
    expect(error).toBeInstanceOf(BrokenImage);
    expect((error as Error).message).toMatch(/^it[ s][^\n]{3,160}$/);
  });
});
