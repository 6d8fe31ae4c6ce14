import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { runCampaign } from './campaign.js';

/** FUZZ_MUTANTS=200000 FUZZ_SEED=2 npx vitest run test/fuzz is a longer look at other mutants. */
const MUTANTS = Number(process.env.FUZZ_MUTANTS ?? 10_000);
const SEED = Number(process.env.FUZZ_SEED ?? 1);

const script = (name: string) => fileURLToPath(new URL(name, import.meta.url));

describe('damaged checkpoints and .onnx files', () => {
  it(`${MUTANTS} of them load or give a clear error; none crashes, hangs or takes 1 GB`, {
    timeout: 60_000 + 60 * MUTANTS,
  }, async () => {
    const { outcomes, failures, megabytes } = await runCampaign({
      script: script('try-mutants.mjs'),
      seed: SEED,
      mutants: MUTANTS,
      children: 2,
      slice: 1250,
      limits: { seconds: 10, megabytes: 1000 },
    });
    console.info(`fuzz: ${JSON.stringify(outcomes)}, at most ${megabytes} MB`);
    expect(failures).toEqual([]);
    expect(outcomes.loaded! + outcomes.refused!).toBe(MUTANTS);
    // Damage that is always noticed at once, or never, would test little.
    expect(outcomes.loaded).toBeGreaterThan(0.03 * MUTANTS);
    expect(outcomes.refused).toBeGreaterThan(0.5 * MUTANTS);
  });
});

describe('a campaign', () => {
  it('notices crashes, hangs, wrong errors and too much memory, and goes on after each', async () => {
    const { outcomes, failures } = await runCampaign({
      script: script('misbehave.mjs'),
      seed: 9,
      mutants: 7,
      children: 1,
      slice: 7,
      limits: { seconds: 1, megabytes: 1000 },
    });
    expect(failures.map(({ command }) => command)).toEqual(
      [1, 2, 3, 4, 5].map((mutant) => `node test/fuzz/try-mutants.mjs 9 ${mutant}`),
    );
    const expected = [/SIGABRT/, /TypeError: x is undefined/, /no end after 1 s/, /5000 MB/, /exit code 3/];
    for (const [i, { what }] of failures.entries()) expect(what).toMatch(expected[i]!);
    expect(outcomes).toEqual({ loaded: 1, failed: 1, refused: 2 });
  });
});
