/** Latents: those of a numbered sample, and those on the way from one to another. */

import { type Distribution, randomRows } from '../random/index.js';

export interface SampleRequest {
  /** How many samples; at least 1. */
  count: number;
  /** Integer in [0, 2^53); 0 by default. */
  seed?: number;
  /** Number of the first sample; 0 by default. */
  start?: number;
}

/**
 * The latents of samples start .. start + count - 1 of a seed, float32 [count, size].
 *
 * @throws RangeError when seed or start is not a safe non-negative integer
 */
export function sampleLatents(
  latent: { size: number; distribution: Distribution },
  { count, seed = 0, start = 0 }: SampleRequest,
): Float32Array {
  const shape = { count, width: latent.size };
  return randomRows(latent.distribution, shape, { seed, stream: 'sampleLatents', start });
}

/** Writes the point at `t` of the way from `from` to `to`. */
type Path = (from: Float32Array, to: Float32Array, t: number, out: Float32Array) => void;

function weighted(from: Float32Array, to: Float32Array, a: number, b: number, out: Float32Array): void {
  for (let i = 0; i < out.length; i++) out[i] = a * from[i]! + b * to[i]!;
}

function linear(from: Float32Array, to: Float32Array, t: number, out: Float32Array): void {
  weighted(from, to, 1 - t, t, out);
}

/** Sine of the angle below which a great circle is a line to float32. */
const NEARLY_PARALLEL = 1e-6;

/**
 * Along the great circle between the two directions, as "slerp" has it, so that points between normal latents keep
 * about their length; parallel ones, and those opposite to each other, which have no one circle, are joined linearly.
 *
 * Source: Shoemake, "Animating rotation with quaternion curves", SIGGRAPH 1985.
 */
function spherical(from: Float32Array, to: Float32Array, t: number, out: Float32Array): void {
  let dot = 0;
  let fromSquares = 0;
  let toSquares = 0;
  for (let i = 0; i < from.length; i++) {
    dot += from[i]! * to[i]!;
    fromSquares += from[i]! * from[i]!;
    toSquares += to[i]! * to[i]!;
  }
  const norm = Math.sqrt(fromSquares * toSquares);
  const angle = norm === 0 ? 0 : Math.acos(Math.max(-1, Math.min(1, dot / norm)));
  const sine = Math.sin(angle);
  if (sine < NEARLY_PARALLEL) linear(from, to, t, out);
  else weighted(from, to, Math.sin((1 - t) * angle) / sine, Math.sin(t * angle) / sine, out);
}

export const INTERPOLATIONS = { linear, spherical } satisfies Record<string, Path>;

export type Interpolation = keyof typeof INTERPOLATIONS;

/**
 * The latent at `t` of the way from one to another.
 *
 * @param from float32 [latent] @param to float32 [latent] @param t 0 (`from`) to 1 (`to`)
 * @returns float32 [latent]
 * @throws RangeError when the two have different sizes, or `mode` is unknown
 */
export function latentBetween(
  from: Float32Array,
  to: Float32Array,
  t: number,
  mode: Interpolation = 'linear',
): Float32Array {
  if (from.length !== to.length) {
    throw new RangeError(`from has ${from.length} components and to has ${to.length}: expected as many`);
  }
  if (!Object.hasOwn(INTERPOLATIONS, mode)) {
    throw new RangeError(`mode is ${mode}: expected one of ${Object.keys(INTERPOLATIONS).join(', ')}`);
  }
  const out = new Float32Array(from.length);
  INTERPOLATIONS[mode](from, to, t, out);
  return out;
}

/**
 * Latents from one to another, both ends among them, at equal steps.
 *
 * @param from float32 [latent] @param to float32 [latent]
 * @param steps how many, at least 2
 * @returns float32 [steps, latent]
 * @throws RangeError when `steps` is below 2; otherwise as `latentBetween`
 */
export function interpolateLatents(
  from: Float32Array,
  to: Float32Array,
  steps: number,
  mode: Interpolation = 'linear',
): Float32Array {
  if (!Number.isSafeInteger(steps) || steps < 2) {
    throw new RangeError(`steps is ${steps}: expected a whole number of at least 2`);
  }
  const size = from.length;
  const out = new Float32Array(steps * size);
  for (let i = 0; i < steps; i++) out.set(latentBetween(from, to, i / (steps - 1), mode), i * size);
  return out;
}
