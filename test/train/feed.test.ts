import { describe, expect, it } from 'vitest';
import { batchReader, drawNoise } from '../../src/train/feed.js';
import { datasetInMemory } from '../../src/train/index.js';

const COUNT = 150;
/** Image i is one pixel of value i. */
const dataset = datasetInMemory(
  { name: 'numbers', count: COUNT, shape: [1, 1, 1], sha256: '' },
  Uint8Array.from({ length: COUNT }, (_, i) => i),
);

describe('batches', () => {
  it('cover the data once an epoch, the last one holding what is left, as in gan.py', () => {
    const read = batchReader(dataset, 64, 1);
    const epoch = [read(0), read(1), read(2)];
    expect(epoch.map(({ size }) => size)).toEqual([64, 64, 22]);
    const seen = epoch.flatMap(({ samples }) => [...samples]);
    expect(seen.toSorted((a, b) => a - b)).toEqual(Array.from({ length: COUNT }, (_, i) => i));
    expect(seen).not.toEqual(seen.toSorted((a, b) => a - b));
  });

  it('come in another order in each epoch and for each seed', () => {
    const read = batchReader(dataset, COUNT, 1);
    expect(read(1).samples).not.toEqual(read(0).samples);
    expect(batchReader(dataset, COUNT, 2)(0).samples).not.toEqual(batchReader(dataset, COUNT, 1)(0).samples);
  });

  it('are a function of their number alone, so a run can start anywhere', () => {
    const inOrder = batchReader(dataset, 64, 7);
    const all = Array.from({ length: 9 }, (_, batch) => inOrder(batch).samples);
    expect(batchReader(dataset, 64, 7)(8).samples).toEqual(all[8]);
    expect(inOrder(2).samples).toEqual(all[2]);
  });
});

describe('noise', () => {
  const specs = [
    { name: 'z', kind: 'latents', size: 5, distribution: { kind: 'normal' } },
    { name: 'a', kind: 'mask', keep: 0.8, features: 301 },
    { name: 'b', kind: 'mask', keep: 0.5, features: 200 },
  ] as const;
  const draw = (run: number, size = 64) => drawNoise(specs, { run, batchSize: 64, size, seed: 3 });

  it('keeps mask entries with the asked probability', () => {
    const { a, b } = draw(0);
    const rate = (mask: ArrayLike<number>) => Array.from(mask).reduce((sum, x) => sum + x, 0) / mask.length;
    expect(new Set(a)).toEqual(new Set([0, 1]));
    // standard errors: 0.003 and 0.0045
    expect(Math.abs(rate(a!) - 0.8)).toBeLessThan(0.012);
    expect(Math.abs(rate(b!) - 0.5)).toBeLessThan(0.018);
  });

  it('belongs to the sample: a smaller batch has the first rows of a larger one', () => {
    const [all, some] = [draw(4), draw(4, 10)];
    for (const [name, width] of [
      ['z', 5],
      ['a', 301],
      ['b', 200],
    ] as const) {
      expect(some[name]).toEqual(all[name]!.subarray(0, 10 * width));
    }
  });

  it('is new in each run of a graph', () => {
    for (const name of ['z', 'a', 'b']) expect(draw(1)[name]).not.toEqual(draw(0)[name]);
  });
});
