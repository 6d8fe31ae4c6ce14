import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildStepGraph, GANS, initialState } from '../../src/export/index.js';
import { drawNoise } from '../../src/train/feed.js';
import { createSessionEngine } from '../../src/train/index.js';
import { findChromium, type OpenBrowser, openPage, runInPage } from '../support/browser.js';
import { hash32 } from '../support/hash.js';
import { norm, relativeError } from '../support/numbers.js';

const STEPS = 20;
const BATCH = 16;
const SEED = 2;
const SIZE = { image: [1, 8, 8] as [number, number, number], latentSize: 8 };
const OPTIMIZER = {
  kind: 'adam' as const,
  learningRate: { kind: 'constant' as const, value: 5e-4 },
  b1: 0.5,
  b2: 0.999,
  eps: 1e-8,
};
const BATCHES = Array.from({ length: STEPS }, (_, step) =>
  Array.from({ length: BATCH * 64 }, (__, i) => hash32(i, step) >>> 24),
);

/** The same training by the session engine in Node. */
async function reference(): Promise<{ losses: number[]; weights: Float32Array }> {
  const gan = GANS.mlp(SIZE);
  const graph = buildStepGraph('joint', { gan, optimizer: OPTIMIZER, generatorLoss: 'nonsaturating' });
  const state = initialState(gan, 'adam', SEED);
  const engine = await createSessionEngine({ graphs: [graph], state, image: gan.image });
  const losses: number[] = [];
  for (const [run, batch] of BATCHES.entries()) {
    const noise = drawNoise(graph.noise, { run, batchSize: BATCH, size: BATCH, seed: SEED });
    const { metrics } = await engine.run('joint', { batchSize: BATCH, noise, real: Uint8Array.from(batch) });
    losses.push(metrics.d_loss!, metrics.g_loss!);
  }
  const weights = (await engine.readState()).get('generator.0.weight')!.data as Float32Array;
  await engine.close();
  return { losses, weights };
}

describe.skipIf(findChromium() === undefined)('the training-api engine in Chromium', () => {
  let browser: OpenBrowser;
  beforeAll(async () => {
    browser = await openPage();
  });
  afterAll(() => browser?.close());

  it(`trains ${STEPS} steps from the same source as in Node, and agrees with the session engine`, async () => {
    const expected = await reference();
    const found = await runInPage<{ losses: number[]; weights: number[] }>(
      browser,
      '/test/browser/training-api-page.mjs',
      {
        options: { size: SIZE, optimizer: OPTIMIZER, generatorLoss: 'nonsaturating' },
        batches: BATCHES,
        batchSize: BATCH,
        seed: SEED,
      },
    );
    expect(found.losses).toHaveLength(2 * STEPS);
    for (const [i, loss] of found.losses.entries())
      expect(relativeError([loss], [expected.losses[i]!])).toBeLessThan(1e-4);
    const difference = found.weights.map((x, i) => x - expected.weights[i]!);
    expect(norm(difference) / norm(expected.weights)).toBeLessThan(1e-3);
  });
});
