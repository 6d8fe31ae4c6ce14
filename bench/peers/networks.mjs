/** gan.py's networks as the peers write them down: layer by layer, by the names of this project's state. */

/** Each linear layer of G, with the BatchNorm that follows it. */
export const GENERATOR = [
  { linear: 'generator.0' },
  { linear: 'generator.2', norm: 'generator.3' },
  { linear: 'generator.5', norm: 'generator.6' },
  { linear: 'generator.8', norm: 'generator.9' },
  { linear: 'generator.11' },
];
export const DISCRIMINATOR = [
  { linear: 'discriminator.0' },
  { linear: 'discriminator.2' },
  { linear: 'discriminator.4' },
];
/** Slope of LeakyReLU, and gan.py's eps of BatchNorm. */
export const [SLOPE, NORM_EPS] = [0.2, 0.8];
export const ADAM = { rate: 2e-4, b1: 0.5, b2: 0.999, eps: 1e-8 };
