/** The table of measures that `gan-onnx evaluate` knows. A new one is an entry here. */

import type { OrtModule } from '../train/ort.js';
import { openDistances } from './distances.js';
import { type ParzenEvents, type ParzenResult, parzenEstimate } from './parzen.js';
import { type PointSet, slicedWasserstein } from './sliced-wasserstein.js';

export interface MetricRequest {
  /** Samples in [0, 1], float32 [n, size]. */
  samples: PointSet;
  /** Data to choose settings by; left out when there is nothing to choose. */
  validation?: PointSet;
  /** Data that the samples are measured against. */
  test: PointSet;
  /** Widths of the Parzen window. */
  sigmas: readonly number[];
  /** Seed of what a measure draws. */
  seed: number;
}

/** What a measure found: `value`, with what else there is to say of it. */
export type Measured = { value: number } & Partial<Omit<ParzenResult, 'mean'>>;

export interface Metric {
  /** One line for a list of measures. */
  description: string;
  /** Whether it has a width, which validation data choose. */
  takesSigmas: boolean;
  /** Whether there must be as many samples as test points. */
  pairs: boolean;
  /** @throws RangeError when the sets do not fit each other */
  measure(ort: OrtModule, request: MetricRequest, events: ParzenEvents): Promise<Measured>;
}

export const METRICS = {
  parzen: {
    description:
      'log-likelihood of test images under a Parzen window, in nats, as in the 2014 paper (Table 1)',
    takesSigmas: true,
    pairs: false,
    async measure(ort, request, events) {
      const distances = await openDistances(ort, request.test.size);
      try {
        const { mean, ...rest } = await parzenEstimate(distances, request, events);
        return { value: mean, ...rest };
      } finally {
        await distances.release();
      }
    },
  },
  'sliced-wasserstein': {
    description: 'distance of samples to test images along 128 random directions; 0 for equal sets',
    takesSigmas: false,
    pairs: true,
    measure: async (_, { samples, test, seed }) => ({ value: slicedWasserstein(samples, test, { seed }) }),
  },
} satisfies Record<string, Metric>;

export type MetricName = keyof typeof METRICS;
