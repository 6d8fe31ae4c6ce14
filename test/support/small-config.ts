/** The smallest run: the mlp pair on 8 x 8 images of an IDX folder, as `idxFolder` writes it. */

import { DEFAULT_CONFIG } from '../../src/train/index.js';

export const SMALL_CONFIG = {
  ...DEFAULT_CONFIG,
  gan: 'mlp',
  dataset: 'mnist',
  imageSize: 8,
  latentSize: 4,
} as const;
