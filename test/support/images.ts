/** Image files for tests, made by jimp or by hand. */

import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { deflateSync } from 'node:zlib';
import { Jimp } from 'jimp';

export type Mime = 'image/png' | 'image/jpeg' | 'image/bmp' | 'image/gif' | 'image/tiff';

/** Red, green, blue and alpha of a pixel. */
export type Rgba = readonly [number, number, number, number];

/** An image file of `width` x `height` pixels. */
export function imageFile(
  mime: Mime,
  width: number,
  height: number,
  pixel: (x: number, y: number) => Rgba,
): Promise<Buffer> {
  const data = Buffer.alloc(width * height * 4);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) data.set(pixel(x, y), (y * width + x) * 4);
  }
  return new Jimp({ width, height, data }).getBuffer(mime);
}

/** A PNG of one colour. */
export const plainPng = (colour: Rgba, width = 8, height = width): Promise<Buffer> =>
  imageFile('image/png', width, height, () => colour);

/** Writes files by their paths below a folder. */
export function writeFiles(folder: string, files: Readonly<Record<string, Uint8Array | string>>): void {
  for (const [path, bytes] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), bytes);
  }
}

function pngChunk(type: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const chunk = Buffer.alloc(body.length + 8);
  chunk.writeUInt32BE(data.length, 0);
  body.copy(chunk, 4);
  chunk.writeUInt32BE(crc32(body), body.length + 4);
  return chunk;
}

/** CRC-32 of PNG's chunks. */
function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}

/** A PNG file that claims a size and holds these bytes, unpacked. */
export function pngOf(width: number, height: number, data: Uint8Array, interlaced = false): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 0, 0, 0, interlaced ? 1 : 0], 8);
  const signature = Buffer.from('89504e470d0a1a0a', 'hex');
  const chunks = [
    pngChunk('IHDR', header),
    pngChunk('IDAT', deflateSync(data)),
    pngChunk('IEND', new Uint8Array()),
  ];
  return Buffer.concat([signature, ...chunks]);
}

/** A little-endian TIFF file of one directory of longs, then `data`; its offset is given to `entries`. */
export function tiffOf(
  entries: (dataOffset: number) => readonly (readonly [tag: number, value: number])[],
  data: Uint8Array,
  next = 0,
): Buffer {
  const count = entries(0).length;
  const offset = 8 + 2 + 12 * count + 4;
  const head = Buffer.alloc(offset);
  head.write('II*\0', 'latin1');
  head.writeUInt32LE(8, 4);
  head.writeUInt16LE(count, 8);
  for (const [i, [tag, value]] of entries(offset).entries()) {
    head.writeUInt16LE(tag, 10 + 12 * i);
    head.writeUInt16LE(4, 12 + 12 * i);
    head.writeUInt32LE(1, 14 + 12 * i);
    head.writeUInt32LE(value, 18 + 12 * i);
  }
  head.writeUInt32LE(next, offset - 4);
  return Buffer.concat([head, data]);
}
