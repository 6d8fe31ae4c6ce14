import { describe, expect, it } from 'vitest';
import {
  forward,
  type GanSpec,
  Graph,
  initialState,
  type Layer,
  type NetworkSpec,
  networkParameters,
  type Value,
} from '../../src/export/index.js';
import { uniform } from '../support/hash.js';
import { norm, relativeError, sizeOf } from '../support/numbers.js';
import { type Feeds, runGraph } from '../support/run-graph.js';

const N = 6;
const FEATURES = 4;

/** Runs one layer on fed values; its parameters take `values`. */
async function runLayer(layer: Layer, mode: 'training' | 'inference', feeds: Feeds) {
  const network: NetworkSpec = { name: 'generator', inputs: FEATURES, layers: [layer] };
  const graph = new Graph('layer');
  const parameters = new Map(
    networkParameters(network).map(({ name, shape }) => [name, graph.input(name, 'float32', shape)]),
  );
  const masks = new Map<string, { spec: { name: string; keep: number; features: number }; value: Value }>();
  const x = graph.input('x', 'float32', ['N', FEATURES]);
  const { output, updates } = forward(graph, network, x, { mode, parameters, masks, maskPrefix: 'pass.' });
  graph.output('y', output);
  for (const [name, value] of updates) graph.output(`${name}.next`, value);
  const results = await runGraph(graph, feeds);
  return {
    shape: output.shape,
    results,
    updates: [...updates.keys()],
    masks: [...masks.values()].map((m) => m.spec),
  };
}

const fed = (shape: number[], stream: number, low = -1, high = 1) => ({
  shape,
  data: uniform(sizeOf(shape), stream, low, high),
});

const x = fed([N, FEATURES], 1, -2, 3);
const column = (data: ArrayLike<number>, c: number): number[] =>
  Array.from({ length: N }, (_, row) => data[row * FEATURES + c]!);

describe('linear', () => {
  it('is x W^T + b', async () => {
    const weight = fed([3, FEATURES], 2);
    const bias = fed([3], 3);
    const feeds = { x, 'generator.0.weight': weight, 'generator.0.bias': bias };
    const { results, shape } = await runLayer({ kind: 'linear', units: 3 }, 'training', feeds);
    const expected = Array.from({ length: N * 3 }, (_, i) => {
      const [row, unit] = [Math.floor(i / 3), i % 3];
      let sum = bias.data[unit]!;
      for (let k = 0; k < FEATURES; k++)
        sum += x.data[row * FEATURES + k]! * weight.data[unit * FEATURES + k]!;
      return sum;
    });
    expect(shape).toEqual(['N', 3]);
    expect(relativeError(results.y!.data, expected)).toBeLessThan(1e-6);
  });
});

describe('batchNorm', () => {
  const layer: Layer = { kind: 'batchNorm', eps: 0.8, momentum: 0.1 };
  const feeds = {
    x,
    'generator.0.weight': fed([FEATURES], 4, 0.5, 2),
    'generator.0.bias': fed([FEATURES], 5),
    'generator.0.running_mean': fed([FEATURES], 6),
    'generator.0.running_var': fed([FEATURES], 7, 0.5, 2),
  };
  const of = (name: string): Float64Array => feeds[`generator.0.${name}` as keyof typeof feeds].data;
  const means = Array.from({ length: FEATURES }, (_, c) => column(x.data, c).reduce((a, b) => a + b) / N);
  const squares = means.map((mean, c) => column(x.data, c).reduce((sum, v) => sum + (v - mean) ** 2, 0));

  it('in training, normalises by the mean and the biased variance of the batch', async () => {
    const { results } = await runLayer(layer, 'training', feeds);
    const expected = x.data.map((v, i) => {
      const c = i % FEATURES;
      return ((v - means[c]!) / Math.sqrt(squares[c]! / N + 0.8)) * of('weight')[c]! + of('bias')[c]!;
    });
    expect(relativeError(results.y!.data, expected)).toBeLessThan(1e-6);
  });

  it('in training, moves the running mean, and the running variance by the unbiased one', async () => {
    const { results } = await runLayer(layer, 'training', feeds);
    const mean = of('running_mean').map((v, c) => 0.9 * v + 0.1 * means[c]!);
    const variance = of('running_var').map((v, c) => 0.9 * v + (0.1 * squares[c]!) / (N - 1));
    expect(relativeError(results['generator.0.running_mean.next']!.data, mean)).toBeLessThan(1e-6);
    expect(relativeError(results['generator.0.running_var.next']!.data, variance)).toBeLessThan(1e-6);
  });

  it('does not suffer when the mean is a thousand times the deviation', async () => {
    const far = { shape: x.shape, data: x.data.map((v) => Math.fround(v + 2000)) };
    const { results } = await runLayer(layer, 'training', { ...feeds, x: far });
    const { results: near } = await runLayer(layer, 'training', feeds);
    expect(relativeError(results.y!.data, near.y!.data)).toBeLessThan(1e-3);
  });

  it('in inference, is BatchNormalization by the running statistics, and moves nothing', async () => {
    const { results, updates } = await runLayer(layer, 'inference', feeds);
    const expected = x.data.map((v, i) => {
      const c = i % FEATURES;
      const scale = of('weight')[c]! / Math.sqrt(of('running_var')[c]! + 0.8);
      return (v - of('running_mean')[c]!) * scale + of('bias')[c]!;
    });
    expect(relativeError(results.y!.data, expected)).toBeLessThan(1e-6);
    expect(updates).toEqual([]);
  });
});

