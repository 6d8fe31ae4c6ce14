/** Small runs of the playground. */

import type { Settings } from '../../web/playground/protocol.js';

export const POINTS: Settings = {
  data: { kind: 'points', name: 'mixture-1d' },
  network: 'points',
  units: 8,
  latentSize: 1,
  imageSize: 28,
  channels: 1,
  loss: 'nonsaturating',
  optimizer: 'adam',
  learningRate: 1e-3,
  momentum: 0,
  schedule: 'd-first',
  k: 2,
  batchSize: 16,
  seed: 3,
  device: 'wasm',
};

export const DIGITS: Settings = {
  ...POINTS,
  data: { kind: 'digits' },
  network: 'mlp',
  latentSize: 8,
  learningRate: 5e-4,
  momentum: 0.5,
  schedule: 'joint',
  k: 1,
};

/** For files that the page itself makes. */
export const IMAGES: Settings = {
  ...DIGITS,
  data: { kind: 'images', files: [] },
  imageSize: 8,
  channels: 3,
  batchSize: 64,
};
