import { describe, expect, it } from 'vitest';
import { verifiedBatches } from '../../src/infer/batches.js';

const TILE = 8;
const trial = Float32Array.from({ length: TILE }, (_, i) => i + 1);

/** A model that doubles its one latent, and rounds otherwise in batches of some sizes. */
function model(differs: (size: number, row: number) => boolean) {
  const sizes: number[] = [];
  const run = async (z: Float32Array): Promise<Float32Array> => {
    sizes.push(z.length);
    return z.map((value, row) => value * (differs(z.length, row) ? 2 + 2 ** -20 : 2));
  };
  return { batches: verifiedBatches(run, () => trial, TILE), sizes };
}

describe('the batch for a few samples', () => {
  it('is the smallest power of two that holds them, when its bits are the tile’s', async () => {
    const { batches } = model(() => false);
    expect(await Promise.all([1, 2, 3, 4, 5, 8].map((n) => batches.sizeFor(n)))).toEqual([1, 2, 4, 4, 8, 8]);
  });

  it('passes over sizes that round otherwise', async () => {
    const { batches } = model((size) => size === 1 || size === 4);
    expect(await Promise.all([1, 2, 3].map((n) => batches.sizeFor(n)))).toEqual([2, 2, 8]);
  });

  it('sees a difference in a single row', async () => {
    const { batches } = model((size, row) => size === 4 && row === 3);
    expect(await batches.sizeFor(4)).toBe(TILE);
  });

  it('is looked for again after a failure', async () => {
    let fails = true;
    const run = async (z: Float32Array): Promise<Float32Array> => {
      if (fails) throw new Error('not now');
      return z;
    };
    const batches = verifiedBatches(run, () => trial, TILE);
    await expect(batches.sizeFor(1)).rejects.toThrow('not now');
    fails = false;
    expect(await batches.sizeFor(1)).toBe(1);
  });

  it('is looked for once', async () => {
    const { batches, sizes } = model(() => false);
    await batches.sizeFor(1);
    const runs = sizes.length;
    await batches.sizeFor(1);
    expect(sizes).toHaveLength(runs);
    expect(runs).toBe(4); // the tile, and its first, middle and last rows
  });
});
