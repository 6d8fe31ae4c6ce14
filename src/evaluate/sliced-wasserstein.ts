/** The sliced Wasserstein distance: a cheap, seeded measure of how far samples are from data. */

import { randomRows } from '../random/index.js';

/** A set of points, float32 [count, size]. */
export interface PointSet {
  count: number;
  size: number;
  data: Float32Array;
}

export interface SlicedWassersteinOptions {
  /** Random directions to project on; 128 by default. */
  directions?: number;
  /** Seed of the directions. */
  seed?: number;
}

/** All points projected on one direction and sorted. */
function sortedProjection({ count, size, data }: PointSet, direction: Float64Array): Float64Array {
  const projection = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    let sum = 0;
    for (let j = 0; j < size; j++) sum += data[i * size + j]! * direction[j]!;
    projection[i] = sum;
  }
  return projection.sort();
}

/**
 * The root of the mean, over random directions on the unit sphere, of the squared 2-Wasserstein distance between the
 * projections of both sets: 0 for equal sets, about sqrt(|difference of means|^2 / size) for shifted ones.
 *
 * Source: Rabin, Peyre, Delon, Bernot, "Wasserstein barycenter and its application to texture mixing", 2011.
 *
 * @throws RangeError when the sets differ in count or size
 */
export function slicedWasserstein(
  a: PointSet,
  b: PointSet,
  { directions = 128, seed = 0 }: SlicedWassersteinOptions = {},
): number {
  if (a.count !== b.count || a.size !== b.size) {
    throw new RangeError(
      `sliced Wasserstein distance: [${a.count}, ${a.size}] and [${b.count}, ${b.size}] points, expected alike`,
    );
  }
  let total = 0;
  for (let k = 0; k < directions; k++) {
    const draw = { seed, stream: 'directions', start: k } as const;
    const gaussian = randomRows({ kind: 'normal' }, { count: 1, width: a.size }, draw);
    const norm = Math.sqrt(gaussian.reduce((sum, x) => sum + x * x, 0));
    const direction = Float64Array.from(gaussian, (x) => x / norm);
    const left = sortedProjection(a, direction);
    const right = sortedProjection(b, direction);
    total += left.reduce((sum, x, i) => sum + (x - right[i]!) ** 2, 0) / a.count;
  }
  return Math.sqrt(total / directions);
}
