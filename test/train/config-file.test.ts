import { describe, expect, it } from 'vitest';
import { DEFAULT_CONFIG, type RunConfig } from '../../src/train/config.js';
import { configDifferences, configHash, parseConfig } from '../../src/train/config-file.js';
import { PRESETS } from '../../src/train/presets.js';

const config: RunConfig = { ...DEFAULT_CONFIG, maxSteps: 10, trainImages: 500, lossSwitchStep: 7 };

describe('the text of a configuration', () => {
  it('has the hash that runs have been named by since the first version with checkpoints', () => {
    expect(configHash(DEFAULT_CONFIG)).toBe(
      'a6029a7c77da9d2cc446b9b766cd14c23e67a9787693c254b81def34fad7b2c3',
    );
  });

  it('is read back as it was, without what is not a setting', () => {
    const text = JSON.stringify({ version: '0.1.0', ...config, data: { name: 'digits' } });
    expect(parseConfig(text)).toEqual(config);
  });

  it('of a version without checkpoints takes their default', () => {
    const { checkpointInterval, ...older } = config;
    expect(parseConfig(JSON.stringify(older))?.checkpointInterval).toBe(checkpointInterval);
  });

  it.each([
    ['no JSON', '{'],
    ['a list', '[]'],
    ['a missing setting', JSON.stringify({ ...config, seed: undefined })],
    ['a setting of another type', JSON.stringify({ ...config, batchSize: '64' })],
    ['a value out of range', JSON.stringify({ ...config, batchSize: 0 })],
    ['an optional value out of range', JSON.stringify({ ...config, trainImages: -1 })],
    ['an optional value of another type', JSON.stringify({ ...config, lossSwitchStep: '7' })],
    ['a network that code could mistake for one', JSON.stringify({ ...config, gan: 'constructor' })],
    ['no optimiser', JSON.stringify({ ...config, optimizer: null })],
    ['an unknown optimiser', JSON.stringify({ ...config, optimizer: { kind: 'toString' } })],
    [
      'an optimiser without its rate',
      JSON.stringify({ ...config, optimizer: { kind: 'adam', b1: 0, b2: 0, eps: 0 } }),
    ],
    [
      'an unknown schedule',
      JSON.stringify({ ...config, optimizer: { ...config.optimizer, learningRate: { kind: 'x' } } }),
    ],
  ])('is refused for %s', (_, text) => {
    expect(parseConfig(text)).toBeUndefined();
  });
});

describe('two configurations', () => {
  it('are the same run however long it goes on and whatever it shows', () => {
    const longer = { ...config, epochs: 7, maxSteps: 90, sampleInterval: 3, checkpointInterval: 5 };
    expect(configDifferences(config, longer)).toEqual([]);
    expect(configHash(longer)).toBe(configHash(config));
  });

  it.each(['trainImages', 'lossSwitchStep'] as const)('that differ in %s are not the same run', (name) => {
    const { [name]: _, ...without } = config;
    expect(configDifferences(without, config)).toEqual([`${name} was not set and is now ${config[name]}`]);
    expect(configHash(without)).not.toBe(configHash(config));
  });

  it('every preset is read back as it was', () => {
    for (const { settings } of Object.values(PRESETS)) {
      const preset = { ...DEFAULT_CONFIG, ...settings };
      expect(parseConfig(JSON.stringify(preset))).toEqual(preset);
    }
  });

  it('that differ are told apart by name and values', () => {
    const other: RunConfig = {
      ...config,
      batchSize: 32,
      optimizer: {
        kind: 'sgd',
        learningRate: { kind: 'constant', value: 0.1 },
        momentum: { kind: 'constant', value: 0 },
      },
    };
    expect(configDifferences(config, other)).toEqual(
      expect.arrayContaining([
        'batchSize was 64 and is now 32',
        'optimizer.kind was adam and is now sgd',
        'optimizer.b1 was 0.5 and is now not set',
        'optimizer.learningRate.value was 0.0002 and is now 0.1',
      ]),
    );
    expect(configHash(other)).not.toBe(configHash(config));
  });
});
