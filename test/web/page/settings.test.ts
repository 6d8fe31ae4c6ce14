/** What can be chosen on the playground's page, and what is said of the rest. */

import { describe, expect, it } from 'vitest';
import { GANS } from '../../../src/export/index.js';
import { DATA_KINDS, defaultsFor, NETWORKS, OPENING } from '../../../web/playground/page/choices.js';
import { explorerLatents, ON_THE_WAY } from '../../../web/playground/page/explorer-latents.js';
import { withMessage } from '../../../web/playground/page/messages.js';
import { shown } from '../../../web/playground/page/numbers.js';
import { pointsAsText, pointsFromText } from '../../../web/playground/page/points-text.js';
import { problemsOf } from '../../../web/playground/page/problems.js';
import type { DataChoice, Settings } from '../../../web/playground/protocol.js';
import { configOfSettings } from '../../../web/playground/worker/settings.js';

const CHOICES: DataChoice[] = [
  { kind: 'points', name: 'mixture-1d' },
  { kind: 'points', name: 'ring' },
  { kind: 'drawn', dimension: 1, points: Float32Array.of(1) },
  { kind: 'drawn', dimension: 2, points: Float32Array.of(1, 2) },
  { kind: 'digits' },
  { kind: 'images', files: [new File(['x'], 'a.png')] },
];

describe('settings', () => {
  it('begin with what can be trained, for every kind of data', () => {
    expect(CHOICES).toHaveLength(Object.keys(DATA_KINDS).length);
    for (const data of CHOICES) {
      const settings = defaultsFor(data, OPENING);
      expect(problemsOf(settings, undefined)).toEqual({});
      expect(() => configOfSettings(settings)).not.toThrow();
    }
  });

  it('have a network for images only if it is in the table of networks, and can be trained', () => {
    const data: DataChoice = { kind: 'digits' };
    for (const [network, { usual }] of Object.entries(NETWORKS)) {
      expect(Object.keys(GANS)).toContain(network);
      const settings = { ...defaultsFor(data, OPENING), network, ...usual } as Settings;
      expect(problemsOf(settings, undefined)).toEqual({});
      expect(() => configOfSettings(settings)).not.toThrow();
    }
  });

  it('say in one line what is impossible', () => {
    const images = defaultsFor({ kind: 'images', files: [] }, OPENING);
    const cases: [Partial<Settings>, keyof Settings][] = [
      [{ batchSize: 0 }, 'batchSize'],
      [{ batchSize: Number.NaN }, 'batchSize'],
      [{ k: 1.5 }, 'k'],
      [{ learningRate: 0 }, 'learningRate'],
      [{ momentum: 1 }, 'momentum'],
      [{ device: 'training-api', optimizer: 'sgd' }, 'device'],
      [{ data: { kind: 'drawn', dimension: 1, points: new Float32Array() } }, 'data'],
    ];
    for (const [changes, at] of cases) {
      expect(Object.keys(problemsOf({ ...OPENING, ...changes }, undefined))).toEqual([at]);
    }
    expect(problemsOf({ ...images, network: 'dcgan', imageSize: 30 }, images)).toHaveProperty('network');
    // The images of the open run do again, in their own size.
    expect(problemsOf(images, undefined)).toHaveProperty('data');
    expect(problemsOf({ ...images, k: 2 }, images)).toEqual({});
    expect(problemsOf({ ...images, imageSize: 64 }, images)).toHaveProperty('data');
  });
});

describe('points as text', () => {
  it('come back as they were written', () => {
    expect(pointsFromText('1 2\n\n -0.5,3', 2)).toEqual(Float32Array.of(1, 2, -0.5, 3));
    expect(pointsFromText('1 2 3', 1)).toEqual(Float32Array.of(1, 2, 3));
    expect(pointsFromText(pointsAsText(Float32Array.of(1.25, -3), 2), 2)).toEqual(Float32Array.of(1.25, -3));
  });

  it('are refused with their line', () => {
    expect(pointsFromText('1 2\nx', 2)).toBe('Line 2 has something else than numbers.');
    expect(pointsFromText('1', 2)).toBe('Line 1: expected two numbers, x and y.');
    expect(pointsFromText('9', 1)).toBe('Line 1: expected numbers from -3.2 to 3.2.');
    expect(pointsFromText('1\n'.repeat(501), 1)).toBe('Expected at most 500 points.');
  });
});

describe('the explorer’s latents', () => {
  const info = { source: 'run', latentSize: 3, distribution: 'normal' } as const;

  it('begin with the place, and go from the first end to the second', () => {
    const at = (way: number) => explorerLatents(info, { from: 1, to: 2, way, shifts: [] });
    const [start, end] = [at(0), at(1)];
    expect(start).toHaveLength((1 + ON_THE_WAY) * 3);
    expect(start.subarray(0, 3)).toEqual(start.subarray(3, 6));
    expect(end.subarray(0, 3)).toEqual(end.subarray(-3));
    expect(start.subarray(0, 3)).not.toEqual(end.subarray(0, 3));
  });

  it('are shifted in the components of the sliders alone', () => {
    const plain = explorerLatents(info, { from: 1, to: 2, way: 0.5, shifts: [] });
    const moved = explorerLatents(info, { from: 1, to: 2, way: 0.5, shifts: [0, 2] });
    expect(moved.map((z, i) => z - plain[i]!).slice(0, 6)).toEqual(Float32Array.of(0, 2, 0, 0, 2, 0));
  });
});

describe('messages', () => {
  it('are at most four, each once, on one line, without control characters', () => {
    let messages = withMessage([], 'note', 'a');
    for (const text of ['b', 'c', 'd', 'b', 'e\u202e\nf']) messages = withMessage(messages, 'problem', text);
    expect(messages.map(({ text }) => text)).toEqual(['c', 'd', 'b', 'e\\u{202e} f']);
    expect(new Set(messages.map(({ id }) => id)).size).toBe(4);
  });
});

describe('numbers', () => {
  it('have two or three digits, and no minus before nought', () => {
    expect([0, -0.0001, 0.0123, 0.5, -1.234, 12.34, 123.4, Number.NaN].map(shown)).toEqual([
      '0.00',
      '0.000',
      '0.012',
      '0.50',
      '−1.23',
      '12.3',
      '123',
      'not a number',
    ]);
  });
});
