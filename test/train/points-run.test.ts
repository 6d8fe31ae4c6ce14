/** Toy data as a dataset of a run: configuration, training, and what the page shares with Node. */

import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  configGan,
  DEFAULT_CONFIG,
  pointDefaults,
  type RunConfig,
  validateConfig,
} from '../../src/train/config.js';
import { configDifferences, parseConfig } from '../../src/train/config-file.js';
import { DIGIT_COUNT, digitsOnDemand, drawDigit } from '../../src/train/data/digits.js';
import { openPoints } from '../../src/train/data/points/dataset.js';
import { POINT_DISTRIBUTIONS } from '../../src/train/data/points/distributions.js';
import { DRAWN, drawnDistribution, MAX_DRAWN } from '../../src/train/data/points/drawn.js';
import { decodeRunCheckpoint, encodeRunCheckpoint } from '../../src/train/run-checkpoint.js';
import { createSessionEngine } from '../../src/train/session-engine.js';
import { createSha256, sha256Base64, sha256Hex } from '../../src/train/sha256.js';
import { createTrainer, type TrainingPoint } from '../../src/train/trainer.js';

const drawn = { dimension: 2, points: [-1, 0.5, 1, -0.25] } as const;
const ring: RunConfig = { ...DEFAULT_CONFIG, ...pointDefaults('ring'), batchSize: 16, units: 8, k: 2 };
const byHand: RunConfig = { ...ring, ...pointDefaults(DRAWN, drawn), drawn, batchSize: 16 };

function train(config: RunConfig, start?: TrainingPoint) {
  const dataset = openPoints(config.dataset, config.drawn);
  const engine = (request: Parameters<typeof createSessionEngine>[0]) =>
    createSessionEngine({ ...request, threads: 1 });
  return createTrainer({ config, dataset, engine, ...(start === undefined ? {} : { start }) });
}

describe('a run on toy data', () => {
  it.each([
    ['ring', ring],
    ['points drawn by hand', byHand],
  ])('goes on from its checkpoint as if it had never stopped: %s', async (_, config) => {
    const whole = await train(config);
    for (let i = 0; i < 2; i++) await whole.step();
    const state = await whole.readState();
    const record = { config, data: 'x', epoch: 0, batch: 4, engine: 'session', version: '1' };
    const checkpoint = decodeRunCheckpoint(encodeRunCheckpoint({ step: 2, state, record }));
    expect(checkpoint.record.config).toEqual(config);
    const resumed = await train(checkpoint.record.config, checkpoint);
    const expected = (await whole.step()).metrics;
    expect((await resumed.step()).metrics).toEqual(expected);
    expect(await resumed.readState()).toEqual(await whole.readState());
    for (const trainer of [whole, resumed]) await trainer.close();
  });

  it('draws each point once: batch b of D is numbers b * size and on of the seed', () => {
    const { points, description } = openPoints('ring');
    const all = points.sample({ seed: 1, start: 0, count: 32 });
    expect(points.sample({ seed: 1, start: 16, count: 16 })).toEqual(all.slice(32));
    expect(description).toMatchObject({ name: 'ring', shape: [2] });
    const first = points.sample({ seed: 0, start: 0, count: 4096 });
    expect(description.sha256).toBe(createHash('sha256').update(Buffer.from(first.buffer)).digest('hex'));
    expect(openPoints('grid').description.sha256).not.toBe(description.sha256);
  });

  it('has the networks that its dimension asks for', () => {
    const units = (config: RunConfig) => configGan(config).generator.layers[0];
    const { units: _, ...usual } = ring;
    expect(configGan(ring)).toMatchObject({ name: 'points', points: 2 });
    expect(units(ring)).toMatchObject({ units: 8 });
    expect(units(usual)).toMatchObject({ units: 64 });
    expect(units({ ...usual, ...pointDefaults('mixture-1d') })).toMatchObject({ units: 32 });
  });

  it('is read from text, and from none that does not fit itself', () => {
    expect(parseConfig(JSON.stringify(byHand))).toEqual(byHand);
    const { drawn: _, ...without } = byHand;
    const bad = [
      without,
      { ...byHand, drawn: null },
      { ...byHand, drawn: { dimension: 3, points: [1, 2, 3] } },
      { ...byHand, drawn: { dimension: 2, points: [1] } },
      { ...byHand, drawn: { dimension: 2, points: '12' } },
      { ...byHand, drawn: { dimension: 1, points: [1e9] } },
      { ...byHand, drawn: { dimension: 1, points: Array(MAX_DRAWN + 1).fill(0) } },
      { ...ring, gan: 'mlp' },
      { ...ring, dataset: 'digits' },
      { ...ring, trainImages: 5 },
      { ...DEFAULT_CONFIG, units: 5 },
    ];
    for (const config of bad) expect(parseConfig(JSON.stringify(config))).toBeUndefined();
    expect(() => validateConfig({ ...ring, gan: 'mlp' })).toThrow(
      'dataset ring is made of points, and gan mlp is not: choose another --network',
    );
  });

  it('is another run when its points are others, and the same when they are not', () => {
    const others = { ...byHand, drawn: { dimension: 2, points: [0, 0] } as const };
    expect(configDifferences(byHand, structuredClone(byHand))).toEqual([]);
    expect(configDifferences(byHand, others)).toEqual([
      'drawn.points was a list of 4 and is now a list of 2',
    ]);
  });
});

