import { describe, expect, it } from 'vitest';
import { DEFAULT_CONFIG, type RunConfig } from '../../src/train/index.js';
import { runFacts } from '../../src/train/shared-run.js';

const factsOf = (config: RunConfig) =>
  runFacts({ config, version: '0', data: 'a'.repeat(64), step: 0, logInterval: 1 });

/** As many points as may be drawn by hand, with all their digits. */
const drawnWith = (last: number): RunConfig => ({
  ...DEFAULT_CONFIG,
  drawn: { dimension: 2, points: [...Array.from({ length: 999 }, (_, i) => Math.sin(i)), last] },
});

describe('runFacts', () => {
  it('is short enough to be told, whatever the settings are, and still differs in every number', () => {
    const [one, other] = [factsOf(drawnWith(0.1)), factsOf(drawnWith(0.2))];
    expect(JSON.stringify(one).length).toBeLessThan(4000);
    expect(one.drawn).not.toBe(other.drawn);
    expect({ ...one, drawn: '' }).toEqual({ ...other, drawn: '' });
  });

  it('tells settings as they are written', () => {
    expect(factsOf(DEFAULT_CONFIG)).toMatchObject({
      batchSize: '64',
      gan: '"pytorch-gan"',
      'log interval': '1',
    });
  });
});
