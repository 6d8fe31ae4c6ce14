import { describe, expect, it } from 'vitest';
import { PointGame } from '../../src/evaluate/point-game.js';
import { buildGeneratorModel, type GanState, initialState, pointGan } from '../../src/export/index.js';
import { randomRows } from '../../src/random/index.js';
import { POINT_DISTRIBUTIONS } from '../../src/train/data/points/distributions.js';
import { ORT_NODE } from '../../src/train/ort-node.js';
import { pointNetworks, pointOptimizer, trainOnPoints } from '../../src/train/point-run.js';
import { createPointTrainer } from '../../src/train/point-trainer.js';
import { sameBits } from '../support/numbers.js';
import { runGraph } from '../support/run-graph.js';

const data = POINT_DISTRIBUTIONS['mixture-2d'];
const gan = pointGan({ points: 2, latentSize: 2, units: 4 });
const BATCH = 16;
const settings = {
  gan,
  data,
  optimizer: pointOptimizer(2e-3),
  loss: 'nonsaturating',
  batchSize: BATCH,
  seed: 5,
} as const;

/** Three hidden layers of ReLU, in plain JavaScript. */
function perceptron(state: GanState, network: string, x: readonly number[]): number[] {
  return [0, 2, 4, 6].reduce((input: readonly number[], layer) => {
    const weight = state.get(`${network}.${layer}.weight`)!;
    const bias = state.get(`${network}.${layer}.bias`)!;
    return Array.from(bias.data, (b, unit) => {
      const row = weight.data.subarray(unit * input.length, (unit + 1) * input.length);
      const sum = input.reduce((total, value, i) => total + value * row[i]!, b);
      return layer === 6 ? sum : Math.max(0, sum);
    });
  }, x) as number[];
}

const rows = (all: Float32Array): number[][] =>
  Array.from({ length: all.length / 2 }, (_, i) => [all[2 * i]!, all[2 * i + 1]!]);
const softplus = (x: number): number => Math.log1p(Math.exp(x));
const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

describe('training on points', () => {
  it('feeds points as they are: losses of the first step agree with plain JavaScript', async () => {
    const trainer = await createPointTrainer({ ...settings, order: ['joint'] });
    const state = await trainer.readState();
    const [metrics] = await trainer.steps(1);
    await trainer.close();
    const draw = { seed: 5, stream: 'trainingLatents', start: 0 } as const;
    const latents = rows(randomRows({ kind: 'normal' }, { count: BATCH, width: 2 }, draw));
    const judge = (x: number[]): number => perceptron(state, 'discriminator', x)[0]!;
    const real = rows(data.sample({ seed: 5, start: 0, count: BATCH })).map(judge);
    const fake = latents.map((z) => judge(perceptron(state, 'generator', z)));
    const dLoss = (mean(real.map((l) => softplus(-l))) + mean(fake.map(softplus))) / 2;
    expect(metrics!.d_loss).toBeCloseTo(dLoss, 5);
    expect(metrics!.g_loss).toBeCloseTo(mean(fake.map((l) => softplus(-l))), 5);
  });

  it('goes on from a state as if it had never stopped', async () => {
    const order = ['discriminator', 'discriminator', 'generator'] as const;
    const whole = await createPointTrainer({ ...settings, order });
    await whole.steps(3);
    const start = { step: whole.done, state: await whole.readState() };
    await whole.steps(2);
    const rest = await createPointTrainer({ ...settings, order, start });
    await rest.steps(2);
    const [a, b] = [await whole.readState(), await rest.readState()];
    for (const [name, { data: values }] of a) {
      expect(sameBits(values, b.get(name)!.data), name).toBe(true);
    }
    await whole.close();
    await rest.close();
  });

  it('leaves G as it is where D alone is trained', async () => {
    const trainer = await createPointTrainer({ ...settings, order: ['discriminator'] });
    const before = await trainer.readState();
    await trainer.steps(2);
    const after = await trainer.readState();
    await trainer.close();
    expect([...after.keys()].sort()).toEqual([...before.keys()].sort());
    for (const [name, { data: values }] of before) {
      const isG = name.startsWith('generator.');
      if (isG) expect(after.get(name)!.data, name).toEqual(values);
    }
    expect(after.get('discriminator.0.weight')!.data).not.toEqual(before.get('discriminator.0.weight')!.data);
  });

  it('refuses networks for another number of coordinates', async () => {
    await expect(
      createPointTrainer({ ...settings, data: POINT_DISTRIBUTIONS['mixture-1d'], order: ['joint'] }),
    ).rejects.toThrow('points of 1 coordinates, but networks for 2');
  });

  it('shows the moments that were asked for, and brings p_g nearer to p_data', async () => {
    const game = await PointGame.open(
      ORT_NODE,
      pointNetworks('mixture-1d'),
      POINT_DISTRIBUTIONS['mixture-1d'],
    );
    const seen: [step: number, jsd: number][] = [];
    for await (const { step, state } of trainOnPoints(
      { data: 'mixture-1d', steps: 300, seed: 0 },
      [0, 7, 300],
    )) {
      seen.push([step, (await game.measure(state)).jsd]);
    }
    await game.release();
    expect(seen.map(([step]) => step)).toEqual([0, 7, 300]);
    expect(seen[2]![1]).toBeLessThan(seen[0]![1] / 3);
  });
});

describe('generator.onnx of points', () => {
  it('has the output points [N, D]: G as it is, not clamped', async () => {
    const state = initialState(gan, 'adam', 1);
    const bias = state.get('generator.6.bias')!;
    state.set('generator.6.bias', { ...bias, data: Float32Array.of(3, -4) });
    const bytes = buildGeneratorModel(gan, state, { dataset: 'mixture-2d', step: 1, version: '0' });
    const z = [0.3, -1.1];
    const { points, ...others } = await runGraph(bytes, { z: { shape: [1, 2], data: z } });
    expect(others).toEqual({});
    expect(points!.shape).toEqual([1, 2]);
    const expected = perceptron(state, 'generator', z);
    for (const [i, value] of expected.entries()) expect(points!.data[i]).toBeCloseTo(value, 5);
    expect(Math.abs(expected[1]!)).toBeGreaterThan(1);
  });
});

describe('a fresh discriminator', () => {
  it('tells where G is wrong, though the D that G was trained with is 1/2 everywhere', async () => {
    const name = 'mixture-1d';
    const game = await PointGame.open(ORT_NODE, pointNetworks(name), POINT_DISTRIBUTIONS[name]);
    const options = { seed: 9, steps: 150, batchSize: 128, optimizer: pointOptimizer(5e-3) };
    const untrained = initialState(pointNetworks(name), 'adam', 0);
    // D = 1/2 everywhere.
    const last = ['discriminator.4.weight', 'discriminator.4.bias'];
    for (const key of last) {
      const { shape, data: values } = untrained.get(key)!;
      untrained.set(key, { shape, data: new Float32Array(values.length) });
    }
    expect((await game.measure(untrained)).deviation).toBe(0);
    expect(await game.freshAccuracy(untrained, options)).toBeGreaterThan(0.75);
    await game.release();
  });
});
