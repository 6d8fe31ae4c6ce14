import { deflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { BrokenImage } from '../../../../src/train/data/images/broken-image.js';
import { MAX_PIXELS, readImageHeader } from '../../../../src/train/data/images/image-header.js';
import { imageFile, type Mime, pngOf, tiffOf } from '../../../support/images.js';

const bytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex.replaceAll(' ', ''), 'hex'));

function refusal(file: Uint8Array): string {
  try {
    readImageHeader(file);
  } catch (error) {
    expect(error).toBeInstanceOf(BrokenImage);
    return (error as Error).message;
  }
  throw new Error('it was not refused');
}

const TIFF = { width: 256, height: 257, bits: 258, compression: 259, offset: 273, samples: 277, count: 279 };
const GREY = [
  [TIFF.bits, 8],
  [TIFF.samples, 1],
] as const;

describe('readImageHeader', () => {
  it.each<[Mime, string]>([
    ['image/png', 'PNG'],
    ['image/jpeg', 'JPEG'],
    ['image/gif', 'GIF'],
    ['image/bmp', 'BMP'],
    ['image/tiff', 'TIFF'],
  ])('reads the size of an %s by its content', async (mime, format) => {
    const file = await imageFile(mime, 13, 7, (x, y) => [x * 10, y * 10, 99, 255]);
    expect(readImageHeader(file)).toEqual({ format, pixels: 91 });
    expect(readImageHeader(Uint8Array.from([...file.subarray(0)]))).toEqual({ format, pixels: 91 });
  });

  it('takes the largest size that is allowed and no larger one', () => {
    expect(readImageHeader(pngOf(MAX_PIXELS, 1, new Uint8Array(1))).pixels).toBe(2 ** 25);
    expect(refusal(pngOf(MAX_PIXELS + 1, 1, new Uint8Array(1)))).toBe(
      'it claims 33554433 x 1 pixels, expected at most 33554432',
    );
  });

  const screen = '47494638 3961';
  it.each([
    ['nothing', '', 'it is empty'],
    ['text', '48656c6c6f', 'it is not a PNG, JPEG, BMP, GIF or TIFF file'],
    ['a PNG of 8 bytes', '89504e470d0a1a0a', 'it is cut short'],
    ['a JPEG without a frame', 'ffd8 ffe00002 ffda0002', 'it has no frame'],
    ['a JPEG that stops', 'ffd8 ffe00010 00', 'it is cut short'],
    ['a JPEG of 65535 x 65535', 'ffd8 ffc0 0011 08 ffff ffff 03 0000', 'it claims 65535 x 65535 pixels'],
    ['a JPEG without rows', 'ffd8 ffc0 0011 08 0000 0010 03 0000 ffda', 'it has 16 x 0 pixels'],
    ['a JPEG with garbage', 'ffd8 ffe00002 00000000', 'its segments are damaged'],
    ['a GIF with a large screen', `${screen} ffff ffff 00 00 00 2c`, 'it claims 65535 x 65535 pixels'],
    [
      'a GIF with a large frame',
      `${screen} 0100 0100 00 00 00 2c 0000 0000 ffff ffff 00`,
      'it claims 65535 x 65535',
    ],
    ['a GIF whose blocks do not end', `${screen} 0100 0100 00 00 00 21f9 04 00000000`, 'it is cut short'],
    ['a GIF without a frame', `${screen} 0100 0100 00 00 00 3b`, 'it has no frame'],
    ['a BMP of 2^31 rows', `424d${'00'.repeat(16)} 01000000 00000080`, 'it claims 1 x 2147483648 pixels'],
    ['a TIFF without directories', '49492a00 00000000', 'it has no image'],
    ['a TIFF whose directory is elsewhere', '49492a00 ffff0000', 'it is cut short'],
  ])('refuses %s', (_, hex, message) => {
    expect(refusal(bytes(hex))).toContain(message);
  });

  it('refuses an interlaced PNG whose data unpack to more than its pixels take', () => {
    expect(readImageHeader(pngOf(8, 8, new Uint8Array(100), true)).pixels).toBe(64);
    expect(refusal(pngOf(8, 8, new Uint8Array(10_000_000), true))).toBe(
      'its data unpack to more than the 736 bytes that its pixels take',
    );
  });

  it('refuses what a TIFF may hide: packed gigabytes, rare packings, deep pixels, loops, many pages', () => {
    const packed = deflateSync(new Uint8Array(10_000_000));
    const page = (compression: number, width: number, height: number, length: number) => (offset: number) =>
      [
        [TIFF.width, width],
        [TIFF.height, height],
        ...GREY,
        [TIFF.compression, compression],
        [TIFF.offset, offset],
        [TIFF.count, length],
      ] as const;
    expect(refusal(tiffOf(page(8, 8, 8, packed.length), packed))).toMatch(/^its data unpack to more than/);
    expect(readImageHeader(tiffOf(page(8, 4000, 2500, packed.length), packed)).pixels).toBe(10_000_000);
    expect(refusal(tiffOf(page(7, 8, 8, 9), packed))).toMatch(
      /compression 7 is not supported: save it as PNG/,
    );
    expect(refusal(tiffOf(page(1, 2 ** 20, 2 ** 20, 9), packed))).toMatch(
      /^it claims 1048576 x 1048576 pixels/,
    );
    const deep = [
      [TIFF.width, 8],
      [TIFF.height, 8],
      [TIFF.bits, 65535],
      [TIFF.samples, 65535],
    ] as const;
    expect(refusal(tiffOf(() => deep, packed))).toBe('it has 4294836225 bits a pixel');
    expect(refusal(tiffOf(page(1, 8, 8, 9), new Uint8Array(64), 8))).toBe('its directories do not end');
    const first = tiffOf(page(1, 5000, 5000, 9), new Uint8Array());
    const second = tiffOf(page(1, 5000, 5000, 9), new Uint8Array(), 0);
    const two = Buffer.concat([
      tiffOf(page(1, 5000, 5000, 9), new Uint8Array(), first.length),
      second.subarray(8),
    ]);
    expect(refusal(two)).toBe('its pages claim more than 33554432 pixels together');
  });

  it('refuses an entry of a TIFF directory that claims more values than the file has bytes', () => {
    const file = tiffOf(
      () => [
        [TIFF.width, 8],
        [TIFF.height, 8],
        [TIFF.compression, 8],
        [TIFF.offset, 8],
      ],
      new Uint8Array(9),
    );
    file.writeUInt32LE(0xffffffff, 10 + 12 * 3 + 4);
    expect(refusal(file)).toBe('it is cut short');
  });
});
