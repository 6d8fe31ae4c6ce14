/**
 * Toy data: distributions of points whose density is known exactly, so that theory can be held against training. Each is a
 * mixture of round Gaussians, written down as data.
 */

import { normalQuantile, randomUint32, toUnitInterval } from '../../../random/index.js';

/** A round Gaussian of a mixture. */
export interface Component {
  weight: number;
  mean: readonly number[];
  /** Standard deviation along every axis. */
  deviation: number;
}

/** A distribution of points, of which there are as many as one wants: point k of a seed is always the same. */
export interface PointDistribution {
  /** One line for a list of distributions. */
  description: string;
  /** Coordinates of a point, 1 or 2. */
  dimension: number;
  /** Interval along every axis outside which there is next to no mass (under 1e-5). */
  range: readonly [low: number, high: number];
  /** The exact density at a point, `dimension` coordinates. */
  density(point: ArrayLike<number>): number;
  /**
   * Points start .. start + count - 1 of a seed, float32 [count, dimension].
   *
   * @throws RangeError when seed or numbers leave the safe non-negative integers
   */
  sample(draw: { seed: number; start: number; count: number }): Float32Array;
}

/** The distribution of a mixture; weights need not have the sum 1. */
export function mixture(
  description: string,
  range: readonly [number, number],
  components: readonly Component[],
): PointDistribution {
  const dimension = components[0]!.mean.length;
  const total = components.reduce((sum, { weight }) => sum + weight, 0);
  let below = 0;
  const upTo = components.map(({ weight }) => {
    below += weight / total;
    return below;
  });
  return {
    description,
    dimension,
    range,
    density(point) {
      let sum = 0;
      for (const { weight, mean, deviation } of components) {
        let squares = 0;
        for (let i = 0; i < dimension; i++) squares += ((point[i]! - mean[i]!) / deviation) ** 2;
        sum += (weight * Math.exp(-squares / 2)) / (deviation * Math.sqrt(2 * Math.PI)) ** dimension;
      }
      return sum / total;
    },
    sample({ seed, start, count }) {
      const out = new Float32Array(count * dimension);
      const bits = new Uint32Array(dimension + 1);
      for (let row = 0; row < count; row++) {
        randomUint32(seed, 'points', start + row, bits);
        const u = toUnitInterval(bits[0]!);
        const chosen = upTo.findIndex((bound) => u < bound);
        const { mean, deviation } = components.at(chosen)!;
        for (let i = 0; i < dimension; i++) {
          out[row * dimension + i] = mean[i]! + deviation * normalQuantile(toUnitInterval(bits[i + 1]!));
        }
      }
      return out;
    },
  };
}

/** Rounded, so that every machine has the same means whatever the last bits of its sines are. */
const rounded = (x: number): number => Math.round(x * 1e9) / 1e9;

/** Eight Gaussians on a circle of radius 2. */
function ring(): Component[] {
  return Array.from({ length: 8 }, (_, k) => {
    const angle = (k / 8) * 2 * Math.PI;
    const mean = [rounded(2 * Math.cos(angle)), rounded(2 * Math.sin(angle))];
    return { weight: 1, mean, deviation: 0.3 };
  });
}

/** 25 Gaussians, 5 a row. */
function grid(): Component[] {
  return Array.from({ length: 25 }, (_, k) => {
    const mean = [(k % 5) - 2, Math.floor(k / 5) - 2];
    return { weight: 1, mean, deviation: 0.2 };
  });
}

/** One and a half turns of an Archimedean spiral, as Gaussians so close that they make a band of even density. */
function spiral(): Component[] {
  const count = 200;
  return Array.from({ length: count }, (_, k) => {
    // Equal steps of the square of the radius are nearly equal steps along the curve.
    const radius = Math.sqrt(0.15 + (5.5 - 0.15) * (k / (count - 1)));
    const angle = radius * ((3 * Math.PI) / Math.sqrt(5.5));
    const mean = [rounded(radius * Math.cos(angle)), rounded(radius * Math.sin(angle))];
    return { weight: 1, mean, deviation: 0.2 };
  });
}

/** The table of toy data. A new one is an entry here. */
export const POINT_DISTRIBUTIONS = {
  'mixture-1d': mixture(
    'two Gaussians on a line, which overlap',
    [-5, 5],
    [
      { weight: 0.6, mean: [-1.2], deviation: 0.5 },
      { weight: 0.4, mean: [1.4], deviation: 0.7 },
    ],
  ),
  'mixture-2d': mixture(
    'three Gaussians in the plane, which overlap',
    [-5, 5],
    [
      { weight: 0.4, mean: [-1.2, -0.8], deviation: 0.7 },
      { weight: 0.35, mean: [1.3, -0.6], deviation: 0.6 },
      { weight: 0.25, mean: [0.1, 1.4], deviation: 0.5 },
    ],
  ),
  ring: mixture('eight Gaussians on a circle', [-4, 4], ring()),
  grid: mixture('25 Gaussians, five a row', [-4, 4], grid()),
  spiral: mixture('a spiral of one and a half turns', [-4, 4], spiral()),
} satisfies Record<string, PointDistribution>;

export type PointDistributionName = keyof typeof POINT_DISTRIBUTIONS;
