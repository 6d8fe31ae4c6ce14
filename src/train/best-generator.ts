/** Which generator was the best so far: a distance between its samples and the data, measured now and then. */

import type { GanSpec } from '../export/index.js';
import { Generator, type ImageStack, type NodeLoadOptions } from '../infer/index.js';
import { randomPermutation } from '../random/index.js';
import type { Dataset } from './data/dataset.js';

/** Images on each side of a comparison. */
export const COMPARED_IMAGES = 512;

/** A distance from samples to real images, both float32 [count, C, H, W] in [-1, 1]; smaller is better. */
export type GeneratorMeasure = (samples: ImageStack, real: ImageStack) => number;

/**
 * The real images that generators are compared with: drawn once by the run's seed, float32 in [-1, 1]; 512, or as many
 * as there are. For networks that work on images of normalised contrast, so are these.
 */
export function referenceImages(dataset: Dataset, seed: number, gan: GanSpec): ImageStack {
  const { count, shape } = dataset.description;
  const wanted = Math.min(COMPARED_IMAGES, count);
  const order = randomPermutation(count, { seed, stream: 'shuffle', index: 0 }).subarray(0, wanted);
  const bytes = new Uint8Array(wanted * shape[0] * shape[1] * shape[2]);
  dataset.read(order, bytes);
  const data = Float32Array.from(bytes, (byte) => byte / 127.5 - 1);
  if (gan.contrastNorm !== undefined) stretchContrast(data, bytes.length / wanted);
  return { count: wanted, shape, data };
}

/** Each image less its mean, by its largest magnitude: what images of normalised contrast look like in [-1, 1]. */
function stretchContrast(data: Float32Array, pixels: number): void {
  for (let first = 0; first < data.length; first += pixels) {
    const image = data.subarray(first, first + pixels);
    const mean = image.reduce((sum, x) => sum + x, 0) / pixels;
    const largest = image.reduce((most, x) => Math.max(most, Math.abs(x - mean)), 1e-8);
    for (const [i, x] of image.entries()) image[i] = (x - mean) / largest;
  }
}

/**
 * The first samples of a seed, for a comparison with as many real images.
 *
 * @throws InvalidModelError when they are not numbers
 */
export async function samplesToCompare(
  model: Uint8Array,
  { count, seed, load }: { count: number; seed: number; load: NodeLoadOptions },
): Promise<ImageStack> {
  const generator = await Generator.load(model, load);
  try {
    return await generator.sample({ count, seed });
  } finally {
    await generator.release();
  }
}
