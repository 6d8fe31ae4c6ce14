import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createSessionEngine, createTrainer, openDataset, train } from '../../src/train/index.js';
import { readRunCheckpoint } from '../../src/train/resume.js';
import { idxFolder, temporaryFolder } from '../support/cli.js';
import { SMALL_CONFIG } from '../support/small-config.js';

const config = {
  ...SMALL_CONFIG,
  maxSteps: 3,
} as const;

describe('a run', () => {
  it('that is ended before its first step writes nothing, and says why', async () => {
    const out = join(temporaryFolder(), 'run');
    const reason = new Error('changed my mind');
    const signal = AbortSignal.abort(reason);
    await expect(train({ config, out, dataDir: idxFolder(64), version: '0', signal })).rejects.toBe(reason);
    expect(existsSync(out)).toBe(false);
  });

  it('tells its start, every step and every picture', async () => {
    const out = join(temporaryFolder(), 'run');
    const heard: string[] = [];
    const result = await train({
      config: { ...config, sampleInterval: 2 },
      out,
      dataDir: idxFolder(64),
      version: '0',
      on: {
        start: ({ length }) => heard.push(`start ${length.steps}`),
        step: ({ step }) => heard.push(`step ${step}`),
        image: (path) => heard.push(path),
      },
    });
    const image = (step: number) => join(out, 'images', `${step}.png`);
    // Pictures are written while training goes on.
    expect(heard.filter((what) => !what.endsWith('.png'))).toEqual(['start 3', 'step 0', 'step 1', 'step 2']);
    expect(heard.filter((what) => what.endsWith('.png'))).toEqual([image(0), image(2)]);
    for (const step of [0, 2]) expect(existsSync(image(step))).toBe(true);
    expect(result).toMatchObject({ steps: 3, interrupted: false, generator: join(out, 'generator.onnx') });
  });

  it('ends when a picture cannot be written, with the reason', async () => {
    const out = join(temporaryFolder(), 'run');
    const ended = train({
      config: { ...config, sampleInterval: 2, maxSteps: 9 },
      out,
      dataDir: idxFolder(64),
      version: '0',
      on: {
        step: ({ step }) => {
          if (step === 0) rmSync(join(out, 'images'), { recursive: true });
        },
      },
    });
    await expect(ended).rejects.toThrow(/images\/\d\.png does not exist: it was not written/);
    expect(readFileSync(join(out, 'report.html'), 'utf8')).toContain('it was not written');
  });

  it.each([
    [{ gan: 'constructor' }, /gan is constructor: expected one of pytorch-gan, .*mlp/],
    [{ k: 1001, schedule: 'd-first' }, /k is 1001: expected at most 1000/],
    [{ batchSize: 2.5 }, /batchSize is 2.5: expected a whole number/],
  ])('is refused for settings that code could pass: %j', async (settings, message) => {
    const out = join(temporaryFolder(), 'run');
    const bad = { ...config, ...settings } as unknown as typeof config;
    await expect(train({ config: bad, out, dataDir: idxFolder(64), version: '0' })).rejects.toThrow(message);
    expect(existsSync(out)).toBe(false);
  });

  it('on the first images says so, and knows them by a digest of their own', async () => {
    const out = join(temporaryFolder(), 'run');
    const dataDir = idxFolder(64);
    await train({ config: { ...config, trainImages: 40 }, out, dataDir, version: '0' });
    const { data } = JSON.parse(readFileSync(join(out, 'config.json'), 'utf8'));
    expect(data).toMatchObject({ name: 'mnist', count: 40 });
    const whole = await openDataset('mnist', { imageSize: 8, channels: 1, dataDir });
    expect(data.sha256).not.toBe(whole.description.sha256);
  });

  it('that changes its objective computes the same when it is stopped and resumed on the way', async () => {
    const folder = temporaryFolder();
    const dataDir = idxFolder(64);
    const run = async (name: string, settings: object, resume = false) => {
      const out = join(folder, name);
      const from = resume ? { resume: await readRunCheckpoint(out) } : {};
      await train({ config: { ...config, ...settings }, out, dataDir, version: '0', ...from });
      return readFileSync(join(out, 'generator.onnx'));
    };
    const whole = await run('whole', { maxSteps: 6, lossSwitchStep: 3 });
    await run('parts', { maxSteps: 2, lossSwitchStep: 3 });
    expect((await run('parts', { maxSteps: 6, lossSwitchStep: 3 }, true)).equals(whole)).toBe(true);
    expect((await run('never', { maxSteps: 6 })).equals(whole)).toBe(false);
    expect(
      (await run('late', { maxSteps: 6, lossSwitchStep: 6 })).equals(await run('none', { maxSteps: 6 })),
    ).toBe(true);
  });

  it.each([
    [{ lossSwitchStep: 5 }, /--engine training-api cannot do --loss-switch-step.*: use --engine session$/],
    [{ gan: 'goodfellow-cifar-fc' }, /--engine training-api cannot do --network goodfellow-cifar-fc/],
  ] as const)(
    'of the training API is refused for what its models cannot do: %j',
    async (settings, message) => {
      const out = join(temporaryFolder(), 'run');
      const options = { config: { ...config, ...settings }, out, dataDir: idxFolder(64), version: '0' };
      await expect(train({ ...options, engine: 'training-api' })).rejects.toThrow(message);
      expect(existsSync(out)).toBe(false);
    },
  );

  it('of goodfellow-mnist begins with the mean of the images that it trains on', async () => {
    const dataset = await openDataset('mnist', { imageSize: 8, channels: 1, dataDir: idxFolder(64) });
    const trainer = await createTrainer({
      config: { ...config, gan: 'goodfellow-mnist' },
      dataset,
      engine: createSessionEngine,
    });
    const bias = (await trainer.readState()).get('generator.4.bias')!.data;
    await trainer.close();
    const images = new Uint8Array(64 * 64);
    dataset.read(
      Uint32Array.from({ length: 64 }, (_, i) => i),
      images,
    );
    for (const pixel of [0, 9, 36, 63]) {
      let sum = 0;
      for (let i = 0; i < 64; i++) sum += images[i * 64 + pixel]! / 255;
      expect(1 / (1 + Math.exp(-bias[pixel]!))).toBeCloseTo(sum / 64, 5);
    }
  });
});
