/** The latents of the explorer: two numbered samples, a place on the way between them, and shifts of single components. */

import { latentBetween, sampleLatents } from '../../../src/infer/latents.js';
import type { Distribution } from '../../../src/random/index.js';
import type { ExplorerInfo } from '../protocol.js';

/** Components that have a slider. */
export const MAX_SLIDERS = 6;
/** Latents along the way from the one to the other. */
export const ON_THE_WAY = 9;

export interface Place {
  /** Seeds of the two ends: each is sample 0 of its seed, as `gan-onnx sample` draws it. */
  from: number;
  to: number;
  /** Of the way, 0 to 1. */
  way: number;
  /** Added to the first components. */
  shifts: readonly number[];
}

const DISTRIBUTIONS: Record<ExplorerInfo['distribution'], Distribution> = {
  normal: { kind: 'normal' },
  // As the authors of the 2014 paper have it: of variance 1.
  uniform: { kind: 'uniform', halfWidth: Math.sqrt(3) },
};

/** @returns float32 [1 + ON_THE_WAY, latentSize]: the place itself, then the way from the first end to the second */
export function explorerLatents(
  { latentSize, distribution }: ExplorerInfo,
  { from, to, way, shifts }: Place,
): Float32Array {
  const latent = { size: latentSize, distribution: DISTRIBUTIONS[distribution] };
  const [first, second] = [from, to].map((seed) => sampleLatents(latent, { count: 1, seed }));
  const ways = [way, ...Array.from({ length: ON_THE_WAY }, (_, i) => i / (ON_THE_WAY - 1))];
  const out = new Float32Array(ways.length * latentSize);
  const mode = distribution === 'normal' && latentSize > 2 ? 'spherical' : 'linear';
  for (const [row, t] of ways.entries()) {
    out.set(latentBetween(first!, second!, t, mode), row * latentSize);
    for (const [i, shift] of shifts.entries()) if (i < latentSize) out[row * latentSize + i]! += shift;
  }
  return out;
}
