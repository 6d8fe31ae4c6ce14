/** Network pairs for points of toy data: small multilayer perceptrons, smooth, so that densities and D's curve are smooth. */

import type { Layer } from './layers.js';
import type { PointGanSpec } from './networks.js';

/** What a network pair for points is sized by. */
export interface PointGanSize {
  /** Coordinates of a point. */
  points: number;
  /** Components of a latent, uniform on (-1, 1) as the 2014 paper draws them in its Figure 1. */
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

/** Two hidden layers of tanh in each of G and D. */
export function pointGan({ points, latentSize, units }: PointGanSize): PointGanSpec {
  return {
    name: 'points',
    latent: { size: latentSize, distribution: { kind: 'uniform', halfWidth: 1 } },
    points,
    generator: { name: 'generator', inputs: latentSize, layers: perceptron(units, points) },
    discriminator: { name: 'discriminator', inputs: points, layers: perceptron(units, 1) },
  };
}
