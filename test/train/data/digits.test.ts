import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { drawDigit, openDigits } from '../../../src/train/data/digits.js';

const SIZE = 28;
const PIXELS = SIZE * SIZE;
const COUNT = 2500;
const TRAIN = 2000;

const images: Uint8Array[] = [];
const labels: number[] = [];
for (let k = 0; k < COUNT; k++) {
  const image = new Uint8Array(PIXELS);
  labels.push(drawDigit(k, image));
  images.push(image);
}

function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return sum / values.length;
}

function squaredDistance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let p = 0; p < PIXELS; p++) sum += (a[p]! - b[p]!) * (a[p]! - b[p]!);
  return sum;
}

/** Mean image of each class over the first TRAIN images. */
const classMeans = Array.from({ length: 10 }, (_, label) => {
  const members = images.slice(0, TRAIN).filter((_, k) => labels[k] === label);
  return Float64Array.from({ length: PIXELS }, (_, p) => mean(members.map((image) => image[p]!)));
});

describe('drawDigit', () => {
  it('draws the same first 1000 images on every machine', () => {
    const hash = createHash('sha256');
    for (const image of images.slice(0, 1000)) hash.update(image);
    expect(hash.digest('hex')).toBe('a9ba975d9f81c12ab76d4d2d4f7be6c4e782f33423b636eefac149f430eeda90');
  });

  it('draws image k whatever was drawn before and whatever `out` held', () => {
    const out = new Uint8Array(PIXELS).fill(123);
    for (const k of [2499, 3, 1234, 0, 3]) {
      expect(drawDigit(k, out)).toBe(labels[k]);
      expect(out).toEqual(images[k]);
    }
  });

  it('refuses an index or an output that does not fit', () => {
    expect(() => drawDigit(-1, new Uint8Array(PIXELS))).toThrow(RangeError);
    expect(() => drawDigit(0, new Uint8Array(100))).toThrow('100 bytes: expected 28 * 28 = 784');
  });

  it('leaves the two outermost rows and columns black', () => {
    for (const [k, image] of images.entries()) {
      const inked = [...image.keys()].filter((p) => image[p]! > 0);
      const inside = (i: number) => i >= 2 && i < SIZE - 2;
      const stray = inked.filter((p) => !inside(p % SIZE) || !inside(Math.floor(p / SIZE)));
      expect(stray, `image ${k}`).toEqual([]);
    }
  });

  it("spends as much ink as MNIST's writers, and enough on each image", () => {
    const ink = images.map(mean);
    expect(Math.abs(mean(ink) - 33.3)).toBeLessThan(1.5);
    expect(Math.min(...ink)).toBeGreaterThan(5);
    expect(Math.max(...ink)).toBeLessThan(90);
  });

  it('centres the digits', () => {
    for (const axis of [(p: number) => p % SIZE, (p: number) => Math.floor(p / SIZE)]) {
      for (const [k, image] of images.entries()) {
        let moment = 0;
        for (let p = 0; p < PIXELS; p++) moment += image[p]! * (axis(p) + 0.5);
        expect(Math.abs(moment / (mean(image) * PIXELS) - SIZE / 2), `image ${k}`).toBeLessThan(4);
      }
    }
  });

  it('draws digits that the nearest class mean tells apart', () => {
    let right = 0;
    for (let k = TRAIN; k < COUNT; k++) {
      const distances = classMeans.map((classMean) => squaredDistance(images[k]!, classMean));
      if (distances.indexOf(Math.min(...distances)) === labels[k]) right++;
    }
    expect(right / (COUNT - TRAIN)).toBeGreaterThan(0.85);
  });

  it('writes no digit the same way twice', () => {
    const different = new Set(images.map((image) => Buffer.from(image).toString('latin1')));
    expect(different.size).toBe(COUNT);
    for (const [label, classMean] of classMeans.entries()) {
      const members = images.filter((_, k) => labels[k] === label);
      const spread = Math.sqrt(mean(members.map((image) => squaredDistance(image, classMean))) / PIXELS);
      expect(spread, `class ${label}`).toBeGreaterThan(35);
    }
  });
});

describe('openDigits', () => {
  it('holds the images of drawDigit, with as many of each class', async () => {
    const messages: string[] = [];
    const onProgress = (message: string) => messages.push(message);
    const dataset = await openDigits({ imageSize: 28, channels: 1, onProgress }, 200);
    expect(messages).toEqual(['drawing 200 digits']);
    expect(dataset.description).toMatchObject({ name: 'digits', count: 200, shape: [1, SIZE, SIZE] });

    const counts = new Array(10).fill(0);
    for (const label of dataset.labels!) counts[label]++;
    expect(counts).toEqual(new Array(10).fill(20));

    const out = new Uint8Array(2 * PIXELS);
    dataset.read(Uint32Array.of(137, 42), out);
    expect(out.subarray(0, PIXELS)).toEqual(images[137]);
    expect(out.subarray(PIXELS)).toEqual(images[42]);
    expect([dataset.labels![137], dataset.labels![42]]).toEqual([labels[137], labels[42]]);
  });

  it('describes the images by their sha256', async () => {
    const { description } = await openDigits({ imageSize: 28, channels: 1 }, 100);
    const hash = createHash('sha256');
    for (const image of images.slice(0, 100)) hash.update(image);
    expect(description.sha256).toBe(hash.digest('hex'));
  });
});
