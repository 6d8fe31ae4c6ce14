import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { cellCount, massesOfDensity, massesOfPoints } from '../../../src/evaluate/cells.js';
import { POINT_DISTRIBUTIONS, type PointDistribution } from '../../../src/train/data/points/distributions.js';

const GOLDEN = JSON.parse(readFileSync(new URL('../../golden/theory.json', import.meta.url), 'utf8')) as {
  densities: Record<string, { point: number[]; density: number }[]>;
};
const ALL = Object.entries<PointDistribution>(POINT_DISTRIBUTIONS);

describe.each(ALL)('toy data %s', (name, distribution) => {
  const { dimension, range } = distribution;
  const cells = { dimension, range, perAxis: dimension === 1 ? 40 : 20 };

  it('has a density that integrates to 1 over its range', () => {
    const fine = { ...cells, perAxis: 80 };
    const mass = massesOfDensity(fine, distribution.density).reduce((a, b) => a + b, 0);
    expect(Math.abs(mass - 1)).toBeLessThan(1e-5);
  });

  it('draws points that follow the density: chi-square over cells within 4 deviations of its mean', () => {
    const count = 50_000;
    // Integrated over finer cells, whose masses add up.
    const factor = 3;
    const fine = { ...cells, perAxis: cells.perAxis * factor };
    const masses = massesOfDensity(fine, distribution.density);
    const expected = new Float64Array(cellCount(cells));
    for (const [i, mass] of masses.entries()) {
      const coarse = (k: number): number => Math.floor(k / factor);
      const [row, column] = [Math.floor(i / fine.perAxis), i % fine.perAxis];
      expected[dimension === 1 ? coarse(i) : coarse(row) * cells.perAxis + coarse(column)]! += mass * count;
    }
    const points = distribution.sample({ seed: 3, start: 0, count });
    const seen = massesOfPoints(cells, points);
    let [square, used] = [0, 0];
    for (const [i, mean] of expected.entries()) {
      if (mean < 5) continue;
      square += (seen[i]! * count - mean) ** 2 / mean;
      used += 1;
    }
    expect(Math.abs(square - used) / Math.sqrt(2 * used)).toBeLessThan(4);
  });

  it('draws point k of a seed alike, wherever it begins', () => {
    const all = distribution.sample({ seed: 1, start: 0, count: 10 });
    const some = distribution.sample({ seed: 1, start: 6, count: 2 });
    expect(some).toEqual(all.slice(6 * dimension, 8 * dimension));
    expect(distribution.sample({ seed: 2, start: 6, count: 2 })).not.toEqual(some);
  });

  it.runIf(name in GOLDEN.densities)('has the density that NumPy computes', () => {
    for (const { point, density } of GOLDEN.densities[name]!) {
      expect(distribution.density(point) / density).toBeCloseTo(1, 5);
    }
  });
});
