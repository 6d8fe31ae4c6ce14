/** Looks at a G that makes images: samples, a square of its latent space, and the data beside them. */

import { openGenerator } from '../../../src/evaluate/network-runner.js';
import type { GanSpec } from '../../../src/export/index.js';
import { sampleLatents } from '../../../src/infer/latents.js';
import { quantile } from '../../../src/random/index.js';
import type { Dataset } from '../../../src/train/data/dataset.js';
import type { WebOrt } from './device.js';
import { dataDrawing, generatedDrawing } from './images-of.js';
import type { Viewer } from './viewer.js';

/** Images along each side of the square of the latent space. */
const SIDE = 8;
/** Images of the data to show. */
const SHOWN = 25;

/**
 * Latents over a square: every other component goes through its quantiles from left to right, the rest from top to bottom,
 * each forwards or backwards by the sign that it has in sample 0. Two components alone would change next to nothing.
 */
function squareLatents({ latent }: GanSpec, seed: number): Float32Array {
  const { size, distribution } = latent;
  const signs = sampleLatents({ size, distribution }, { count: 1, seed }).map(Math.sign);
  const along = Array.from({ length: SIDE }, (_, i) => quantile(distribution, (i + 0.5) / SIDE));
  const latents = new Float32Array(SIDE * SIDE * size);
  for (let row = 0; row < SIDE; row++) {
    for (let column = 0; column < SIDE; column++) {
      const at = (row * SIDE + column) * size;
      for (let i = 0; i < size; i++) latents[at + i] = signs[i]! * along[i % 2 === 0 ? column : row]!;
    }
  }
  return latents;
}

export async function openImageViewer(ort: WebOrt, gan: GanSpec, dataset: Dataset): Promise<Viewer> {
  const generator = await openGenerator(ort, gan);
  const shown = Math.min(SHOWN, dataset.description.count);
  const data = new Uint8Array(shown * gan.image.reduce((a, b) => a * b, 1));
  dataset.read(
    Uint32Array.from({ length: shown }, (_, i) => i),
    data,
  );
  return {
    async look(step, state, { seed, count }) {
      const latents = sampleLatents(gan.latent, { count, seed });
      const square = squareLatents(gan, seed);
      const all = new Float32Array(latents.length + square.length);
      all.set(latents);
      all.set(square, latents.length);
      const images = await generator.run(state, all);
      const split = (images.length / (count + SIDE * SIDE)) * count;
      return {
        step,
        kind: 'images',
        samples: generatedDrawing(images.subarray(0, split), gan.image),
        manifold: generatedDrawing(images.subarray(split), gan.image),
        data: dataDrawing(data, gan.image),
      };
    },
    generate: (state, latents) => generator.run(state, latents),
    explore: async (state, latents) => generatedDrawing(await generator.run(state, latents), gan.image),
    release: () => generator.release(),
  };
}
