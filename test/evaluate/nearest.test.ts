import { describe, expect, it } from 'vitest';
import { openDistances, rowsAtOnce } from '../../src/evaluate/distances.js';
import { nearestExamples } from '../../src/evaluate/nearest.js';
import { randomRows } from '../../src/random/index.js';
import { ORT_NODE } from '../../src/train/ort-node.js';

const uniform = (count: number, size: number, seed: number) => ({
  count,
  size,
  data: randomRows(
    { kind: 'uniform', halfWidth: 1 },
    { count, width: size },
    { seed, stream: 'sampleLatents', start: 0 },
  ),
});

/** Examples in memory, as the search reads them. */
const source = ({ count, size, data }: ReturnType<typeof uniform>) => ({
  count,
  read: (first: number, n: number) => Float64Array.from(data.subarray(first * size, (first + n) * size)),
});

describe('squared distances', () => {
  it('are exact, and 0 from a point to itself', async () => {
    const distances = await openDistances(ORT_NODE, 2);
    const points = Float64Array.of(0, 0, 3, 4);
    const found = await distances.squared(points, distances.centres([0, 0, 3, 4, -1, 1]));
    expect([...found]).toEqual([0, 25, 2, 25, 0, 25]);
    await distances.release();
  });

  it('are computed in chunks of at most 64 MB', () => {
    expect(rowsAtOnce(784, 1024)).toBe(1024);
    expect(rowsAtOnce(3 * 256 * 256, 1024)).toBe(42);
    expect(rowsAtOnce(2 ** 24, 1024)).toBe(1);
  });

  it('refuse incomplete rows, and none', async () => {
    const distances = await openDistances(ORT_NODE, 3);
    expect(() => distances.centres([1, 2])).toThrow(/centres have 2 values: expected a multiple of 3/);
    expect(() => distances.centres([])).toThrow(/centres have 0 values/);
    const centres = distances.centres([1, 2, 3]);
    await expect(distances.squared(new Float64Array(4), centres)).rejects.toThrow(/points have 4 values/);
    await distances.release();
    await expect(openDistances(ORT_NODE, 0)).rejects.toThrow(/points have 0 values/);
  });
});

describe('nearest examples', () => {
  it('are those that a search one by one finds, among several chunks', async () => {
    const [samples, examples] = [uniform(7, 5, 1), uniform(2500, 5, 2)];
    const expected = Array.from({ length: samples.count }, (_, i) => {
      const lengths = Array.from({ length: examples.count }, (_, j) =>
        Math.hypot(
          ...Array.from({ length: 5 }, (_, k) => samples.data[i * 5 + k]! - examples.data[j * 5 + k]!),
        ),
      );
      const distance = Math.min(...lengths);
      return { index: lengths.indexOf(distance), distance };
    });
    const distances = await openDistances(ORT_NODE, 5);
    const found = await nearestExamples(distances, samples, source(examples));
    await distances.release();
    expect([...found.indices]).toEqual(expected.map(({ index }) => index));
    for (const [i, { distance }] of expected.entries()) expect(found.distances[i]).toBeCloseTo(distance, 12);
    expect(Math.max(...found.indices)).toBeGreaterThan(1024);
  });

  it('are the first of several alike', async () => {
    const distances = await openDistances(ORT_NODE, 1);
    const one = (...data: number[]) => ({ count: data.length, size: 1, data: Float32Array.from(data) });
    const found = await nearestExamples(distances, one(2, 9), source(one(1, 3, 3, 1)));
    expect([...found.indices]).toEqual([0, 1]);
    expect([...found.distances]).toEqual([1, 6]);
    await expect(nearestExamples(distances, one(2), source(one()))).rejects.toThrow(/there are none/);
    await distances.release();
  });
});
