/**
 * Looks at the head of an image file before anything is decoded: which format it is, and how much its decoder will make of
 * it. Some kilobytes can claim to be a picture of gigabytes; here they are refused.
 */

import { inflateSync } from 'node:zlib';
import { errorCode } from '../../../system/files.js';
import { BrokenImage } from './broken-image.js';

/** Most pixels of an image file, over all its pages: jpeg-js takes 1.1 GB for as many. */
export const MAX_PIXELS = 2 ** 25;
/** Most pages (TIFF directories) of a file. */
const MAX_PAGES = 1000;
/** Bits of the deepest pixel: four channels of 16. */
const MAX_PIXEL_BITS = 64;

export type ImageFormat = 'PNG' | 'JPEG' | 'GIF' | 'BMP' | 'TIFF';

export interface ImageHeader {
  format: ImageFormat;
  /** Pixels that the decoder holds at once. */
  pixels: number;
}

/** A file's bytes; reading beyond its end says that it is cut short. */
class Bytes {
  private readonly view: DataView;

  constructor(
    readonly all: Uint8Array,
    private readonly littleEndian = false,
  ) {
    this.view = new DataView(all.buffer, all.byteOffset, all.byteLength);
  }

  private within<T>(read: () => T): T {
    try {
      return read();
    } catch (error) {
      if (error instanceof RangeError) throw new BrokenImage('it is cut short');
      throw error;
    }
  }

  u8(at: number): number {
    return this.within(() => this.view.getUint8(at));
  }

  u16(at: number): number {
    return this.within(() => this.view.getUint16(at, this.littleEndian));
  }

  u32(at: number): number {
    return this.within(() => this.view.getUint32(at, this.littleEndian));
  }

  i32(at: number): number {
    return this.within(() => this.view.getInt32(at, this.littleEndian));
  }
}

function bounded(width: number, height: number): number {
  const pixels = width * height;
  if (pixels < 1) throw new BrokenImage(`it has ${width} x ${height} pixels`);
  if (pixels > MAX_PIXELS) {
    throw new BrokenImage(`it claims ${width} x ${height} pixels, expected at most ${MAX_PIXELS}`);
  }
  return pixels;
}

/** Unpacks zlib data to see that they are no more than `maxBytes`; damaged ones are the decoder's to judge. */
function checkInflated(data: Uint8Array, maxBytes: number): void {
  try {
    inflateSync(data, { maxOutputLength: maxBytes });
  } catch (error) {
    if (errorCode(error) !== 'ERR_BUFFER_TOO_LARGE') return;
    throw new BrokenImage(`its data unpack to more than the ${maxBytes} bytes that its pixels take`);
  }
}

function png(all: Uint8Array): number {
  const bytes = new Bytes(all);
  const [width, height] = [bytes.u32(16), bytes.u32(20)];
  const pixels = bounded(width, height);
  // pngjs bounds what it unpacks by the size, unless the picture is interlaced.
  if (bytes.u8(28) !== 0) {
    const parts: Uint8Array[] = [];
    for (let at = 8; at + 12 <= all.length; at += 12 + bytes.u32(at)) {
      const isData = bytes.u32(at + 4) === 0x49444154;
      if (isData) parts.push(all.subarray(at + 8, at + 8 + bytes.u32(at)));
    }
    checkInflated(Buffer.concat(parts), (pixels * MAX_PIXEL_BITS) / 8 + 14 * (height + 8));
  }
  return pixels;
}

/** Start-of-frame markers, whose segments tell the size. */
const isFrame = (marker: number): boolean =>
  marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);

function jpeg(all: Uint8Array): number {
  const bytes = new Bytes(all);
  let pixels = 0;
  for (let at = 2; ; ) {
    if (bytes.u8(at) !== 0xff) throw new BrokenImage('its segments are damaged');
    const marker = bytes.u8(at + 1);
    if (marker === 0xff) {
      at += 1;
      continue;
    }
    if (marker === 0xda) break;
    if (isFrame(marker)) pixels = Math.max(pixels, bounded(bytes.u16(at + 7), bytes.u16(at + 5)));
    at += 2 + bytes.u16(at + 2);
  }
  if (pixels === 0) throw new BrokenImage('it has no frame');
  return pixels;
}

/** Past a GIF's sub-blocks that begin at `at`. */
function skipBlocks(bytes: Bytes, at: number): number {
  let next = at;
  for (let size = bytes.u8(next); size > 0; size = bytes.u8(next)) next += 1 + size;
  return next + 1;
}

function gif(all: Uint8Array): number {
  const bytes = new Bytes(all, true);
  const screen = bounded(bytes.u16(6), bytes.u16(8));
  const palette = (flags: number): number => ((flags & 0x80) === 0 ? 0 : 3 * 2 ** ((flags & 7) + 1));
  let at = 13 + palette(bytes.u8(10));
  while (bytes.u8(at) === 0x21) at = skipBlocks(bytes, at + 2);
  if (bytes.u8(at) !== 0x2c) throw new BrokenImage('it has no frame');
  return Math.max(screen, bounded(bytes.u16(at + 5), bytes.u16(at + 7)));
}

