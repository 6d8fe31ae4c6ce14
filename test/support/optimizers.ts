/** Optimisers that tests train with. */

import type { OptimizerSpec } from '../../src/export/index.js';

export const ADAM = {
  kind: 'adam',
  learningRate: { kind: 'constant', value: 1e-3 },
  b1: 0.5,
  b2: 0.999,
  eps: 1e-8,
} as const satisfies OptimizerSpec;

/** Momentum SGD whose rate and momentum change from step to step. */
export const SGD = {
  kind: 'sgd',
  learningRate: { kind: 'exponential', initial: 0.1, factor: 0.99, minimum: 0.01 },
  momentum: { kind: 'linear', from: 0.5, to: 0.7, steps: 10 },
} as const satisfies OptimizerSpec;
