/** How much images differ from each other: a generator that has collapsed draws ever the same few. */

import type { ImageStack } from '../../infer/index.js';

/** Measures of one stack of images. */
export interface Diversity {
  /** Root of the mean squared distance of two images, over all pairs. */
  spread: number;
  /** Median distance of an image to the nearest other one. */
  nearest: number;
}

/** The most images that are compared with each other. */
const MAX_IMAGES = 128;
/** Multiplications of one measurement, about: 30 ms. */
const MAX_WORK = 2 ** 25;

/** How many images of so many pixels are compared: all pairs of them must not take long. */
export function comparedCount(pixels: number): number {
  return Math.max(16, Math.min(MAX_IMAGES, Math.floor(Math.sqrt((2 * MAX_WORK) / pixels))));
}

/**
 * @param images float32 [count, C, H, W] in [-1, 1], of which the first are compared; two at least
 */
export function diversity({ count, shape, data }: ImageStack): Diversity {
  const pixels = shape[0] * shape[1] * shape[2];
  const compared = Math.min(count, comparedCount(pixels));
  const nearest = new Float64Array(compared).fill(Number.POSITIVE_INFINITY);
  let sum = 0;
  for (let i = 0; i < compared; i++) {
    for (let j = 0; j < i; j++) {
      const squared = squaredDistance(data, i * pixels, j * pixels, pixels);
      sum += squared;
      if (squared < nearest[i]!) nearest[i] = squared;
      if (squared < nearest[j]!) nearest[j] = squared;
    }
  }
  nearest.sort();
  return {
    spread: Math.sqrt(sum / ((compared * (compared - 1)) / 2)),
    nearest: Math.sqrt(nearest[compared >> 1]!),
  };
}

function squaredDistance(data: Float32Array, a: number, b: number, length: number): number {
  let sum = 0;
  for (let i = 0; i < length; i++) {
    const difference = data[a + i]! - data[b + i]!;
    sum += difference * difference;
  }
  return sum;
}
