/** The table of network pairs. A new one is an entry here and touches nothing else. */

import { goodfellowCifarFc, goodfellowMnist } from './goodfellow.js';
import type { Layer } from './layers.js';
import type { GanSpec } from './networks.js';

/** What a network pair is sized by. */
export interface GanSize {
  /** [channels, height, width] */
  image: readonly [number, number, number];
  /** Components of a latent. */
  latentSize: number;
}

const leakyRelu: Layer = { kind: 'leakyRelu', slope: 0.2 };

/** A linear map, batch normalisation with PyTorch's momentum, and LeakyReLU. */
function normalisedLinear(units: number, eps: number): Layer[] {
  return [{ kind: 'linear', units }, { kind: 'batchNorm', eps, momentum: 0.1 }, leakyRelu];
}

/**
 * gan.py of PyTorch-GAN, to the letter: BatchNorm1d(n, 0.8) passes 0.8 as eps, and momentum stays at 0.1. D's
 * sigmoid is part of the loss.
 */
function pytorchGan({ image, latentSize }: GanSize): GanSpec {
  const pixels = image[0] * image[1] * image[2];
  const normalised = (units: number) => normalisedLinear(units, 0.8);
  return {
    name: 'pytorch-gan',
    latent: { size: latentSize, distribution: { kind: 'normal' } },
    image,
    range: [-1, 1],
    generator: {
      name: 'generator',
      inputs: latentSize,
      layers: [
        { kind: 'linear', units: 128 },
        leakyRelu,
        ...normalised(256),
        ...normalised(512),
        ...normalised(1024),
        { kind: 'linear', units: pixels },
        { kind: 'tanh' },
      ],
    },
    discriminator: {
      name: 'discriminator',
      inputs: pixels,
      layers: [
        { kind: 'linear', units: 512 },
        leakyRelu,
        { kind: 'linear', units: 256 },
        leakyRelu,
        { kind: 'linear', units: 1 },
      ],
    },
  };
}

/**
 * A smaller pair that shows digits within a minute: ordinary batch normalisation in G, and dropout in D, which keeps
 * D from winning early and G from collapsing.
 */
function mlp({ image, latentSize }: GanSize): GanSpec {
  const pixels = image[0] * image[1] * image[2];
  const normalised = (units: number) => normalisedLinear(units, 1e-5);
  const dropped = (units: number): Layer[] => [
    { kind: 'linear', units },
    leakyRelu,
    { kind: 'dropout', keep: 0.7 },
  ];
  return {
    name: 'mlp',
    latent: { size: latentSize, distribution: { kind: 'normal' } },
    image,
    range: [-1, 1],
    generator: {
      name: 'generator',
      inputs: latentSize,
      layers: [...normalised(256), ...normalised(512), { kind: 'linear', units: pixels }, { kind: 'tanh' }],
    },
    discriminator: {
      name: 'discriminator',
      inputs: pixels,
      layers: [...dropped(512), ...dropped(256), { kind: 'linear', units: 1 }],
    },
  };
}

export const GANS = {
  'pytorch-gan': pytorchGan,
  mlp,
  'goodfellow-mnist': goodfellowMnist,
  'goodfellow-cifar-fc': goodfellowCifarFc,
} satisfies Record<string, (size: GanSize) => GanSpec>;

export type GanName = keyof typeof GANS;
