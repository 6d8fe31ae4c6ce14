import { describe, expect, it } from 'vitest';
import { DEFAULT_CONFIG } from '../../src/train/config.js';
import { estimateMemory } from '../../src/train/memory.js';

describe('the estimate of memory', () => {
  // Peaks of the process that `npm run bench` printed on linux x64, with 60,000 images of a byte a pixel.
  it.each([
    ['pytorch-gan', 28, 319],
    ['dcgan', 28, 452],
    ['dcgan', 32, 566],
  ] as const)('of %s at %i pixels is near what it took, %i MB', (gan, imageSize, measured) => {
    const estimate = estimateMemory({ ...DEFAULT_CONFIG, gan, imageSize }, 60_000) / 2 ** 20;
    expect(estimate / measured).toBeGreaterThan(0.8);
    expect(estimate / measured).toBeLessThan(1.5);
  });

  it('grows with the batch as activations do', () => {
    const config = { ...DEFAULT_CONFIG, gan: 'dcgan', imageSize: 32 } as const;
    const at = (batchSize: number): number => estimateMemory({ ...config, batchSize }, 60_000);
    // 220,000 outputs for each sample of G alone, 4 bytes each, six of a kind.
    expect((at(1064) - at(64)) / 1000).toBeGreaterThan(220_000 * 4 * 6);
  });
});
