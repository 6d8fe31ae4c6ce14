import { describe, expect, it } from 'vitest';
import { DEFAULT_CONFIG } from '../../src/train/config.js';
import { checkCheckpointSize, checkMemory } from '../../src/train/memory.js';
import { estimateMemory } from '../../src/train/memory-estimate.js';
import { PRESETS } from '../../src/train/presets.js';

const cifar = { ...DEFAULT_CONFIG, ...PRESETS['goodfellow-cifar-fc']!.settings };

describe('memory', () => {
  it('of the fully connected CIFAR-10 networks: 127 million parameters, with gradients, velocities and their copies', () => {
    // One copy of parameters and velocities takes 1.01 GB.
    const needed = estimateMemory(cifar, 50_000);
    expect(needed).toBeGreaterThan(5 * 1.01e9);
    expect(needed).toBeLessThan(8 * 1.01e9);
    // Of G's 89.4 million parameters three more copies, where they are averaged.
    const averaged = estimateMemory({ ...cifar, emaDecay: 0.999 }, 50_000);
    expect((averaged - needed) / (3 * 4 * 89.4e6)).toBeCloseTo(1, 2);
  });

  it('that is not there is refused in one line, before anything is made', () => {
    expect(() => checkMemory(cifar, 50_000, 50_000, 4 * 2 ** 30)).toThrow(
      /^this run needs about \S+ GiB of memory and the machine has 4.00 GiB .*reduce[^\n]*$/,
    );
    expect(() => checkMemory(cifar, 50_000, 50_000, 16 * 2 ** 30)).not.toThrow();
    expect(() => checkMemory(DEFAULT_CONFIG, 60_000, 60_000, 2 ** 30)).not.toThrow();
  });
});

describe('a checkpoint', () => {
  it.each(Object.keys(PRESETS))('of preset %s fits its file format', (name) => {
    expect(() => checkCheckpointSize({ ...DEFAULT_CONFIG, ...PRESETS[name]!.settings })).not.toThrow();
  });

  it('that would not is refused in one line before the training', () => {
    // 1024 x 1024 x 1024 weights in G's last layer, and two moments of Adam for each.
    expect(() => checkCheckpointSize({ ...DEFAULT_CONFIG, imageSize: 1024 })).toThrow(
      /^the generator has 1,07\d,\d+,\d+ parameters, 12.0 GiB with .*less than 2 GiB: reduce[^\n]*$/,
    );
  });
});

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

  it("of the paper's convolutional CIFAR-10 networks is near what three steps with a checkpoint took, 4691 MB", () => {
    const config = { ...DEFAULT_CONFIG, ...PRESETS['goodfellow-cifar-conv']!.settings };
    const estimate = estimateMemory(config, 50_000) / 2 ** 20;
    expect(estimate / 4691).toBeGreaterThan(0.9);
    expect(estimate / 4691).toBeLessThan(1.3);
  });

  it('grows with the batch as activations do', () => {
    const config = { ...DEFAULT_CONFIG, gan: 'dcgan', imageSize: 32 } as const;
    const at = (batchSize: number): number => estimateMemory({ ...config, batchSize }, 60_000);
    // 220,000 outputs for each sample of G alone, 4 bytes each, six of a kind.
    expect((at(1064) - at(64)) / 1000).toBeGreaterThan(220_000 * 4 * 6);
  });
});
