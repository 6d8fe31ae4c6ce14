import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Distances, openDistances } from '../../src/evaluate/distances.js';
import { logLikelihoods, parzenEstimate, parzenSigmas } from '../../src/evaluate/parzen.js';
import { ORT_NODE } from '../../src/train/ort-node.js';
import { inProcessGroup } from '../support/in-process-group.js';
import { readGolden, relativeError } from '../support/numbers.js';

interface Case {
  size: number;
  samples: number;
  validation: number;
  test: number;
  spread: number;
  sigmas: number[];
  course: number[];
  sigma: number;
  mean: number;
  standardError: number;
  narrow: number[];
}

/** The values of make_parzen.py. */
function values(seed: number, count: number, size: number, spread = 1) {
  const data = new Float32Array(count * size);
  let x = seed;
  for (let i = 0; i < data.length; i++) {
    x = (Math.imul(1103515245, x) + 12345) & 0x7fffffff;
    data[i] = ((x >>> 8) / 2 ** 23) * spread;
  }
  return { count, size, data };
}

const line = (...data: number[]) => ({ count: data.length, size: 1, data: Float32Array.from(data) });

async function withDistances<T>(size: number, work: (distances: Distances) => Promise<T>): Promise<T> {
  const distances = await openDistances(ORT_NODE, size);
  try {
    return await work(distances);
  } finally {
    await distances.release();
  }
}

describe('Parzen window', () => {
  it.each(readGolden<Case[]>('parzen.json'))(
    'agrees with NumPy in float64: $samples samples of $size values',
    async ({ size, spread, ...expected }) => {
      const samples = values(1, expected.samples, size, spread);
      const validation = values(2, expected.validation, size, spread);
      const test = values(3, expected.test, size, spread);
      await withDistances(size, async (distances) => {
        const sigmas = parzenSigmas(10);
        expect(relativeError(sigmas, expected.sigmas)).toBeLessThan(1e-15);
        const found = await parzenEstimate(distances, { samples, validation, test, sigmas });
        for (const [i, { mean }] of found.course.entries()) {
          expect(Math.abs(mean / expected.course[i]! - 1)).toBeLessThan(1e-10);
        }
        expect(found.sigma).toBeCloseTo(expected.sigma, 14);
        expect(Math.abs(found.mean / expected.mean - 1)).toBeLessThan(1e-10);
        expect(found.standardError).toBeCloseTo(expected.standardError, 9);
        const [narrow] = await logLikelihoods(distances, { points: test, samples }, [0.1]);
        for (const [i, value] of narrow!.entries()) {
          expect(Math.abs(value / expected.narrow[i]! - 1)).toBeLessThan(1e-9);
        }
      });
    },
  );
});

