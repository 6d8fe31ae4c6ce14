import { describe, expect, it } from 'vitest';
import {
  GANS,
  initialState,
  networkParameters,
  placedLayers,
  startsFromMeanImage,
} from '../../src/export/index.js';
import { largest } from '../support/numbers.js';

/** Shapes and bounds of the first values, from the authors' mnist.yaml. */
const MNIST = {
  'generator.0.weight': [[1200, 100], 0.05],
  'generator.0.bias': [[1200], 0],
  'generator.2.weight': [[1200, 1200], 0.05],
  'generator.2.bias': [[1200], 0],
  'generator.4.weight': [[784, 1200], 0.05],
  'generator.4.bias': [[784], 17],
  'discriminator.1.weight': [[1200, 784], 0.005],
  'discriminator.1.bias': [[1200], 0],
  'discriminator.3.weight': [[1200, 240], 0.005],
  'discriminator.3.bias': [[1200], 0],
  'discriminator.5.weight': [[1, 240], 0.005],
  'discriminator.5.bias': [[1], 0],
};

describe('goodfellow-mnist', () => {
  const gan = GANS['goodfellow-mnist']({ image: [1, 28, 28], latentSize: 100 });
  const mean = Float64Array.from({ length: 784 }, (_, i) => (i < 2 ? i : 0.25));

  it('has the layers and the first weights of the authors', () => {
    const state = initialState(gan, 'sgd', 3, mean);
    const found = [gan.generator, gan.discriminator].flatMap(networkParameters);
    expect(found.map(({ name }) => name)).toEqual(Object.keys(MNIST));
    for (const [name, [shape, bound]] of Object.entries(MNIST) as [string, [number[], number]][]) {
      const tensor = state.get(name)!;
      expect(tensor.shape).toEqual(shape);
      expect(largest(tensor.data), name).toBeLessThanOrEqual(bound);
      // A uniform draw of so many reaches nearly to its bounds.
      if (shape.length > 1) expect(largest(tensor.data), name).toBeGreaterThan(0.97 * bound);
    }
    expect(gan.latent.distribution).toEqual({ kind: 'uniform', halfWidth: Math.sqrt(3) });
    expect(gan.discriminator.layers.filter(({ kind }) => kind === 'dropout')).toEqual(
      [0.8, 0.5, 0.5].map((keep) => ({ kind: 'dropout', keep })),
    );
  });

  it("begins with the data's mean image: the logit of each mean, 1e-7 away from 0 and 1", () => {
    expect(startsFromMeanImage(gan)).toBe(true);
    const bias = initialState(gan, 'sgd', 3, mean).get('generator.4.bias')!.data;
    expect(bias[0]).toBeCloseTo(-16.118, 3);
    expect(bias[1]).toBeCloseTo(16.118, 3);
    expect(bias[2]).toBeCloseTo(-1.0986, 4);
  });

  it('without data begins with 0 there', () => {
    expect(largest(initialState(gan, 'sgd', 3).get('generator.4.bias')!.data)).toBe(0);
  });

  it('refuses a mean image of another size', () => {
    expect(() => initialState(gan, 'sgd', 3, new Float64Array(5))).toThrow(
      /mean image of 5 pixels, expected 784/,
    );
  });
});

/** Shapes and bounds of the first values, from the authors' cifar10_convolutional.yaml. */
const CIFAR_CONV = {
  'generator.0.weight': [[8000, 100], 0.05],
  'generator.0.bias': [[8000], 0],
  'generator.2.weight': [[8000, 8000], 0.05],
  'generator.2.bias': [[8000], 0],
  'generator.5.weight': [[80, 3, 5, 5], 0.05],
  'generator.5.bias': [[3, 32, 32], 0],
  'discriminator.2.weight': [[64, 3, 8, 8], 0.005],
  'discriminator.2.bias': [[64], 0],
  'discriminator.6.weight': [[64, 32, 8, 8], 0.005],
  'discriminator.6.bias': [[64], 0],
  'discriminator.10.weight': [[384, 32, 5, 5], 0.005],
  'discriminator.10.bias': [[384], 0],
  'discriminator.15.weight': [[2500, 4800], 0.005],
  'discriminator.15.bias': [[2500], 0],
  'discriminator.17.weight': [[1, 500], 0.005],
  'discriminator.17.bias': [[1], 0],
};

describe('goodfellow-cifar-conv', () => {
  const gan = GANS['goodfellow-cifar-conv']({ image: [3, 32, 32], latentSize: 100 });
  const networks = [gan.generator, gan.discriminator];
  const outputs = (i: 0 | 1) => placedLayers(networks[i]!).map(({ outputs }) => outputs.join(' x '));

  it('has the parameters of the authors, with the bounds of their first values', () => {
    const found = networks.flatMap(networkParameters).map(({ name, shape, initial }) => {
      const bound = initial.kind === 'uniform' ? initial.halfWidth : 'value' in initial && initial.value;
      return [name, [shape, bound]];
    });
    expect(found).toEqual(Object.entries(CIFAR_CONV));
    expect(gan.latent).toEqual({ size: 100, distribution: { kind: 'normal' } });
    expect(gan.contrastNorm).toBe(55);
  });

  it('makes 80 x 10 x 10 an image of 3 x 32 x 32', () => {
    expect(outputs(0)).toEqual(['8000', '8000', '8000', '8000', '80 x 10 x 10', '3 x 32 x 32', '3072']);
  });

  it('judges it by way of 33, 16, 15, 7, 9 and 5 pixels: pools round up', () => {
    const dropped = (...shapes: string[]) => [shapes[0]!, ...shapes];
    expect(outputs(1)).toEqual([
      '3072',
      ...['3 x 32 x 32', '64 x 33 x 33', '32 x 33 x 33'],
      ...dropped('32 x 16 x 16'),
      ...['64 x 15 x 15', '32 x 15 x 15'],
      ...dropped('32 x 7 x 7'),
      ...['384 x 9 x 9', '192 x 9 x 9'],
      ...dropped('192 x 5 x 5'),
      '4800',
      ...dropped('500'),
      '1',
    ]);
    expect(
      gan.discriminator.layers.flatMap((layer) => (layer.kind === 'dropout' ? [layer.keep] : [])),
    ).toEqual([0.8, 0.5, 0.5, 0.5, 0.5]);
  });

  it('makes images of 3 n + 2 pixels from 8 on, and refuses others', () => {
    const at = (size: number) => GANS['goodfellow-cifar-conv']({ image: [1, size, size], latentSize: 4 });
    for (const size of [8, 11, 65]) {
      expect(placedLayers(at(size).generator).at(-1)!.outputs).toEqual([size * size]);
      expect(placedLayers(at(size).discriminator).at(-1)!.outputs).toEqual([1]);
    }
    for (const size of [5, 28, 33]) {
      expect(() => at(size)).toThrow(new RegExp(`such as 32, not ${size} x ${size}$`));
    }
  });
});
