import { afterEach, describe, expect, it } from 'vitest';
import { GRADIENTS } from '../../src/export/gradient-rules.js';
import { GANS, networkParameters } from '../../src/export/index.js';
import {
  comparePytorch,
  latents,
  ourName,
  PARITY,
  parityState,
  pixels,
  type Worst,
} from '../support/gan-parity.js';
import { hash32 } from '../support/hash.js';
import { norm } from '../support/numbers.js';

/** Rounding alone: PyTorch's float32 is up to 2e-7, 1e-6, 1e-6, 9e-6, 3e-4 and 1e-6 from its float64. */
const TOLERANCE: Worst = {
  metrics: 2e-5,
  norm: 1e-4,
  slice: 1e-3,
  moved: 5e-4,
  runningMeanMinusBias: 2e-3,
  runningVariance: 1e-4,
};

/** What is further from PyTorch than its tolerance, NaN included. */
const outside = (worst: Worst): string[] =>
  (Object.keys(TOLERANCE) as (keyof Worst)[]).filter((key) => !(worst[key] <= TOLERANCE[key]));

const gan = GANS['pytorch-gan']({ image: PARITY.image, latentSize: PARITY.latent });

describe('the inputs of the PyTorch run, made here', () => {
  it('hash32, batches and latents are bit for bit those of the golden', () => {
    for (const { i, s, value } of PARITY.inputs.hash32) expect(hash32(i, s)).toBe(value);
    for (const { step, first, sum } of PARITY.inputs.pixels) {
      expect([...pixels(step).subarray(0, 8)]).toEqual(first);
      expect(pixels(step).reduce((a, b) => a + b, 0)).toBe(sum);
    }
    for (const golden of PARITY.inputs.latents) {
      expect(norm(latents(golden.step))).toBeCloseTo(golden.norm, 6);
      expect(latents(golden.step)[0]).toBe(Math.fround(golden.slice[0]!));
    }
  });

  it('parameters have the names, the order, the shapes and the values of nn.Sequential', () => {
    const trainable = [gan.generator, gan.discriminator]
      .flatMap(networkParameters)
      .filter((p) => p.trainable);
    expect(trainable.map(({ name }) => name)).toEqual(PARITY.parameters.map(({ name }) => ourName(name)));
    const state = parityState(gan);
    for (const { name, initial } of PARITY.parameters) {
      const { data } = state.get(ourName(name))!;
      const stride = Math.floor(data.length / initial.length);
      expect(initial.map((_, i) => data[i * stride])).toEqual(initial.map(Math.fround));
    }
  });
});

describe('20 joint steps of gan.py at full size', () => {
  it('follow PyTorch: losses, outputs of D, parameters and running statistics', async () => {
    expect(outside(await comparePytorch(20))).toEqual([]);
  }, 60_000);
});

describe('the comparison with PyTorch notices', () => {
  const { LeakyRelu, Tanh, MatMul } = GRADIENTS;
  afterEach(() => {
    Object.assign(GRADIENTS, { LeakyRelu, Tanh, MatMul });
  });

  it('a wrong slope in the gradient of LeakyRelu', async () => {
    GRADIENTS.LeakyRelu = ({ inputs: [x], dy }) => [
      () => dy.mul(x!.greater(0).where(x!.graph.scalar(1, x!.dtype), 0.21)),
    ];
    expect(outside(await comparePytorch(1))).toContain('moved');
  });

  it('a gradient of Tanh without its square', async () => {
    GRADIENTS.Tanh = ({ y, dy }) => [() => dy.mul(y.neg().add(1))];
    expect(outside(await comparePytorch(1))).toContain('moved');
  });

  it('a gradient of means that forgets to divide: through BatchNorm, though Adam forgives a factor', async () => {
    GRADIENTS.MatMul = ({ inputs: [, x], dy }) => [
      undefined,
      () => dy.reshape([1, x!.shape[1]!]).expandLike(x!),
    ];
    expect(outside(await comparePytorch(1))).toContain('moved');
  });
});
