/** What can be chosen, in tables: kinds of data with their defaults, networks, and the names of everything else. */

import type { DataChoice, PlaygroundDevice, Settings } from '../protocol.js';

export type DataKind = 'line' | 'plane' | 'drawn-line' | 'drawn-plane' | 'digits' | 'images';

type Defaults = Omit<Settings, 'data' | 'seed' | 'device'>;

/** Points: Algorithm 1 with several updates of D, and Adam without momentum, with which G and D circle less. */
const POINTS: Defaults = {
  network: 'points',
  units: 32,
  latentSize: 1,
  imageSize: 28,
  channels: 1,
  loss: 'nonsaturating',
  optimizer: 'adam',
  learningRate: 0.0005,
  momentum: 0,
  schedule: 'd-first',
  k: 5,
  batchSize: 256,
};

const PLANE: Defaults = { ...POINTS, units: 64, latentSize: 2, learningRate: 0.001 };

/** Images: both networks move at once, as in most code since. */
const IMAGES: Defaults = {
  ...POINTS,
  network: 'mlp',
  latentSize: 64,
  learningRate: 0.0005,
  momentum: 0.5,
  schedule: 'joint',
  k: 1,
  batchSize: 64,
};

export interface DataKindEntry {
  label: string;
  /** Whether G makes points or images. */
  makes: 'points' | 'images';
  defaults: Defaults;
}

/** The kinds of data. A new one is an entry here. */
export const DATA_KINDS: Readonly<Record<DataKind, DataKindEntry>> = {
  line: { label: 'Points on a line', makes: 'points', defaults: POINTS },
  plane: { label: 'Points in the plane', makes: 'points', defaults: PLANE },
  'drawn-line': { label: 'Your own points on a line', makes: 'points', defaults: POINTS },
  'drawn-plane': { label: 'Your own points in the plane', makes: 'points', defaults: PLANE },
  digits: { label: 'Digits', makes: 'images', defaults: IMAGES },
  images: {
    label: 'Your own images',
    makes: 'images',
    defaults: { ...IMAGES, imageSize: 32, channels: 3 },
  },
};

export function kindOf(data: DataChoice): DataKind {
  if (data.kind === 'points') return data.name === 'mixture-1d' ? 'line' : 'plane';
  if (data.kind === 'drawn') return data.dimension === 1 ? 'drawn-line' : 'drawn-plane';
  return data.kind;
}

/** The settings with which a kind of data begins; seed and device stay as they are. */
export function defaultsFor(data: DataChoice, { seed, device }: Pick<Settings, 'seed' | 'device'>): Settings {
  return { ...DATA_KINDS[kindOf(data)].defaults, data, seed, device };
}

/** What the page opens with. */
export const OPENING = defaultsFor({ kind: 'points', name: 'mixture-1d' }, { seed: 0, device: 'auto' });

export type ImageNetwork = 'mlp' | 'dcgan' | 'pytorch-gan' | 'goodfellow-mnist';

export interface NetworkEntry {
  label: string;
  explanation: string;
  /** What is set when it is chosen: the settings of its source. */
  usual: Partial<Defaults>;
}

const ADAM = { optimizer: 'adam', momentum: 0.5 } as const;

/**
 * Networks for images. The 2014 paper's two for CIFAR-10 are left out: with 77 and 127 million parameters they take more
 * memory than a page has.
 */
export const NETWORKS: Readonly<Record<ImageNetwork, NetworkEntry>> = {
  mlp: {
    label: 'Small perceptron',
    explanation: 'Two hidden layers in each of G and D, with batch normalisation in G and dropout in D.',
    usual: { ...ADAM, learningRate: 0.0005 },
  },
  dcgan: {
    label: 'Convolutional (DCGAN)',
    explanation: 'Convolutions, which see neighbouring pixels together: better images, slower steps.',
    usual: { ...ADAM, learningRate: 0.0002 },
  },
  'pytorch-gan': {
    label: 'gan.py of PyTorch-GAN',
    explanation: 'Four hidden layers in G, two in D: a widely read implementation, to the letter.',
    usual: { ...ADAM, learningRate: 0.0002 },
  },
  'goodfellow-mnist': {
    label: 'The 2014 paper’s, for MNIST',
    explanation: 'Rectifiers in G, maxout and dropout in D, as its authors trained it: by SGD with momentum.',
    usual: { optimizer: 'sgd', momentum: 0.5, learningRate: 0.1 },
  },
};

/** One choice of a list. */
export type Option<T extends string> = readonly [value: T, label: string];

export const LOSSES: readonly Option<Settings['loss']>[] = [
  ['nonsaturating', 'non-saturating: −log D(G(z))'],
  ['minimax', 'minimax: log(1 − D(G(z)))'],
];

export const OPTIMIZERS: readonly Option<Settings['optimizer']>[] = [
  ['adam', 'Adam'],
  ['sgd', 'SGD with momentum'],
];

export const SCHEDULES: readonly Option<Settings['schedule']>[] = [
  ['d-first', 'D first, then G (Algorithm 1)'],
  ['joint', 'both at once'],
  ['g-first', 'G first, then D'],
];

export const DEVICES: readonly Option<PlaygroundDevice>[] = [
  ['auto', 'the fastest there is'],
  ['webgpu', 'GPU (WebGPU)'],
  ['wasm', 'processor (WebAssembly)'],
  ['training-api', 'ONNX Runtime’s training API'],
];

export const CHANNELS: readonly Option<'1' | '3'>[] = [
  ['1', 'grey'],
  ['3', 'colour'],
];

export const IMAGE_SIZES = [16, 28, 32, 48, 64] as const;
