/** The table of network pairs. A new one is an entry here and touches nothing else. */

import { goodfellowCifarConv, goodfellowCifarFc, goodfellowMnist } from './goodfellow.js';
import type { Initialiser, Layer } from './layers.js';
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

const normal = (mean: number): Initialiser => ({ kind: 'normal', mean, deviation: 0.02 });

/** A convolution 3 x 3 as dcgan.py initialises it; its bias is PyTorch's. */
function conv3(channels: number, stride = 1): Layer {
  return { kind: 'conv', channels, kernel: 3, stride, padding: 1, weight: normal(0) };
}

function norm2d(eps: number): Layer {
  return { kind: 'batchNorm', eps, momentum: 0.1, weight: normal(1) };
}

/**
 * dcgan.py of PyTorch-GAN, to the letter: eps is 0.8 in all normalisations but G's first, and D normalises after its
 * dropout. D is called three times a step, on G's images for G's loss, on real ones and on G's again, each time with
 * statistics and dropout masks of that call. Its default is 32 pixels; at sizes that are no multiple of 16, such as 28, it fails,
 * because it reckons D's last image one pixel too small, and here D's last layer takes what really comes out (2 x 2 of 28).
 */
function dcgan({ image, latentSize }: GanSize): GanSpec {
  const [channels, height, width] = image;
  if (height % 4 !== 0 || width % 4 !== 0) {
    throw new RangeError(`dcgan makes images of a multiple of 4 pixels, not ${height} x ${width}`);
  }
  const start = [128, height / 4, width / 4] as const;
  const pixels = channels * height * width;
  const normalised = (units: number): Layer[] => [conv3(units), norm2d(0.8), leakyRelu];
  const halved = (units: number): Layer[] => [conv3(units, 2), leakyRelu, { kind: 'dropout2d', keep: 0.75 }];
  return {
    name: 'dcgan',
    latent: { size: latentSize, distribution: { kind: 'normal' } },
    image,
    range: [-1, 1],
    generator: {
      name: 'generator',
      inputs: latentSize,
      layers: [
        { kind: 'linear', units: start[0] * start[1] * start[2] },
        { kind: 'reshape', shape: start },
        norm2d(1e-5),
        { kind: 'upsample', factor: 2 },
        ...normalised(128),
        { kind: 'upsample', factor: 2 },
        ...normalised(64),
        conv3(channels),
        { kind: 'tanh' },
        { kind: 'flatten' },
      ],
    },
    discriminator: {
      name: 'discriminator',
      inputs: pixels,
      layers: [
        { kind: 'reshape', shape: image },
        ...halved(16),
        ...[32, 64, 128].flatMap((units): Layer[] => [...halved(units), norm2d(0.8)]),
        { kind: 'flatten' },
        { kind: 'linear', units: 1 },
      ],
    },
    passForEachLoss: true,
  };
}

export const GANS = {
  'pytorch-gan': pytorchGan,
  dcgan,
  mlp,
  'goodfellow-mnist': goodfellowMnist,
  'goodfellow-cifar-fc': goodfellowCifarFc,
  'goodfellow-cifar-conv': (size) => goodfellowCifarConv(size),
} satisfies Record<string, (size: GanSize) => GanSpec>;

export type GanName = keyof typeof GANS;
