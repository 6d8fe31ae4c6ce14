import { describe, expect, it } from 'vitest';
import { GANS, initialState, networkParameters, startsFromMeanImage } from '../../src/export/index.js';
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