describe('maxout', () => {
  it('takes the largest of the linear maps of each unit, whose rows lie `units` apart', async () => {
    const [units, pieces] = [3, 2];
    const weight = fed([units * pieces, FEATURES], 8);
    const bias = fed([units * pieces], 9);
    const feeds = { x, 'generator.0.weight': weight, 'generator.0.bias': bias };
    const { results, shape } = await runLayer({ kind: 'maxout', units, pieces }, 'training', feeds);
    const expected = Array.from({ length: N * units }, (_, i) => {
      const [row, unit] = [Math.floor(i / units), i % units];
      const maps = Array.from({ length: pieces }, (_, piece) => {
        const at = piece * units + unit;
        let sum = bias.data[at]!;
        for (let k = 0; k < FEATURES; k++)
          sum += x.data[row * FEATURES + k]! * weight.data[at * FEATURES + k]!;
        return sum;
      });
      return Math.max(...maps);
    });
    expect(shape).toEqual(['N', units]);
    expect(relativeError(results.y!.data, expected)).toBeLessThan(1e-6);
  });
});

describe('dropout', () => {
  const layer: Layer = { kind: 'dropout', keep: 0.8 };
  const mask = { shape: [N, FEATURES], data: x.data.map((_, i) => (i % 3 === 0 ? 0 : 1)) };

  it('in training, drops what its fed mask says and scales the rest by 1 / keep', async () => {
    const name = 'pass.generator.0.mask';
    const { results, masks } = await runLayer(layer, 'training', { x, [name]: mask });
    expect(masks).toEqual([{ name, keep: 0.8, features: FEATURES }]);
    const expected = x.data.map((v, i) => (mask.data[i] === 0 ? 0 : v / 0.8));
    expect(relativeError(results.y!.data, expected)).toBeLessThan(1e-6);
  });

  it('in inference, is the identity and asks for no mask', async () => {
    const { results, masks } = await runLayer(layer, 'inference', { x });
    expect(masks).toEqual([]);
    expect([...results.y!.data]).toEqual([...x.data.map(Math.fround)]);
  });
});

describe('activations', () => {
  const table: [Layer, (v: number) => number][] = [
    [{ kind: 'leakyRelu', slope: 0.2 }, (v) => (v > 0 ? v : 0.2 * v)],
    [{ kind: 'relu' }, (v) => Math.max(v, 0)],
    [{ kind: 'tanh' }, Math.tanh],
    [{ kind: 'sigmoid' }, (v) => 1 / (1 + Math.exp(-v))],
  ];
  it.each(table)('$kind', async (layer, f) => {
    const { results } = await runLayer(layer, 'training', { x });
    expect(relativeError(results.y!.data, x.data.map(f))).toBeLessThan(1e-6);
  });
});

describe('initialState', () => {
  const gan: GanSpec = {
    name: 'test',
    latent: { size: 50, distribution: { kind: 'normal' } },
    image: [1, 8, 8],
    range: [-1, 1],
    generator: {
      name: 'generator',
      inputs: 50,
      layers: [
        { kind: 'linear', units: 100 },
        { kind: 'batchNorm', eps: 0.8, momentum: 0.1 },
        {
          kind: 'linear',
          units: 64,
          weight: { kind: 'uniform', halfWidth: 0.005 },
          bias: { kind: 'constant', value: 2 },
        },
      ],
    },
    discriminator: { name: 'discriminator', inputs: 64, layers: [{ kind: 'linear', units: 1 }] },
  };

  it('draws weights and biases as torch.nn.Linear does, unless told otherwise', () => {
    const state = initialState(gan, 'adam', 1);
    const weights = state.get('generator.0.weight')!;
    const bound = 1 / Math.sqrt(50);
    expect(weights.shape).toEqual([100, 50]);
    const [low, high] = [Math.min(...weights.data), Math.max(...weights.data)];
    expect(low).toBeGreaterThanOrEqual(-bound);
    expect(low).toBeLessThan(-0.99 * bound);
    expect(high).toBeLessThanOrEqual(bound);
    expect(high).toBeGreaterThan(0.99 * bound);
    const variance = norm(weights.data) ** 2 / weights.data.length;
    expect(variance / ((bound * bound) / 3)).toBeCloseTo(1, 1);
    expect(Math.max(...state.get('generator.2.weight')!.data)).toBeLessThanOrEqual(Math.fround(0.005));
    expect([...new Set(state.get('generator.2.bias')!.data)]).toEqual([2]);
  });

  it('starts BatchNorm at the identity, and optimiser slots and counters at zero', () => {
    const state = initialState(gan, 'adam', 1);
    for (const [name, value] of [
      ['generator.1.weight', 1],
      ['generator.1.bias', 0],
      ['generator.1.running_mean', 0],
      ['generator.1.running_var', 1],
      ['generator.0.weight.momentum0', 0],
      ['generator.0.weight.momentum1', 0],
      ['generator.step', 0],
      ['discriminator.step', 0],
    ] as const) {
      expect([...new Set(state.get(name)!.data)]).toEqual([value]);
    }
    expect([...state.keys()].filter((name) => /running.*momentum/.test(name))).toEqual([]);
    expect([...initialState(gan, 'sgd', 1).keys()].filter((name) => name.includes('momentum1'))).toEqual([]);
  });

  it('is the same for a seed, and unlike for another seed and from tensor to tensor', () => {
    const first = (seed: number, name: string) =>
      initialState(gan, 'adam', seed).get(name)!.data.slice(0, 8).join();
    expect(first(1, 'generator.0.weight')).toBe(first(1, 'generator.0.weight'));
    expect(first(1, 'generator.0.weight')).not.toBe(first(2, 'generator.0.weight'));
    expect(first(1, 'generator.0.weight')).not.toBe(first(1, 'generator.0.bias'));
  });
});
