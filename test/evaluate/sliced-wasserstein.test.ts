import { describe, expect, it } from 'vitest';
import { slicedWasserstein } from '../../src/evaluate/index.js';
import { randomRows } from '../../src/random/index.js';

const normal = (count: number, size: number, seed: number) => ({
  count,
  size,
  data: randomRows({ kind: 'normal' }, { count, width: size }, { seed, stream: 'sampleLatents', start: 0 }),
});
const shifted = <T extends { data: Float32Array }>(set: T, by: number): T => ({
  ...set,
  data: set.data.map((x) => x + by),
});

describe('sliced Wasserstein distance', () => {
  it('is zero for equal sets in any order', () => {
    const a = { count: 3, size: 2, data: Float32Array.of(1, 2, 3, 4, 5, 6) };
    const b = { count: 3, size: 2, data: Float32Array.of(5, 6, 1, 2, 3, 4) };
    expect(slicedWasserstein(a, b)).toBe(0);
  });

  it('is exact in one dimension, where it is the Wasserstein distance', () => {
    const a = { count: 2, size: 1, data: Float32Array.of(0, 10) };
    const b = { count: 2, size: 1, data: Float32Array.of(13, 4) };
    // sorted: 0 -> 4, 10 -> 13
    expect(slicedWasserstein(a, b)).toBeCloseTo(Math.sqrt((16 + 9) / 2), 10);
  });

  it('of a set and its shift is the root of the shift squared over the dimensions', () => {
    const a = normal(500, 16, 1);
    // E (direction . shift)^2 = |shift|^2 / size = 0.5^2
    expect(slicedWasserstein(a, shifted(a, 0.5), { directions: 2000 })).toBeCloseTo(0.5, 1);
  });

  it('grows with the difference and is small for two samples of one distribution', () => {
    const [a, b] = [normal(2000, 8, 1), normal(2000, 8, 2)];
    expect(slicedWasserstein(a, b)).toBeLessThan(0.1);
    expect(slicedWasserstein(a, shifted(b, 0.3))).toBeGreaterThan(0.25);
  });

  it('refuses sets of different sizes', () => {
    expect(() => slicedWasserstein(normal(3, 2, 1), normal(4, 2, 1))).toThrow(/\[3, 2\] and \[4, 2\] points/);
  });
});
