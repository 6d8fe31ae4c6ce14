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

/** What the convolutional pair is as wide as; the authors' numbers by default. */
export interface CifarConvWidths {
  /** Units of G's first layer. */
  hidden: number;
  /** Channels that G's deconvolution begins with, of the smallest image that it can begin with. */
  start: number;
  /** Maxout units of D: three layers of convolutions and one of linear maps. */
  units: readonly [number, number, number, number];
}

const CIFAR_CONV: CifarConvWidths = { hidden: 8000, start: 80, units: [32, 32, 192, 500] };

/** Maxout of two convolutions, with zeros around the image, and maxima over windows; the last of those may end outside. */
function maxoutConv(units: number, kernel: number, padding: number, pool: number): Layer[] {
  return [
    { kind: 'conv', channels: 2 * units, kernel, padding, weight: uniform(0.005), bias: zero },
    { kind: 'channelMaxout', pieces: 2 },
    { kind: 'maxPool', kernel: pool, stride: 2, ceil: true },
  ];
}

/**
 * cifar10_convolutional.yaml: G ends with a deconvolution of stride 3 whose bias is each pixel's own, D begins with three
 * convolutions: [3, 32, 32] -> [32, 16, 16] -> [32, 7, 7] -> [192, 5, 5]. Images of normalised contrast, as those of
 * `goodfellowCifarFc`. 77 million parameters for CIFAR-10. Its limits to norms and its learning rates of single layers are all
 * commented out, so there are none here.
 *
 * @throws RangeError when no deconvolution of 5 x 5 with stride 3 makes images of that size, or D has no room in them
 */
export function goodfellowCifarConv({ image, latentSize }: GanSize, widths = CIFAR_CONV): GanSpec {
  const [channels, height, width] = image;
  if ([height, width].some((size) => size < 8 || size % 3 !== 2)) {
    throw new RangeError(
      `goodfellow-cifar-conv makes images of 8, 11, 14 and so on pixels, such as 32, not ${height} x ${width}`,
    );
  }
  const start = [widths.start, (height - 2) / 3, (width - 2) / 3] as const;
  const [first, second, third, last] = widths.units;
  const weight = uniform(0.05);
  const small = { weight: uniform(0.005), bias: zero };
  return {
    name: 'goodfellow-cifar-conv',
    latent: { size: latentSize, distribution: { kind: 'normal' } },
    image,
    range: [-1, 1],
    contrastNorm: 55,
    generator: {
      name: 'generator',
      inputs: latentSize,
      layers: [
        { kind: 'linear', units: widths.hidden, weight, bias: zero },
        { kind: 'relu' },
        { kind: 'linear', units: start[0] * start[1] * start[2], weight, bias: zero },
        { kind: 'sigmoid' },
        { kind: 'reshape', shape: start },
        { kind: 'convTranspose', channels, kernel: 5, stride: 3, untiedBias: true, weight, bias: zero },
        { kind: 'flatten' },
      ],
    },
    discriminator: {
      name: 'discriminator',
      inputs: channels * height * width,
      layers: [
        { kind: 'dropout', keep: 0.8 },
        { kind: 'reshape', shape: image },
        ...maxoutConv(first, 8, 4, 4),
        { kind: 'dropout', keep: 0.5 },
        ...maxoutConv(second, 8, 3, 4),
        { kind: 'dropout', keep: 0.5 },
        ...maxoutConv(third, 5, 3, 2),
        { kind: 'dropout', keep: 0.5 },
        { kind: 'flatten' },
        { kind: 'maxout', units: last, pieces: 5, ...small },
        { kind: 'dropout', keep: 0.5 },
        { kind: 'linear', units: 1, ...small },
      ],
    },
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
