/** Network pairs for points of toy data: small multilayer perceptrons. */

import type { Layer } from './layers.js';
import type { PointGanSpec } from './networks.js';

/** What a network pair for points is sized by. */
export interface PointGanSize {
  /** Coordinates of a point. */
  points: number;
  /** Components of a latent. */
  latentSize: number;
  /** Units of each hidden layer. */
  units: number;
}

/**
 * Hidden layers by the number of coordinates: smooth ones on a line, where D's curve is looked at; in the plane, ReLU and one
 * layer more, with which G can tear its latents apart. (3,000 steps on `ring`: a divergence of 0.006 in the place of 0.06.)
 */
const ON_A_LINE = { kind: 'tanh', layers: 2 } as const;
const IN_THE_PLANE = { kind: 'relu', layers: 3 } as const;

function perceptron({ points, units }: PointGanSize, outputs: number): Layer[] {
  const { kind, layers } = points === 1 ? ON_A_LINE : IN_THE_PLANE;
  const hidden = Array.from({ length: layers }, (): Layer[] => [{ kind: 'linear', units }, { kind }]);
  return [...hidden.flat(), { kind: 'linear', units: outputs }];
}

/**
 * Two hidden layers of tanh in each of G and D for numbers on a line, three of ReLU for points of a plane. Latents are normal: the
 * 2014 paper's Figure 1 has uniform ones, of which a continuous G cannot make the tails of a Gaussian, so that D, rightly,
 * never becomes 1/2 there.
 */
export function pointGan(size: PointGanSize): PointGanSpec {
  const { points, latentSize } = size;
  return {
    name: 'points',
    latent: { size: latentSize, distribution: { kind: 'normal' } },
    points,
    generator: { name: 'generator', inputs: latentSize, layers: perceptron(size, points) },
    discriminator: { name: 'discriminator', inputs: points, layers: perceptron(size, 1) },
  };
}
