/**
 * The networks of the 2014 paper, as its authors' code has them (goodfeli/adversarial, June 2014): G of ReLU or sigmoid
 * layers, D of maxout with dropout on the input of each layer.
 */

import type { GanSize } from './gans.js';
import type { Initialiser, Layer } from './layers.js';
import type { GanSpec } from './networks.js';

const zero: Initialiser = { kind: 'constant', value: 0 };

const uniform = (halfWidth: number): Initialiser => ({ kind: 'uniform', halfWidth });

/** Two maxout layers of 5 pieces and a logit, U(+-0.005); inputs are kept with probability 0.8, hidden units with 0.5. */
function maxoutDiscriminator(units: number): Layer[] {
  const small = { weight: uniform(0.005), bias: zero };
  return [
    { kind: 'dropout', keep: 0.8 },
    { kind: 'maxout', units, pieces: 5, ...small },
    { kind: 'dropout', keep: 0.5 },
    { kind: 'maxout', units, pieces: 5, ...small },
    { kind: 'dropout', keep: 0.5 },
    { kind: 'linear', units: 1, ...small },
  ];
}

/**
 * cifar10_fully_connected.yaml: images of normalised contrast, so G ends without a squashing function. 127 million parameters
 * for CIFAR-10.
 */
export function goodfellowCifarFc({ image, latentSize }: GanSize): GanSpec {
  const pixels = image[0] * image[1] * image[2];
  const weight = uniform(0.05);
  return {
    name: 'goodfellow-cifar-fc',
    latent: { size: latentSize, distribution: { kind: 'normal' } },
    image,
    range: [-1, 1],
    contrastNorm: 55,
    generator: {
      name: 'generator',
      inputs: latentSize,
      layers: [
        { kind: 'linear', units: 8000, weight, bias: zero },
        { kind: 'relu' },
        { kind: 'linear', units: 8000, weight, bias: zero },
        { kind: 'sigmoid' },
        { kind: 'linear', units: pixels, weight: uniform(0.5), bias: zero },
      ],
    },
    discriminator: { name: 'discriminator', inputs: pixels, layers: maxoutDiscriminator(1600) },
  };
}

/** mnist.yaml: pixels in [0, 1]; G begins with the mean image of the training set. */
export function goodfellowMnist({ image, latentSize }: GanSize): GanSpec {
  const pixels = image[0] * image[1] * image[2];
  const weight = uniform(0.05);
  return {
    name: 'goodfellow-mnist',
    // Unit variance, like the normal latents of the others.
    latent: { size: latentSize, distribution: { kind: 'uniform', halfWidth: Math.sqrt(3) } },
    image,
    range: [0, 1],
    generator: {
      name: 'generator',
      inputs: latentSize,
      layers: [
        { kind: 'linear', units: 1200, weight, bias: zero },
        { kind: 'relu' },
        { kind: 'linear', units: 1200, weight, bias: zero },
        { kind: 'relu' },
        { kind: 'linear', units: pixels, weight, bias: { kind: 'logitOfMeanImage', clip: 1e-7 } },
        { kind: 'sigmoid' },
      ],
    },
    discriminator: { name: 'discriminator', inputs: pixels, layers: maxoutDiscriminator(240) },
  };
}
