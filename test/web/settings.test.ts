/** What the visitor chooses, as a run's configuration, and back. */

import { describe, expect, it } from 'vitest';
import { DRAWN_RANGE, MAX_DRAWN } from '../../src/train/data/points/drawn.js';
import type { Settings } from '../../web/playground/protocol.js';
import { configOfSettings, settingsOfConfig } from '../../web/playground/worker/settings.js';
import { DIGITS, IMAGES, POINTS } from '../support/playground-settings.js';

const DRAWN: Settings = {
  ...POINTS,
  data: { kind: 'drawn', dimension: 2, points: Float32Array.of(0.5, -1, DRAWN_RANGE[0], DRAWN_RANGE[1]) },
  latentSize: 2,
};

describe('settings', () => {
  it.each([
    ['points', POINTS],
    ['drawn points', DRAWN],
    ['digits', { ...DIGITS, units: 32 }],
    ['images', { ...IMAGES, units: 32 }],
    ['SGD', { ...POINTS, optimizer: 'sgd', learningRate: 0.1, momentum: 0.9 }],
  ] as const)('of %s come back from their configuration', (_, settings) => {
    const back = settingsOfConfig(configOfSettings(settings), settings.device);
    if (settings.data.kind !== 'drawn') expect(back).toEqual(settings);
    // Coordinates are rounded to 4 digits.
    else expect(back.data).toMatchObject({ points: Float32Array.of(0.5, -1, -3.2, 3.2) });
  });

  it('that are impossible are refused in one line', () => {
    const refusal = (changes: Partial<Settings>) => () => configOfSettings({ ...POINTS, ...changes });
    const drawn = (points: Float32Array) => refusal({ data: { kind: 'drawn', dimension: 1, points } });
    expect(refusal({ k: 0 })).toThrow('k is 0');
    expect(refusal({ learningRate: Number.NaN })).toThrow('learning rate is NaN');
    expect(refusal({ network: 'dcgan' })).toThrow(
      'dataset mixture-1d is made of points, and gan dcgan is not',
    );
    expect(refusal({ data: { kind: 'digits' } })).toThrow('dataset digits is made of images');
    expect(drawn(new Float32Array())).toThrow('0 points are drawn: expected 1 to');
    expect(drawn(new Float32Array(MAX_DRAWN + 1))).toThrow(`expected 1 to ${MAX_DRAWN}`);
    expect(drawn(Float32Array.of(9))).toThrow('a drawn point has coordinate 9');
    expect(drawn(Float32Array.of(Number.NaN))).toThrow('a drawn point has coordinate NaN');
    const colour = () => configOfSettings({ ...DIGITS, channels: 3 });
    expect(colour).toThrow('digits have 1 channel, not 3');
  });

  it('of a run on data that a page has not got are refused', () => {
    const config = { ...configOfSettings(DIGITS), dataset: 'mnist' };
    expect(() => settingsOfConfig(config, 'auto')).toThrow(
      'this run is on mnist, which a page does not have',
    );
  });
});
