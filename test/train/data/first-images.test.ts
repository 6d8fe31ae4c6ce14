import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { datasetInMemory } from '../../../src/train/data/dataset.js';
import { firstImages } from '../../../src/train/data/first-images.js';
import { meanImage } from '../../../src/train/data/mean-image.js';

const shape = [1, 2, 3] as const;
const COUNT = 1203;
const images = Uint8Array.from({ length: COUNT * 6 }, (_, i) => (i * 37) % 256);
const labels = Uint8Array.from({ length: COUNT }, (_, i) => i % 10);
const whole = datasetInMemory({ name: 'numbers', count: COUNT, shape, sha256: 'all' }, images, labels);

describe('the first images of a dataset', () => {
  it('are a dataset of that many images, with a digest of their own', () => {
    const part = firstImages(whole, 1100);
    const sha256 = createHash('sha256')
      .update(images.subarray(0, 1100 * 6))
      .digest('hex');
    expect(part.description).toEqual({ name: 'numbers', count: 1100, shape, sha256 });
    expect(part.labels).toEqual(labels.subarray(0, 1100));
    const out = new Uint8Array(12);
    part.read(Uint32Array.of(1099, 3), out);
    expect([...out]).toEqual([...images.subarray(1099 * 6, 1100 * 6), ...images.subarray(18, 24)]);
  });

  it('do not show the others', () => {
    expect(() => firstImages(whole, 3).read(Uint32Array.of(3), new Uint8Array(6))).toThrow(RangeError);
  });

  it('all of them are the dataset itself', () => {
    expect(firstImages(whole, COUNT)).toBe(whole);
  });

  it('more than there are is refused in one line that says how many there are', () => {
    expect(() => firstImages(whole, COUNT + 1)).toThrow(/--train-images 1204: .* has 1203 images/);
  });
});

describe('the mean image', () => {
  it('is the mean of each pixel over all images, in [0, 1]', () => {
    const mean = meanImage(whole);
    for (let pixel = 0; pixel < 6; pixel++) {
      let sum = 0;
      for (let i = 0; i < COUNT; i++) sum += images[i * 6 + pixel]! / 255;
      expect(mean[pixel]).toBeCloseTo(sum / COUNT, 12);
    }
  });
});
