/** Network pairs for points of toy data: small multilayer perceptrons, smooth, so that p_g and D's curve are smooth. */

import type { Layer } from './layers.js';
import type { PointGanSpec } from './networks.js';

/** What a network pair for points is sized by. */
export interface PointGanSize {
  /** Coordinates of a point. */
  points: number;
  /** Components of a latent. */
  latentSize: number;
  /** Units of each of the two hidden layers. */
  units: number;
}

function perceptron(units: number, outputs: number): Layer[] {
  return [
    { kind: 'linear', units },
    { kind: 'tanh' },
    { kind: 'linear', units },
    { kind: 'tanh' },
    { kind: 'linear', units: outputs },
  ];
}

/**
 * Two hidden layers of tanh in each of G and D. Latents are normal: the 2014 paper's Figure 1 has uniform ones, of which a
 * continuous G cannot make the tails of a Gaussian, so that D, rightly, never becomes 1/2 there.
 */
export function pointGan({ points, latentSize, units }: PointGanSize): PointGanSpec {
  return {
    name: 'points',
    latent: { size: latentSize, distribution: { kind: 'normal' } },
    points,
    generator: { name: 'generator', inputs: latentSize, layers: perceptron(units, points) },
    discriminator: { name: 'discriminator', inputs: points, layers: perceptron(units, 1) },
  };
}
