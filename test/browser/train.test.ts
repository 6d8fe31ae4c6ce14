import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTrainer, DEFAULT_CONFIG, datasetInMemory, type RunConfig } from '../../src/train/index.js';
import { createSessionEngine } from '../../src/train/session-engine.js';
import { findChromium, type OpenBrowser, openPage, runInPage } from '../support/browser.js';
import { hash32 } from '../support/hash.js';
import { norm, relativeError } from '../support/numbers.js';

const STEPS = 20;
const COUNT = 64;
const config: RunConfig = {
  ...DEFAULT_CONFIG,
  gan: 'mlp',
  imageSize: 8,
  latentSize: 8,
  batchSize: 16,
  seed: 4,
};
const description = {
  name: 'noise',
  count: COUNT,
  shape: [1, 8, 8] as [number, number, number],
  sha256: '',
};
const images = Array.from({ length: COUNT * 64 }, (_, i) => hash32(i, 1) >>> 24);

/** Chromium's own software GPU. */
const SOFTWARE_GPU = [
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  '--enable-features=Vulkan',
];

interface Found {
  losses: [number, number, number][];
  weights: number[];
  isolated?: boolean;
  message?: string;
}

describe.skipIf(findChromium() === undefined)('createTrainer in Chromium', () => {
  let browser: OpenBrowser;
  let expected: { losses: [number, number, number][]; weights: ArrayLike<number> };
  beforeAll(async () => {
    browser = await openPage(SOFTWARE_GPU);
    const dataset = datasetInMemory(description, Uint8Array.from(images));
    const trainer = await createTrainer({ config, dataset, engine: createSessionEngine });
    const losses: [number, number, number][] = [];
    for (let step = 0; step < STEPS; step++) {
      const { metrics } = await trainer.step();
      losses.push([step, metrics!.d_loss, metrics!.g_loss]);
    }
    expected = { losses, weights: (await trainer.readState()).get('generator.0.weight')!.data };
    await trainer.close();
  });
  afterAll(() => browser?.close());

  const run = (device: string, threads: number, lose = false): Promise<Found> =>
    runInPage<Found>(browser, '/test/browser/train-page.mjs', {
      ...{ device, config, description, images, threads, lose },
      steps: STEPS,
    });

  function check({ losses, weights }: Found): void {
    expect(losses.map(([step]) => step)).toEqual([0, 4, 8, 12, 16]);
    for (const [step, dLoss, gLoss] of losses) {
      const [, d, g] = expected.losses[step]!;
      expect(relativeError([dLoss], [d])).toBeLessThan(1e-3);
      expect(relativeError([gLoss], [g])).toBeLessThan(1e-3);
    }
    const difference = weights.map((x, i) => x - expected.weights[i]!);
    expect(norm(difference) / norm(expected.weights)).toBeLessThan(1e-3);
  }

  it('trains on WASM with threads, in a page that is cross-origin isolated, as Node does', async () => {
    const found = await run('wasm', 2);
    expect(found.isolated).toBe(true);
    check(found);
  }, 120_000);

  it('trains dcgan on WASM as Node does', async () => {
    const small = { ...config, gan: 'dcgan' as const, batchSize: 4 };
    const dataset = datasetInMemory(description, Uint8Array.from(images));
    const trainer = await createTrainer({ config: small, dataset, engine: createSessionEngine });
    const { metrics } = await trainer.step();
    await trainer.close();
    const given = { device: 'wasm', config: small, description, images, threads: 1, lose: false, steps: 2 };
    const found = await runInPage<Found>(browser, '/test/browser/train-page.mjs', given);
    const [[, dLoss, gLoss]] = found.losses as [[number, number, number]];
    expect(relativeError([dLoss, gLoss], [metrics!.d_loss, metrics!.g_loss])).toBeLessThan(1e-3);
  }, 120_000);

  it('trains on WebGPU as Node does, and says so when the GPU is lost', async () => {
    const found = await run('webgpu', 1, true);
    check(found);
    expect(found.message).toMatch(
      /^UserError: the GPU was lost \(destroyed: .*\): the last checkpoint is intact/,
    );
  }, 240_000);
});
