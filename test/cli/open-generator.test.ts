import { describe, expect, it } from 'vitest';
import { checkSampleMemory } from '../../src/cli/open-generator.js';
import type { Generator } from '../../src/infer/index.js';
import { availableMemory } from '../../src/system/memory.js';

describe('batches that are drawn at once', () => {
  it('need memory for all that the model draws at once', () => {
    const latentSize = 2 ** 10;
    const samples = Math.ceil(availableMemory() / (latentSize * 4));
    const of = (batch: number) => ({
      description: { image: [1, 1, 1], latentSize, batch, fixedBatch: true },
    });
    const check = (batch: number) => () =>
      checkSampleMemory(of(batch) as unknown as Generator, { batchSize: 1, count: 1 });
    expect(check(64)).not.toThrow();
    expect(check(2 * samples)).toThrow(/these samples need about .* of memory/);
  });
});
