import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { UserError } from '../../../src/system/user-error.js';
import { type Dataset, datasetInMemory } from '../../../src/train/data/dataset.js';
import { resizeDataset } from '../../../src/train/data/resize.js';

interface Case {
  height: number;
  width: number;
  size: number;
  pixels: string;
}

const golden: Case[] = JSON.parse(readFileSync(new URL('../../golden/resize.json', import.meta.url), 'utf8'));

/** The image that make_resize.py resizes. */
function pattern(height: number, width: number): Uint8Array {
  return Uint8Array.from({ length: height * width }, (_, p) => {
    const y = Math.floor(p / width);
    const x = p % width;
    return (37 * y * y + 101 * x + 53 * x * y + 11) % 256;
  });
}

function dataset(shape: [number, number, number], images: Uint8Array, labels?: Uint8Array): Dataset {
  const count = images.length / (shape[0] * shape[1] * shape[2]);
  return datasetInMemory({ name: 'test', count, shape, sha256: 'of the originals' }, images, labels);
}

function readAll(from: Dataset): Uint8Array {
  const { count, shape } = from.description;
  const out = new Uint8Array(count * shape[0] * shape[1] * shape[2]);
  from.read(
    Uint32Array.from({ length: count }, (_, i) => i),
    out,
  );
  return out;
}

describe('resizeDataset', () => {
  it.each(golden)('makes $height x $width into $size x $size as Pillow does', async (wanted) => {
    const { height, width, size } = wanted;
    const resized = await resizeDataset(dataset([1, height, width], pattern(height, width)), size);
    const expected = Buffer.from(wanted.pixels, 'base64');
    expect(Buffer.compare(readAll(resized), expected)).toBe(0);
  });

  it('returns the very dataset when the size is right', async () => {
    const original = dataset([1, 28, 28], pattern(28, 28));
    const lines: string[] = [];
    expect(await resizeDataset(original, 28, (line) => lines.push(line))).toBe(original);
    expect(lines).toEqual([]);
  });

  it('resizes every image of several chunks, each channel by itself', async () => {
    const count = 2345;
    const planes = Uint8Array.from({ length: count * 3 }, (_, p) => p % 251);
    const flat = new Uint8Array(planes.length * 4).map((_, i) => planes[Math.floor(i / 4)]!);
    const resized = await resizeDataset(dataset([3, 2, 2], flat), 3);
    expect(resized.description).toMatchObject({ name: 'test', count, shape: [3, 3, 3] });
    const expected = new Uint8Array(planes.length * 9).map((_, i) => planes[Math.floor(i / 9)]!);
    expect(Buffer.compare(readAll(resized), expected)).toBe(0);
  });

  it('keeps black black and white white at any size', async () => {
    for (const size of [1, 5, 27, 29, 200]) {
      const images = new Uint8Array(2 * 784).fill(255, 784);
      const out = readAll(await resizeDataset(dataset([1, 28, 28], images), size));
      expect(new Set(out.subarray(0, size * size))).toEqual(new Set([0]));
      expect(new Set(out.subarray(size * size))).toEqual(new Set([255]));
    }
  });

  it('keeps the labels, digests the new images, and says what it does', async () => {
    const labels = Uint8Array.of(3, 1);
    const lines: string[] = [];
    const original = dataset([1, 2, 2], Uint8Array.of(0, 80, 160, 240, 9, 9, 9, 9), labels);
    const resized = await resizeDataset(original, 4, (line) => lines.push(line));
    expect(resized.labels).toEqual(labels);
    const digest = createHash('sha256').update(readAll(resized)).digest('hex');
    expect(resized.description.sha256).toBe(digest);
    expect(lines).toEqual(['resizing 2 images from 2 x 2 to 4 x 4']);
  });

  it('lets other work go on meanwhile', async () => {
    let turns = 0;
    const timer = setInterval(() => turns++, 0);
    await resizeDataset(dataset([1, 8, 8], new Uint8Array(20_000 * 64)), 16);
    clearInterval(timer);
    expect(turns).toBeGreaterThan(3);
  });

  it('refuses sizes that no image has', async () => {
    const original = dataset([1, 28, 28], pattern(28, 28));
    for (const size of [0, -4, 2.5, Number.NaN]) {
      await expect(resizeDataset(original, size)).rejects.toThrow(
        `image size ${size} is not possible: expected a whole number`,
      );
    }
  });

  it('refuses what no memory can hold', async () => {
    const error = await resizeDataset(dataset([1, 28, 28], pattern(28, 28)), 10_000_000).catch((e) => e);
    expect(error).toBeInstanceOf(UserError);
    expect(error.message).toMatch(/needs 1 x 100000000000000 bytes.*: reduce --img-size/);
  });
});