describe('Parzen window on a line', () => {
  let distances: Distances;
  beforeAll(async () => {
    distances = await openDistances(ORT_NODE, 1);
  });
  afterAll(() => distances.release());

  /** log N(x; 0, sigma) */
  const gaussian = (x: number, sigma: number) =>
    -(x * x) / (2 * sigma * sigma) - Math.log(sigma * Math.sqrt(2 * Math.PI));

  it('of one sample is the density of a Gaussian', async () => {
    const sets = { points: line(0.5, 2), samples: line(0.25) };
    const [narrow, wide] = await logLikelihoods(distances, sets, [0.25, 1]);
    expect(narrow![0]).toBeCloseTo(gaussian(0.25, 0.25), 12);
    expect(wide![0]).toBeCloseTo(gaussian(0.25, 1), 12);
    expect(narrow![1]).toBeCloseTo(gaussian(1.75, 0.25), 12);
  });

  it('of two samples is the mean of two', async () => {
    const [[value]] = (await logLikelihoods(distances, { points: line(0), samples: line(1, -2) }, [1])) as [
      Float64Array,
    ];
    const density = (Math.exp(gaussian(1, 1)) + Math.exp(gaussian(2, 1))) / 2;
    expect(value).toBeCloseTo(Math.log(density), 12);
  });

  it('stays finite where every density is 0 to a double', async () => {
    const [values] = await logLikelihoods(distances, { points: line(100), samples: line(0, 1) }, [0.1]);
    // The nearer sample alone counts: exp(-(100^2 - 99^2) / 0.02) is 0.
    expect(values![0]).toBeCloseTo(gaussian(99, 0.1) - Math.log(2), 6);
  });

  it('does not depend on which of many chunks the nearest sample is in', async () => {
    const far = new Array<number>(5000).fill(3);
    const sets = [
      [0.5, ...far],
      [...far, 0.5],
      [...far.slice(2500), 0.5, ...far.slice(2500)],
    ];
    for (const samples of sets) {
      const [values] = await logLikelihoods(distances, { points: line(0), samples: line(...samples) }, [0.5]);
      const density = (Math.exp(gaussian(0.5, 0.5)) + 5000 * Math.exp(gaussian(3, 0.5))) / 5001;
      expect(values![0]).toBeCloseTo(Math.log(density), 10);
    }
  });

  it('chooses sigma on the validation data, not on the test data', async () => {
    // One sample: the likeliest sigma is the distance. Validation points are 0.5 away, test points 0.125.
    const request = { samples: line(0), validation: line(0.5, -0.5), test: line(0.125, -0.125) };
    const found = await parzenEstimate(distances, { ...request, sigmas: [0.1, 0.25, 0.5, 1] });
    expect(found.sigma).toBe(0.5);
    expect(found.mean).toBeCloseTo(gaussian(0.125, 0.5), 10);
    expect(found.course.map(({ mean }) => mean)).toEqual(
      [0.1, 0.25, 0.5, 1].map((sigma) => expect.closeTo(gaussian(0.5, sigma), 10)),
    );
  });

  it('has the standard error of the mean', async () => {
    const test = line(0, 1);
    const found = await parzenEstimate(distances, { samples: line(0), test, sigmas: [1] });
    // Two values v and v - 1/2: their standard deviation is 1/4.
    expect(found.standardError).toBeCloseTo(0.25 / Math.SQRT2, 12);
    expect(found.course).toEqual([]);
  });

  it('says how far it has come, and ends when it is told to', async () => {
    const request = { samples: line(0, 1, 2), validation: line(1), test: line(0, 1), sigmas: [0.5, 1] };
    const seen: [number, number][] = [];
    await parzenEstimate(distances, request, { onProgress: (...at) => seen.push(at) });
    expect(seen).toEqual([
      [3, 9],
      [9, 9],
    ]);
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(parzenEstimate(distances, request, { signal })).rejects.toThrow('enough');
  });

  it.each([
    [{ samples: line() }, /no samples, expected at least one point/],
    [{ test: line() }, /no test, expected at least one point/],
    [{ validation: line() }, /no validation, expected at least one point/],
    [{ samples: { count: 1, size: 2, data: new Float32Array(2) } }, /samples are \[1, 2\] in 2 values/],
    [{ test: { count: 3, size: 1, data: new Float32Array(2) } }, /test are \[3, 1\] in 2 values/],
    [{ sigmas: [] }, /0 sigmas and 1 validation points/],
    [{ sigmas: [0.5, 0] }, /sigma is 0, expected a number above 0/],
    [{ sigmas: [Number.NaN] }, /sigma is NaN/],
  ])('refuses %o', async (wrong, message) => {
    const request = { samples: line(0), validation: line(0), test: line(0), sigmas: [1], ...wrong };
    await expect(parzenEstimate(distances, request)).rejects.toThrow(message);
  });

  it('needs validation data to choose', async () => {
    const request = { samples: line(0), test: line(0), sigmas: [0.5, 1] };
    await expect(parzenEstimate(distances, request)).rejects.toThrow(/2 sigmas and no validation points/);
  });

  it('is the same when processes share the points', async () => {
    const samples = values(1, 300, 6);
    const sets = { samples, validation: values(2, 50, 6), test: values(3, 101, 6), sigmas: parzenSigmas(4) };
    await withDistances(6, async (distances) => {
      const one = await parzenEstimate(distances, sets);
      const seen: number[] = [];
      const onProgress = (done: number, total: number) => seen.push(done / total);
      const several = await Promise.all(
        inProcessGroup(3).map((group) => parzenEstimate(distances, sets, { group, onProgress })),
      );
      // 50 and 101 points are shares of 17 and 34 at most, three times which is more than all.
      expect(Math.max(...seen)).toBe(1);
      for (const found of several) {
        expect(found.sigma).toBe(one.sigma);
        expect(found.mean).toBeCloseTo(one.mean, 10);
        expect(found.standardError).toBeCloseTo(one.standardError, 10);
        expect(found.course.map(({ mean }) => mean)).toEqual(
          one.course.map(({ mean }) => expect.closeTo(mean, 10)),
        );
      }
    });
  });
});
