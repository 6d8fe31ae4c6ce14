import { describe, expect, it } from 'vitest';
import { foldBatchNorm } from '../../src/export/fold-batch-norm.js';
import {
  buildGeneratorModel,
  forward,
  GANS,
  type GanSpec,
  type GanState,
  Graph,
  initialState,
  type Layer,
  type NetworkSpec,
  networkParameters,
  type StateTensor,
} from '../../src/export/index.js';
import { Generator } from '../../src/infer/index.js';
import { randomRows } from '../../src/random/index.js';
import { largest, relativeError } from '../support/numbers.js';
import { runGraph } from '../support/run-graph.js';

const gan = GANS['pytorch-gan']({ image: [1, 4, 4], latentSize: 6 });
const draw = (count: number, index: number): Float32Array =>
  randomRows(
    { kind: 'normal' },
    { count: 1, width: count },
    { seed: 3, stream: 'initialParameters', start: index },
  );

/** A state whose normalisations do something: no statistic or parameter is 0 or 1. */
const state = initialState(gan, 'adam', 1);
for (const [i, [name, { data }]] of [...state].entries()) {
  if (!/^generator\.\d+\.(weight|bias|running_mean|running_var)$/.test(name) || data.length === 0) continue;
  const scale = name.endsWith('weight') ? 0.3 : 0.5;
  const noise = draw(data.length, i);
  data.forEach((value, k) => {
    data[k] = name.endsWith('running_var') ? 0.5 + noise[k]! ** 2 : value + scale * noise[k]!;
  });
}

/** gan.py's generator by its formulas, in double precision, one latent at a time. */
function expected(z: Float32Array): number[] {
  const parameter = (name: string): ArrayLike<number> => state.get(`generator.${name}`)!.data;
  let x = Array.from(z);
  gan.generator.layers.forEach((layer, i) => {
    if (layer.kind === 'linear') {
      const [weight, bias] = [parameter(`${i}.weight`), parameter(`${i}.bias`)];
      x = Array.from({ length: layer.units }, (_, unit) =>
        x.reduce((sum, value, k) => sum + value * weight[unit * x.length + k]!, bias[unit]!),
      );
    } else if (layer.kind === 'batchNorm') {
      const of = ['running_mean', 'running_var', 'weight', 'bias'].map((name) => parameter(`${i}.${name}`));
      const [mean, variance, gamma, beta] = of as [ArrayLike<number>, ...ArrayLike<number>[]];
      x = x.map(
        (value, k) => ((value - mean[k]!) / Math.sqrt(variance![k]! + layer.eps)) * gamma![k]! + beta![k]!,
      );
    } else {
      x = x.map((value) => (layer.kind === 'tanh' ? Math.tanh(value) : value > 0 ? value : 0.2 * value));
    }
  });
  return x;
}

describe('batch normalisation folded into the layer before it', () => {
  it('leaves a network of linear maps and activations', () => {
    const { network, parameters } = foldBatchNorm(gan.generator, state);
    expect(network.layers.map(({ kind }) => kind)).not.toContain('batchNorm');
    expect([...parameters.keys()].some((name) => name.includes('running'))).toBe(false);
  });

  it('draws what the formulas say', async () => {
    const origin = { dataset: 'none', step: 0, version: '0' };
    const generator = await Generator.load(buildGeneratorModel(gan, state, origin));
    const { data, latents } = await generator.sample({ count: 3, seed: 9 });
    for (let k = 0; k < 3; k++) {
      const image = expected(latents.slice(k * 6, (k + 1) * 6));
      for (const [i, value] of image.entries()) expect(data[k * 16 + i]).toBeCloseTo(value, 4);
    }
    await generator.release();
  });
});

/** Running statistics and scales that do something, in place. */
function shake(gan: GanSpec, from: GanState): GanState {
  const shaken: GanState = new Map(from);
  for (const [i, { name, shape }] of networkParameters(gan.generator).entries()) {
    const noise = draw(
      shape.reduce((a, b) => a * b, 1),
      100 + i,
    );
    const data = shaken
      .get(name)!
      .data.map((value, k) =>
        name.endsWith('running_var') ? 0.5 + noise[k]! ** 2 : value + 0.1 * noise[k]!,
      );
    shaken.set(name, { shape, data });
  }
  return shaken;
}

describe('batch normalisation of channels, folded into what is before it', () => {
  const layers: Layer[] = [
    { kind: 'linear', units: 2 * 3 * 3 },
    { kind: 'reshape', shape: [2, 3, 3] },
    { kind: 'batchNorm', eps: 0.1, momentum: 0.1 },
    { kind: 'conv', channels: 3, kernel: 3, padding: 1 },
    { kind: 'batchNorm', eps: 0.8, momentum: 0.1 },
    { kind: 'relu' },
    { kind: 'convTranspose', channels: 2, kernel: 2, stride: 2 },
    { kind: 'batchNorm', eps: 0.8, momentum: 0.1 },
    { kind: 'convTranspose', channels: 3, kernel: 2, stride: 2, untiedBias: true },
    { kind: 'batchNorm', eps: 0.8, momentum: 0.1 },
    { kind: 'flatten' },
  ];
  const network: NetworkSpec = { name: 'generator', inputs: 4, layers };
  const small: GanSpec = { ...gan, image: [3, 12, 12], generator: network };

  it.each([
    ['a linear layer and a reshape, conv and convTranspose', small],
    ["dcgan's upsampled convolutions", GANS.dcgan({ image: [1, 8, 8], latentSize: 4 })],
  ])('%s: the same images as BatchNormalization makes', async (_, spec) => {
    const start = shake(spec, initialState(spec, 'sgd', 1));
    const { network: folded, parameters } = foldBatchNorm(spec.generator, start);
    expect(folded.layers.map(({ kind }) => kind)).not.toContain('batchNorm');
    const graph = new Graph('both');
    const z = graph.input('z', 'float32', ['N', 4]);
    const constants = (given: ReadonlyMap<string, StateTensor>, of: NetworkSpec, prefix: string) =>
      new Map(
        networkParameters(of).map(({ name, shape }) => {
          const data = given.get(name)!.data as Float32Array;
          return [name, graph.constant(`${prefix}.${name}`, 'float32', shape, data)];
        }),
      );
    const apply = (of: NetworkSpec, given: ReadonlyMap<string, StateTensor>, prefix: string) =>
      forward(graph, of, z, { mode: 'inference', parameters: constants(given, of, prefix) }).output;
    graph.output('plain', apply(spec.generator, start, 'plain'));
    graph.output('folded', apply(folded, parameters, 'folded'));
    const { plain, folded: found } = await runGraph(graph, { z: { shape: [3, 4], data: draw(12, 99) } });
    expect(largest(plain!.data)).toBeGreaterThan(0.1);
    expect(relativeError(found!.data, plain!.data)).toBeLessThan(1e-5);
  });
});
