/** Sets of points that measures compare: images as rows of pixels in [0, 1]. */

import type { PointSet } from './sliced-wasserstein.js';

/** Largest byte of an 8-bit image. */
const WHITE = 255;

/** Images of bytes as points: 0..255 becomes [0, 1]. @param bytes uint8 [count, size] */
export function pointsFromBytes(bytes: Uint8Array, size: number): PointSet {
  const data = new Float32Array(bytes.length);
  for (let i = 0; i < data.length; i++) data[i] = bytes[i]! / WHITE;
  return { count: bytes.length / size, size, data };
}

/** Images in [-1, 1] as points in [0, 1], rounded to float32. @param images float32 [count, size] */
export function pointsFromImages(images: Float32Array, size: number): PointSet {
  return { count: images.length / size, size, data: images.map((value) => (value + 1) / 2) };
}
