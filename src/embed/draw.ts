/** Draws a generator's samples onto a canvas, one run of the model after the other, so that the page can go on between. */

import { type Generator, gridSize, imageGrid, latentBetween, toImageData, UserError } from '../infer/web.js';
import type { DrawSettings } from './attributes.js';
import type { Moves } from './controls.js';

/** Canvases that every browser can show. */
const MAX_PIXELS = 2 ** 24;
const PADDING = 2;

export interface DrawOptions {
  settings: DrawSettings;
  moves: Moves;
  /** Ends the drawing before its next run of the model. */
  signal: AbortSignal;
  onProgress: (done: number, total: number) => void;
}

/** A task of its own, in which the page answers its visitor. */
function otherWork(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/** Latents of some of the samples, moved as the sliders say; float32 [count, latent]. */
function movedLatents(
  generator: Generator,
  { seed, interpolate }: DrawSettings,
  { shifts, way }: Moves,
  { start, count }: { start: number; count: number },
): Float32Array {
  const size = generator.description.latentSize;
  const latents = generator.latents({ count, seed, start });
  if (interpolate !== undefined && way > 0) {
    const targets = generator.latents({ count, seed: seed + 1, start });
    for (let i = 0; i < latents.length; i += size) {
      const [from, to] = [latents.slice(i, i + size), targets.subarray(i, i + size)];
      latents.set(latentBetween(from, to, way, interpolate), i);
    }
  }
  for (const [component, shift] of shifts.entries()) {
    for (let i = component; i < latents.length; i += size) latents[i]! += shift;
  }
  return latents;
}

/**
 * @throws UserError when the picture would be too large for a browser; what the generator throws; the signal's reason
 */
export async function drawSamples(
  generator: Generator,
  canvas: HTMLCanvasElement,
  { settings, moves, signal, onProgress }: DrawOptions,
): Promise<void> {
  const { count, start } = settings;
  const { image, batch } = generator.description;
  const columns = settings.columns ?? Math.ceil(Math.sqrt(count));
  const { width, height } = gridSize(count, image, { columns, padding: PADDING });
  if (width * height > MAX_PIXELS) {
    throw new UserError(
      `a picture of ${count} images of ${image[2]} x ${image[1]} pixels is too large: use a smaller count`,
    );
  }
  const data = new Float32Array(count * image[0] * image[1] * image[2]);
  for (let done = 0; done < count; ) {
    signal.throwIfAborted();
    const n = Math.min(batch, count - done);
    const latents = movedLatents(generator, settings, moves, { start: start + done, count: n });
    const samples = await generator.fromLatents(latents);
    data.set(samples.data, (data.length / count) * done);
    done += n;
    onProgress(done, count);
    if (done < count) await otherWork();
  }
  signal.throwIfAborted();
  canvas.width = width;
  canvas.height = height;
  const picture = imageGrid({ count, shape: image, data }, { columns, padding: PADDING });
  canvas.getContext('2d')!.putImageData(toImageData(picture), 0, 0);
}
