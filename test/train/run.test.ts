import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DEFAULT_CONFIG, train } from '../../src/train/index.js';
import { idxFolder, temporaryFolder } from '../support/cli.js';

const config = {
  ...DEFAULT_CONFIG,
  gan: 'mlp',
  dataset: 'mnist',
  imageSize: 8,
  latentSize: 4,
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
    expect(heard).toEqual(['start 3', image(0), 'step 0', 'step 1', image(2), 'step 2']);
    expect(result).toMatchObject({ steps: 3, interrupted: false, generator: join(out, 'generator.onnx') });
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
});
