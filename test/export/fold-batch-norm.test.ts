import { describe, expect, it } from 'vitest';
import { foldBatchNorm } from '../../src/export/fold-batch-norm.js';
import { buildGeneratorModel, GANS, initialState } from '../../src/export/index.js';
import { Generator } from '../../src/infer/index.js';
import { randomRows } from '../../src/random/index.js';

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
