/**
 * Samples an exported generator. Sample k of seed s is a function of (model, s, k) and the device alone: its latent is
 * counter-based, and the model always runs on whole tiles of samples that are aligned to k, because matrix kernels may
 * round differently for different batch sizes.
 */

import { InvalidModelError } from '../onnx/index.js';
import { type Distribution, randomRows } from '../random/index.js';
import { describeGenerator, type GeneratorDescription, TILE } from './description.js';
import type { ImageStack } from './pixels.js';

/** Where a loaded model runs. */
export interface Placement {
  /** For example `cpu` or `webgpu`. */
  device: string;
  /** Why there, in words. */
  reason: string;
  /** Whether all of the model is known to run there, rather than some of it on the CPU. */
  wholly: boolean;
}

/** A loaded model: latents float32 [TILE, latent] in, images float32 [TILE, C, H, W] out. */
export interface LoadedModel {
  readonly placement: Placement;
  run(latents: Float32Array): Promise<Float32Array>;
  release(): Promise<void>;
}

/** Makes a session from a model's bytes; one implementation for each platform. */
export type ModelLoader = (bytes: Uint8Array, description: GeneratorDescription) => Promise<LoadedModel>;

export interface SampleRequest {
  /** How many samples; at least 1. */
  count: number;
  /** Integer in [0, 2^53); 0 by default. */
  seed?: number;
  /** Number of the first sample; 0 by default. */
  start?: number;
}

/** Samples: float32 [count, C, H, W] in [-1, 1], with the latents float32 [count, latent] that made them. */
export interface Samples extends ImageStack {
  latents: Float32Array;
}

/**
 * Checks that a request names samples that exist.
 *
 * @throws RangeError naming what does not fit
 */
function checkRequest({ count, seed = 0, start = 0 }: SampleRequest): void {
  const names = { count, seed, start };
  for (const [name, value] of Object.entries(names)) {
    const least = name === 'count' ? 1 : 0;
    if (!Number.isSafeInteger(value) || value < least) {
      throw new RangeError(`${name} is ${value}: expected a whole number of at least ${least}`);
    }
  }
  if (!Number.isSafeInteger(start + count + TILE)) {
    throw new RangeError(`start is ${start}: expected less than 2^53 - 1 minus count`);
  }
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

export class Generator {
  private constructor(
    readonly description: GeneratorDescription,
    private readonly model: LoadedModel,
  ) {}

  /**
   * @param bytes a generator file
   * @param load the platform's loader
   * @throws InvalidModelError when the bytes are not a generator, or ONNX Runtime refuses them
   */
  static async create(bytes: Uint8Array, load: ModelLoader): Promise<Generator> {
    const description = describeGenerator(bytes);
    return new Generator(description, await load(bytes, description));
  }

  /** Where the model runs, and why there. */
  get placement(): Placement {
    return this.model.placement;
  }

  /**
   * Draws samples `start` to `start + count - 1` of `seed`.
   *
   * @returns images float32 [count, C, H, W] in [-1, 1] (if the model keeps its promise), and their latents
   * @throws RangeError when count is not a positive integer, or seed or start not a non-negative one
   * @throws InvalidModelError when the model cannot be run as it describes itself, or its images are not finite, and
   * what the platform's loader says when a device fails
   */
  async sample(request: SampleRequest): Promise<Samples> {
    const { count, seed = 0, start = 0 } = request;
    checkRequest(request);
    const { image, latentSize, distribution } = this.description;
    const latent = { size: latentSize, distribution };
    const pixels = image[0] * image[1] * image[2];
    const latents = new Float32Array(count * latentSize);
    const data = new Float32Array(count * pixels);
    const end = start + count;
    for (let tile = start - (start % TILE); tile < end; tile += TILE) {
      const z = sampleLatents(latent, { count: TILE, seed, start: tile });
      const images = await this.model.run(z);
      if (images.some((value) => !Number.isFinite(value))) {
        throw new InvalidModelError('its images are not numbers (NaN or infinite)');
      }
      const first = Math.max(start, tile);
      const last = Math.min(end, tile + TILE);
      latents.set(
        z.subarray((first - tile) * latentSize, (last - tile) * latentSize),
        (first - start) * latentSize,
      );
      data.set(images.subarray((first - tile) * pixels, (last - tile) * pixels), (first - start) * pixels);
    }
    return { count, shape: image, data, latents };
  }

  /** Frees the model. */
  async release(): Promise<void> {
    await this.model.release();
  }
}