function bmp(all: Uint8Array): number {
  const bytes = new Bytes(all, true);
  return bounded(bytes.u32(18), Math.abs(bytes.i32(22)));
}

/** TIFF's tags that say how large an image is and where its data lie. */
const TAGS = {
  width: 256,
  height: 257,
  bits: 258,
  compression: 259,
  offsets: 273,
  samples: 277,
  counts: 279,
  tileWidth: 322,
  tileHeight: 323,
  tileOffsets: 324,
  tileCounts: 325,
} as const;

/** None, three kinds of fax, LZW, two numbers for Deflate, PackBits: those whose size is known beforehand. */
const COMPRESSIONS = [1, 2, 3, 4, 5, 8, 32946, 32773];
const DEFLATE = [8, 32946];

/** Values of one entry of a TIFF directory, bytes, shorts or longs. */
function entryValues(bytes: Bytes, at: number): number[] {
  const [type, count] = [bytes.u16(at + 2), bytes.u32(at + 4)];
  const size = { 1: 1, 3: 2, 4: 4 }[type];
  if (size === undefined) return [];
  if (size * count > bytes.all.length) throw new BrokenImage('it is cut short');
  const first = size * count <= 4 ? at + 8 : bytes.u32(at + 8);
  const read = (offset: number): number =>
    size === 1 ? bytes.u8(offset) : size === 2 ? bytes.u16(offset) : bytes.u32(offset);
  return Array.from({ length: count }, (_, i) => read(first + i * size));
}

/** Pixels of the image of one directory. */
function tiffPage(bytes: Bytes, directory: number): number {
  const entries = new Map<number, number>();
  const count = bytes.u16(directory);
  for (let i = 0; i < count; i++) entries.set(bytes.u16(directory + 2 + 12 * i), directory + 2 + 12 * i);
  const values = (tag: number): number[] => {
    const at = entries.get(tag);
    return at === undefined ? [] : entryValues(bytes, at);
  };
  const first = (tag: number, otherwise: number): number => values(tag)[0] ?? otherwise;
  const [width, height] = [first(TAGS.width, 0), first(TAGS.height, 0)];
  const pixels = bounded(width, height);
  const tile = entries.has(TAGS.tileWidth) ? bounded(first(TAGS.tileWidth, 0), first(TAGS.tileHeight, 0)) : 0;
  const pixelBits = first(TAGS.bits, 1) * first(TAGS.samples, 1);
  if (pixelBits > MAX_PIXEL_BITS) throw new BrokenImage(`it has ${pixelBits} bits a pixel`);
  const compression = first(TAGS.compression, 1);
  if (!COMPRESSIONS.includes(compression)) {
    throw new BrokenImage(`TIFF's compression ${compression} is not supported: save it as PNG`);
  }
  if (DEFLATE.includes(compression)) {
    const maxBytes = Math.ceil((Math.max(pixels, tile) * pixelBits) / 8) + height + 4096;
    const offsets = [...values(TAGS.offsets), ...values(TAGS.tileOffsets)];
    const counts = [...values(TAGS.counts), ...values(TAGS.tileCounts)];
    for (const [i, offset] of offsets.entries()) {
      checkInflated(bytes.all.subarray(offset, offset + (counts[i] ?? 0)), maxBytes);
    }
  }
  return Math.max(pixels, tile);
}

function tiff(all: Uint8Array): number {
  const bytes = new Bytes(all, all[0] === 0x49);
  let pixels = 0;
  const seen = new Set<number>();
  for (let at = bytes.u32(4); at !== 0; at = bytes.u32(at + 2 + 12 * bytes.u16(at))) {
    if (seen.has(at) || seen.size === MAX_PAGES) throw new BrokenImage('its directories do not end');
    seen.add(at);
    pixels += tiffPage(bytes, at);
    if (pixels > MAX_PIXELS) throw new BrokenImage(`its pages claim more than ${MAX_PIXELS} pixels together`);
  }
  if (pixels === 0) throw new BrokenImage('it has no image');
  return pixels;
}

/** First bytes of each format (hex), and what reads the rest. */
const FORMATS: readonly { format: ImageFormat; magic: readonly string[]; pixels(all: Uint8Array): number }[] =
  [
    { format: 'PNG', magic: ['89504e470d0a1a0a'], pixels: png },
    { format: 'JPEG', magic: ['ffd8ff'], pixels: jpeg },
    { format: 'GIF', magic: ['474946383761', '474946383961'], pixels: gif },
    { format: 'BMP', magic: ['424d'], pixels: bmp },
    { format: 'TIFF', magic: ['49492a00', '4d4d002a'], pixels: tiff },
  ];

/**
 * @param all the whole file
 * @throws BrokenImage when it is of no known format, its head is damaged, or it claims more than its decoder may hold
 */
export function readImageHeader(all: Uint8Array): ImageHeader {
  if (all.length === 0) throw new BrokenImage('it is empty');
  const head = Buffer.from(all.subarray(0, 8)).toString('hex');
  const found = FORMATS.find(({ magic }) => magic.some((start) => head.startsWith(start)));
  if (found === undefined) throw new BrokenImage('it is not a PNG, JPEG, BMP, GIF or TIFF file');
  return { format: found.format, pixels: found.pixels(all) };
}
