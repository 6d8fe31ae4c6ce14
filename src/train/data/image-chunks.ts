/** All images of a dataset in order, a few at a time. */

import type { Dataset } from './dataset.js';

const CHUNK = 500;

/** Uint8 [n, C, H, W] for consecutive images; each chunk is overwritten by the next. */
export function* imageChunks({ description: { count, shape }, read }: Dataset): Generator<Uint8Array> {
  const pixels = shape.reduce((a, b) => a * b, 1);
  const images = new Uint8Array(Math.min(CHUNK, count) * pixels);
  for (let first = 0; first < count; first += CHUNK) {
    const size = Math.min(CHUNK, count - first);
    const chunk = images.subarray(0, size * pixels);
    read(
      Uint32Array.from({ length: size }, (_, i) => first + i),
      chunk,
    );
    yield chunk;
  }
}
