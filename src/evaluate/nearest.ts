/** Exact nearest neighbours by Euclidean distance: what Figure 2 of the 2014 paper sets beside samples. */

import { type Distances, rowsAtOnce } from './distances.js';
import type { ParzenEvents } from './parzen.js';
import type { PointSet } from './sliced-wasserstein.js';

/** Examples that are compared at once, unless they are large. */
const EXAMPLES = 1024;

/** Examples that are read piece by piece, so that they need not fit into memory as floats. */
export interface ExampleSource {
  count: number;
  /** Examples first .. first + n - 1, float64 [n, size], in the samples' own range. */
  read(first: number, n: number): Float64Array;
}

export interface Nearest {
  /** Number of the nearest example of each sample; of several alike, the first. */
  indices: Uint32Array;
  /** Its Euclidean distance, float64. */
  distances: Float64Array;
}

/**
 * Finds the nearest example of each sample among all of them.
 *
 * @param samples float32 [n, size]
 * @throws RangeError when there are no samples or no examples, or their size is not that of `distances`
 */
export async function nearestExamples(
  distances: Distances,
  samples: PointSet,
  examples: ExampleSource,
  { onProgress, signal }: ParzenEvents = {},
): Promise<Nearest> {
  if (examples.count < 1) throw new RangeError('nearest examples: there are none, expected at least one');
  if (samples.size !== distances.size) {
    throw new RangeError(`nearest examples: samples have ${samples.size} values, expected ${distances.size}`);
  }
  const centres = distances.centres(samples.data);
  const most = rowsAtOnce(distances.size, EXAMPLES);
  const indices = new Uint32Array(centres.count);
  const least = new Float64Array(centres.count).fill(Number.POSITIVE_INFINITY);
  for (let first = 0; first < examples.count; first += most) {
    signal?.throwIfAborted();
    const n = Math.min(most, examples.count - first);
    const chunk = await distances.squared(examples.read(first, n), centres);
    for (let i = 0; i < chunk.length; i++) {
      const sample = i % centres.count;
      if (chunk[i]! >= least[sample]!) continue;
      least[sample] = chunk[i]!;
      indices[sample] = first + Math.floor(i / centres.count);
    }
    onProgress?.(first + n, examples.count);
  }
  return { indices, distances: least.map(Math.sqrt) };
}
