import { describe, expect, it } from 'vitest';
import { batchesOf, drawSize } from '../../src/infer/draw-batches.js';

describe('batches', () => {
  it.each([
    // A model that takes 1000 at once: two runs of it, not one for each 256.
    [{ batch: 1000, fixedBatch: true }, { start: 0, count: 2000 }, 256, [1000, 1000]],
    [{ batch: 1000, fixedBatch: true }, { start: 10, count: 2000 }, 1001, [1990, 10]],
    [{ batch: 1000, fixedBatch: true }, { start: 0, count: 30 }, 256, [30]],
    [{ batch: 3, fixedBatch: true }, { start: 1, count: 9 }, 4, [5, 4]],
    [{ batch: 64, fixedBatch: false }, { start: 10, count: 200 }, 100, [54, 64, 64, 18]],
    [{ batch: 64, fixedBatch: false }, { start: 0, count: 5 }, 2, [2, 2, 1]],
  ])('of %j for %j, %j at once, end at whole runs of the model', (model, range, size, counts) => {
    const batches = [...batchesOf(range, drawSize(model, size), model.batch)];
    expect(batches.map(({ count }) => count)).toEqual(counts);
    expect(batches[0]!.start).toBe(range.start);
  });
});
