/** The mean of a dataset's images, from which some generators begin. */

import type { Dataset } from './dataset.js';
import { imageChunks } from './image-chunks.js';

/** Mean of all images, pixels in [0, 1]; [C * H * W]. Sums of bytes are exact, so it is the same everywhere. */
export function meanImage(dataset: Dataset): Float64Array {
  const { count, shape } = dataset.description;
  const pixels = shape.reduce((a, b) => a * b, 1);
  const sums = new Float64Array(pixels);
  for (const images of imageChunks(dataset)) {
    for (let first = 0; first < images.length; first += pixels) {
      for (let i = 0; i < pixels; i++) sums[i]! += images[first + i]!;
    }
  }
  return sums.map((sum) => sum / (255 * count));
}