describe('points drawn by hand', () => {
  it('are the means of round Gaussians of one weight', () => {
    const { density, sample, range } = drawnDistribution({ dimension: 1, points: [-1, 2] });
    // A Gaussian of deviation 0.18 at its mean, halved; the other one is far away.
    expect(density([-1])).toBeCloseTo(0.5 / (0.18 * Math.sqrt(2 * Math.PI)), 10);
    const points = sample({ seed: 2, start: 0, count: 4000 });
    const left = points.filter((x) => x < 0);
    expect(left.length / 4000).toBeCloseTo(0.5, 1);
    expect(left.reduce((sum, x) => sum + x, 0) / left.length).toBeCloseTo(-1, 1);
    expect(points.every((x) => x > range[0] && x < range[1])).toBe(true);
  });
});

describe('what a page computes without Node', () => {
  it('SHA-256 is that of Node', () => {
    const bytes = Uint8Array.from({ length: 1000 }, (_, i) => (i * 7) % 256);
    const expected = createHash('sha256').update(bytes).digest('hex');
    expect(sha256Hex(bytes)).toBe(expected);
    const parts = createSha256();
    parts.update(bytes.subarray(0, 300));
    parts.update(bytes.subarray(300));
    expect(parts.hex()).toBe(expected);
    expect(sha256Hex('digits é')).toBe(createHash('sha256').update('digits é').digest('hex'));
    expect(sha256Base64('digits é')).toBe(createHash('sha256').update('digits é').digest('base64'));
  });

  it('digits drawn when they are read are those drawn at once, and the digest is of all', () => {
    const { description, read } = digitsOnDemand();
    const out = new Uint8Array(2 * 784);
    read(Uint32Array.of(59_999, 3), out);
    const expected = new Uint8Array(784);
    drawDigit(3, expected);
    expect(out.subarray(784)).toEqual(expected);
    drawDigit(59_999, expected);
    expect(out.subarray(0, 784)).toEqual(expected);
    const hash = createHash('sha256');
    for (let k = 0; k < DIGIT_COUNT; k++) {
      drawDigit(k, expected);
      hash.update(expected);
    }
    expect(description.sha256).toBe(hash.digest('hex'));
  });

  it('every toy distribution has a digest of its own', () => {
    const names = Object.keys(POINT_DISTRIBUTIONS);
    expect(new Set(names.map((name) => openPoints(name).description.sha256)).size).toBe(names.length);
  });
});
