import { describe, expect, it } from 'vitest';
import {
  forward,
  GANS,
  type GanSpec,
  Graph,
  initialState,
  type Layer,
  type NetworkSpec,
  networkParameters,
  placedLayers,
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

/** Runs layers on an image [N, 2, 4, 4]; parameters and masks are fed. */
async function runImageLayers(layers: Layer[], mode: 'training' | 'inference', feeds: Feeds = {}) {
  const network: NetworkSpec = {
    name: 'generator',
    inputs: 32,
    layers: [{ kind: 'reshape', shape: [2, 4, 4] }, ...layers],
  };
  const graph = new Graph('layers');
  const parameters = new Map(
    networkParameters(network).map(({ name, shape }) => [name, graph.input(name, 'float32', shape)]),
  );
  const given = graph.input('x', 'float32', ['N', 32]);
  const masks = new Map();
  const { output, updates } = forward(graph, network, given, { mode, parameters, masks });
  graph.output('y', output);
  for (const [name, value] of updates) graph.output(`${name}.next`, value);
  const results = await runGraph(graph, { x: image, ...feeds });
  return { y: results.y!, results, specs: networkParameters(network), placed: placedLayers(network) };
}

const image = fed([3, 32], 21, -2, 3);
/** Value of the image at sample n, channel c, row i, column j. */
const at = (n: number, c: number, i: number, j: number): number => image.data[n * 32 + c * 16 + i * 4 + j]!;
const everywhere = <T>(channels: number, size: number, value: (...at: number[]) => T): T[] =>
  Array.from({ length: 3 * channels * size * size }, (_, k) =>
    value(
      Math.floor(k / (channels * size * size)),
      Math.floor(k / (size * size)) % channels,
      Math.floor(k / size) % size,
      k % size,
    ),
  );

describe('layers on images', () => {
  it('conv has parameters like torch.nn.Conv2d and is a sum over its window', async () => {
    const weight = fed([3, 2, 3, 3], 22);
    const bias = fed([3], 23);
    const layer: Layer = { kind: 'conv', channels: 3, kernel: 3, stride: 2, padding: 1 };
    const feeds = { 'generator.1.weight': weight, 'generator.1.bias': bias };
    const { y, specs } = await runImageLayers([layer], 'training', feeds);
    const expected = everywhere(3, 2, (n, o, i, j) => {
      let sum = bias.data[o!]!;
      for (let k = 0; k < 18; k++) {
        const [c, row, column] = [
          Math.floor(k / 9),
          2 * i! + (Math.floor(k / 3) % 3) - 1,
          2 * j! + (k % 3) - 1,
        ];
        const inside = row >= 0 && column >= 0 && row < 4 && column < 4;
        if (inside) sum += at(n!, c, row, column) * weight.data[o! * 18 + k]!;
      }
      return sum;
    });
    expect(relativeError(y.data, expected)).toBeLessThan(1e-5);
    const bound = { kind: 'uniform', halfWidth: 1 / Math.sqrt(18) };
    expect(specs.map(({ initial }) => initial)).toEqual([bound, bound]);
  });

  it('convTranspose has parameters like torch.nn.ConvTranspose2d, and a bias for each pixel if asked', async () => {
    const layer: Layer = { kind: 'convTranspose', channels: 3, kernel: 5, stride: 3 };
    const shapes = (given: Layer) =>
      networkParameters({
        name: 'generator',
        inputs: 8000,
        layers: [{ kind: 'reshape', shape: [80, 10, 10] }, given],
      });
    // torch's fan-in is that of the weight's second axis
    const initial = { kind: 'uniform', halfWidth: 1 / Math.sqrt(75) };
    expect(shapes(layer)).toMatchObject([
      { shape: [80, 3, 5, 5], initial },
      { shape: [3], initial },
    ]);
    expect(shapes({ ...layer, untiedBias: true })[1]!.shape).toEqual([3, 32, 32]);
    const weight = fed([2, 1, 2, 2], 24);
    const bias = fed([1, 8, 8], 25);
    const untied: Layer = { kind: 'convTranspose', channels: 1, kernel: 2, stride: 2, untiedBias: true };
    const feeds = { 'generator.1.weight': weight, 'generator.1.bias': bias };
    const { y } = await runImageLayers([untied], 'training', feeds);
    const expected = everywhere(1, 8, (n, _, i, j) => {
      const [row, column, k] = [i! >> 1, j! >> 1, 2 * (i! & 1) + (j! & 1)];
      const sum = at(n!, 0, row, column) * weight.data[k]! + at(n!, 1, row, column) * weight.data[4 + k]!;
      return sum + bias.data[8 * i! + j!]!;
    });
    expect(relativeError(y.data, expected)).toBeLessThan(1e-5);
  });

  it('maxPool takes the largest of each window; sizes are rounded up with ceil', async () => {
    const layer: Layer = { kind: 'maxPool', kernel: 3, stride: 2, ceil: true };
    const { y, placed } = await runImageLayers([layer], 'training');
    expect(placed[1]!.outputs).toEqual([2, 2, 2]);
    const expected = everywhere(2, 2, (n, c, i, j) => {
      let largest = Number.NEGATIVE_INFINITY;
      for (let k = 0; k < 9; k++) {
        const [row, column] = [2 * i! + Math.floor(k / 3), 2 * j! + (k % 3)];
        if (row < 4 && column < 4) largest = Math.max(largest, at(n!, c!, row, column));
      }
      return largest;
    });
    expect(relativeError(y.data, expected)).toBeLessThan(1e-6);
  });

  it('upsample repeats pixels, channelMaxout takes the largest of consecutive channels, flatten makes a vector', async () => {
    const up = await runImageLayers([{ kind: 'upsample', factor: 2 }], 'inference');
    const repeated = everywhere(2, 8, (n, c, i, j) => at(n!, c!, i! >> 1, j! >> 1));
    expect(relativeError(up.y.data, repeated)).toBe(relativeError(image.data.map(Math.fround), image.data));
    const most = await runImageLayers(
      [{ kind: 'channelMaxout', pieces: 2 }, { kind: 'flatten' }],
      'training',
    );
    expect(most.placed.map(({ outputs }) => outputs)).toEqual([[2, 4, 4], [1, 4, 4], [16]]);
    expect(most.y.shape).toEqual([3, 16]);
    const expected = everywhere(1, 4, (n, _, i, j) => Math.max(at(n!, 0, i!, j!), at(n!, 1, i!, j!)));
    expect(relativeError(most.y.data, expected)).toBeLessThan(1e-6);
  });

  it('batchNorm normalises channels over batch and pixels, and moves the variance by the unbiased one', async () => {
    const layer: Layer = { kind: 'batchNorm', eps: 0.8, momentum: 0.1 };
    const [weight, bias] = [fed([2], 26, 0.5, 2), fed([2], 27)];
    const feeds = {
      'generator.1.weight': weight,
      'generator.1.bias': bias,
      'generator.1.running_mean': fed([2], 28),
      'generator.1.running_var': fed([2], 29, 0.5, 2),
    };
    const { y, results } = await runImageLayers([layer], 'training', feeds);
    const values = [0, 1].map((c) => everywhere(1, 4, (n, _, i, j) => at(n!, c, i!, j!)));
    const means = values.map((all) => all.reduce((a, b) => a + b) / 48);
    const squares = values.map((all, c) => all.reduce((sum, v) => sum + (v - means[c]!) ** 2, 0));
    const expected = everywhere(2, 4, (n, c, i, j) => {
      const normal = (at(n!, c!, i!, j!) - means[c!]!) / Math.sqrt(squares[c!]! / 48 + 0.8);
      return normal * weight.data[c!]! + bias.data[c!]!;
    });
    expect(relativeError(y.data, expected)).toBeLessThan(1e-5);
    const running = feeds['generator.1.running_var'].data;
    const moved = running.map((v, c) => 0.9 * v + (0.1 * squares[c]!) / 47);
    expect(relativeError(results['generator.1.running_var.next']!.data, moved)).toBeLessThan(1e-5);
  });

  it('dropout2d drops whole channels by a mask of one number for each', async () => {
    const data = [1, 0, 0, 1, 1, 1];
    const mask = { shape: [3, 2], data };
    const layer: Layer = { kind: 'dropout2d', keep: 0.75 };
    const { y } = await runImageLayers([layer], 'training', { 'generator.1.mask': mask });
    const expected = everywhere(2, 4, (n, c, i, j) => (data[2 * n! + c!]! * at(n!, c!, i!, j!)) / 0.75);
    expect(relativeError(y.data, expected)).toBeLessThan(1e-6);
    const off = await runImageLayers([layer], 'inference');
    expect([...off.y.data]).toEqual([...image.data.map(Math.fround)]);
  });

  it.each<[Layer[], string]>([
    [
      [
        { kind: 'reshape', shape: [2, 4, 4] },
        { kind: 'linear', units: 3 },
      ],
      'generator, layer 1: linear: [2, 4, 4] is not flat',
    ],
    [[{ kind: 'conv', channels: 3, kernel: 3 }], 'generator, layer 0: conv: [32] is no image'],
    [[{ kind: 'reshape', shape: [3, 3, 3] }], 'reshape: [32] does not have as many numbers as [3, 3, 3]'],
    [
      [
        { kind: 'reshape', shape: [2, 4, 4] },
        { kind: 'conv', channels: 3, kernel: 5 },
      ],
      'generator, layer 1: conv: [2, 4, 4] is too small: [3, 0, 0] would come out',
    ],
    [
      [
        { kind: 'reshape', shape: [2, 4, 4] },
        { kind: 'channelMaxout', pieces: 3 },
      ],
      'channelMaxout: 2 channels are no multiple of 3 pieces',
    ],
  ])('a network whose shapes do not fit is refused, naming the layer: %j', (layers, message) => {
    const network: NetworkSpec = { name: 'generator', inputs: 32, layers };
    expect(() => networkParameters(network)).toThrow(message);
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

  it('draws normal weights with the mean and deviation that they ask for', () => {
    const state = initialState(GANS.dcgan({ image: [1, 32, 32], latentSize: 10 }), 'sgd', 1);
    for (const [name, mean] of [
      ['generator.4.weight', 0],
      ['generator.2.weight', 1],
      ['discriminator.1.weight', 0],
      ['discriminator.15.weight', 1],
    ] as const) {
      const { data } = state.get(name)!;
      const centred = Float64Array.from(data, (v) => v - mean);
      expect(norm(centred) / Math.sqrt(data.length) / 0.02, name).toBeCloseTo(1, data.length > 1e4 ? 1 : 0);
      expect(Math.abs(centred.reduce((a, b) => a + b) / data.length), name).toBeLessThan(0.01);
    }
    const bias = state.get('generator.4.bias')!.data;
    expect(Math.max(...bias.map(Math.abs))).toBeLessThanOrEqual(Math.fround(1 / Math.sqrt(128 * 9)));
    expect(new Set(bias).size).toBe(128);
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
