import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { cellCentres, massesOfDensity, massesOfPoints } from '../../src/evaluate/cells.js';
import { FINAL_VALUE, gameValue, jensenShannon, optimalDiscriminator } from '../../src/evaluate/theory.js';

const GOLDEN = JSON.parse(readFileSync(new URL('../golden/theory.json', import.meta.url), 'utf8')) as {
  divergences: { a: [number, number]; b: [number, number]; jsd: number }[];
};

const gaussian = ([mean, deviation]: readonly [number, number]) => {
  return (point: ArrayLike<number>): number =>
    Math.exp(-(((point[0]! - mean) / deviation) ** 2) / 2) / (deviation * Math.sqrt(2 * Math.PI));
};
const CELLS = { dimension: 1, range: [-10, 10], perAxis: 2000 } as const;
/** Where both have mass, so that D* is never 1 but for rounding. */
const SHARED = { ...CELLS, range: [-5, 5] } as const;
const [p, q] = [massesOfDensity(SHARED, gaussian([0, 1])), massesOfDensity(SHARED, gaussian([1, 0.7]))];

describe('the Jensen-Shannon divergence', () => {
  it.each(GOLDEN.divergences)('of N$a and N$b is what numerical integration gives', ({ a, b, jsd }) => {
    const found = jensenShannon(massesOfDensity(CELLS, gaussian(a)), massesOfDensity(CELLS, gaussian(b)));
    expect(Math.abs(found - jsd)).toBeLessThan(1e-5);
  });

  it('is 0 for equal distributions, log 2 for distributions apart, and symmetric', () => {
    expect(jensenShannon(p, p)).toBe(0);
    expect(jensenShannon([1, 0], [0, 1])).toBeCloseTo(Math.log(2), 15);
    expect(jensenShannon(p, q)).toBeCloseTo(jensenShannon(q, p), 15);
  });
});

describe('the optimal discriminator', () => {
  it('is p_data / (p_data + p_g), and 1/2 where neither has mass', () => {
    expect([...optimalDiscriminator([0.3, 0.5, 0.2, 0], [0.1, 0.5, 0, 0])]).toEqual([0.3 / 0.4, 0.5, 1, 0.5]);
  });

  it('has the highest value of all, which is -log 4 + 2 JSD', () => {
    const best = optimalDiscriminator(p, q);
    const value = gameValue(p, q, best);
    expect(value).toBeCloseTo(FINAL_VALUE + 2 * jensenShannon(p, q), 5);
    for (const shift of [-0.05, 0.05]) {
      const other = best.map((d) => Math.min(Math.max(d + shift, 1e-6), 1 - 1e-6));
      expect(gameValue(p, q, other)).toBeLessThan(value);
    }
  });
});

describe('the value of the game', () => {
  it('is -log 4 for D = 1/2, whatever the distributions', () => {
    expect(gameValue(p, q, new Float64Array(p.length).fill(0.5))).toBeCloseTo(-1.3862943611, 5);
  });

  it('is -Infinity for a D that is certain and wrong', () => {
    expect(gameValue([1, 0], [0, 1], [0, 1])).toBe(Number.NEGATIVE_INFINITY);
  });

  it('refuses distributions over different cells', () => {
    expect(() => gameValue([1], [0.5, 0.5], [0.5])).toThrow('value of the game: 1, 2, 1 cells');
  });
});

describe('cells', () => {
  const plane = { dimension: 2, range: [0, 2], perAxis: 2 } as const;

  it('have their centres in the order of their masses, the last coordinate fastest', () => {
    expect([...cellCentres(plane)]).toEqual([0.5, 0.5, 0.5, 1.5, 1.5, 0.5, 1.5, 1.5]);
    const points = Float32Array.of(0.1, 1.9, 1.2, 0.2, 1.3, 0.1, 1.9, 1.1);
    expect([...massesOfPoints(plane, points)]).toEqual([0, 0.25, 0.5, 0.25]);
  });

  it('count points beyond the range at the border', () => {
    expect([...massesOfPoints(plane, Float32Array.of(-7, -7, 9, 0.5))]).toEqual([0.5, 0, 0.5, 0]);
  });

  it('integrate polynomials of degree 5 exactly', () => {
    const masses = massesOfDensity(
      { dimension: 1, range: [0, 1], perAxis: 1 },
      (point) => 6 * point[0]! ** 5,
    );
    expect(masses[0]).toBeCloseTo(1, 12);
  });
});
