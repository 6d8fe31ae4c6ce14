import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { buildGeneratorModel, networkParameters } from '../../src/export/index.js';
import { Generator } from '../../src/infer/index.js';
import { configGan } from '../../src/train/config.js';
import { EMA_INTERVAL, emaWeight } from '../../src/train/ema.js';
import { train } from '../../src/train/index.js';
import { readRunCheckpoint } from '../../src/train/resume.js';
import type { RunOptions } from '../../src/train/run-options.js';
import { idxFolder, temporaryFolder } from '../support/cli.js';
import { SMALL_CONFIG } from '../support/small-config.js';

const config = {
  ...SMALL_CONFIG,
  epochs: 1000,
  checkpointInterval: 100,
  sampleInterval: 70,
  emaDecay: 0.999,
} as const;

function runs() {
  const folder = temporaryFolder();
  const dataDir = idxFolder(64);
  return async (name: string, settings: object, options: Partial<RunOptions> = {}) => {
    const out = join(folder, name);
    const own = { ...config, ...settings };
    const result = await train({ config: own, out, dataDir, version: '0', threads: 1, keep: 10, ...options });
    return { out, result, resume: () => readRunCheckpoint(out) };
  };
}

const model = (out: string, name: string) => readFileSync(join(out, `${name}.onnx`)).toString('base64');

describe('the weight of a generator in the average', () => {
  it('is 1 for the first, falls with the steps done, and ends at that of the decay', () => {
    expect(EMA_INTERVAL).toBe(100);
    expect(emaWeight(0.9999, 100)).toBe(1);
    expect(emaWeight(0.9999, 500)).toBe(1 / 3);
    // 1 - 0.9999^100, by its series.
    expect(emaWeight(0.9999, 10_000_000)).toBeCloseTo(0.01 - 4950e-8 + 161_700e-12, 9);
    expect(emaWeight(0.5, 100_000)).toBeCloseTo(1, 15);
  });
});

describe('the averaged generator of a run', () => {
  it('is the mean of those of every 100th step, the later the heavier', async () => {
    const { out, result } = await runs()('run', { maxSteps: 530 });
    const last = await readRunCheckpoint(out);
    expect(last.step).toBe(530);
    // While the decay is still too slow, each weighs as much as steps were done.
    const shares = [1, 2, 3, 4, 5].map((steps) => steps / 15);
    const parts = await Promise.all(shares.map((_, i) => readRunCheckpoint(out, 100 * (i + 1))));
    const gan = configGan(config);
    for (const { name } of networkParameters(gan.generator)) {
      const found = last.ema!.get(name)!.data;
      for (let i = 0; i < found.length; i++) {
        const values = parts.map(({ state }) => state.get(name)!.data[i]!);
        const expected = values.reduce((sum, value, j) => sum + shares[j]! * value, 0);
        const scale = Math.max(...values.map(Math.abs));
        expect(Math.abs(found[i]! - expected)).toBeLessThanOrEqual(1e-6 * scale);
      }
    }
    const bytes = buildGeneratorModel(gan, last.ema!, { dataset: 'mnist', step: 530, version: '0' });
    expect(model(out, 'generator-ema')).toBe(Buffer.from(bytes).toString('base64'));
    expect(result.ema).toBe(join(out, 'generator-ema.onnx'));
    const generator = await Generator.load(result.ema!);
    expect((await generator.sample({ count: 3, seed: 1 })).shape).toEqual([1, 8, 8]);
    await generator.release();
    expect(existsSync(join(out, 'samples-ema.png'))).toBe(true);
    expect(readFileSync(join(out, 'report.html'), 'utf8')).toContain('generator-ema.onnx');
  });

  it('leaves training as it is, and does not depend on how steps are run or where they are resumed', async () => {
    const run = runs();
    const whole = await run('whole', { maxSteps: 330 });
    const none = await run('none', { maxSteps: 330, emaDecay: 0 });
    expect(model(none.out, 'generator')).toBe(model(whole.out, 'generator'));
    expect(model(whole.out, 'generator-ema')).not.toBe(model(whole.out, 'generator'));
    expect(existsSync(join(none.out, 'generator-ema.onnx'))).toBe(false);
    expect(none.result).not.toHaveProperty('ema');

    const single = await run('single', { maxSteps: 330 }, { stepsPerCall: 1 });
    expect(model(single.out, 'generator-ema')).toBe(model(whole.out, 'generator-ema'));

    const parts = await run('parts', { maxSteps: 50 });
    for (const maxSteps of [250, 330]) await run('parts', { maxSteps }, { resume: await parts.resume() });
    expect(model(parts.out, 'generator-ema')).toBe(model(whole.out, 'generator-ema'));
  });

  it('may begin in a run that goes on, and end there', async () => {
    const run = runs();
    const { out, resume } = await run('run', { maxSteps: 200, emaDecay: 0 });
    await run('run', { maxSteps: 230 }, { resume: await resume() });
    // No 100th step has come yet: the average would be empty.
    expect(model(out, 'generator-ema')).toBe(model(out, 'generator'));
    await run('run', { maxSteps: 330 }, { resume: await resume() });
    const { ema } = await resume();
    const { state } = await readRunCheckpoint(out, 300);
    const { generator } = configGan(config);
    for (const { name } of networkParameters(generator))
      expect(ema!.get(name)!.data).toEqual(state.get(name)!.data);
    await run('run', { maxSteps: 340, emaDecay: 0 }, { resume: await resume() });
    for (const name of ['generator-ema.onnx', 'samples-ema.png'])
      expect(existsSync(join(out, name))).toBe(false);
    expect((await resume()).ema).toBeUndefined();
  });

  it('must be where the checksums of its checkpoint name it', async () => {
    const { out, resume } = await runs()('run', { maxSteps: 100 });
    rmSync(join(out, 'checkpoints', '100', 'generator-ema.checkpoint'));
    await expect(resume()).rejects.toThrow(/generator-ema\.checkpoint does not exist/);
  });

  it.each([1, -0.1, Number.NaN, '0.5'])('is refused with a decay of %s', async (emaDecay) => {
    const ended = runs()('run', { maxSteps: 1, emaDecay });
    await expect(ended).rejects.toThrow(
      /emaDecay is .*: expected a number from 0 up to, but not including, 1/,
    );
  });
});
