/**
 * Samples an exported generator. Sample k of seed s is a function of (model, s, k) and the device alone: its latent is
 * counter-based, and the model runs on whole tiles of samples that are aligned to k, or on smaller batches that give the
 * same bits.
 */

import { InvalidModelError } from '../onnx/index.js';
import { type Batches, verifiedBatches } from './batches.js';
import { type Interpolation, interpolateLatents, type SampleRequest, sampleLatents } from './latents.js';
import { allFinite, toPlanes } from './planes.js';
import type { GeneratorDescription } from './read-generator.js';
import { type PictureMaker, Samples } from './samples.js';

/** Where a loaded model runs. */
export interface Placement {
  /** For example `cpu` or `webgpu`. */
  device: string;
  /** Why there, in words. */
  reason: string;
  /** Whether all of the model is known to run there, rather than some of it on the CPU. */
  wholly: boolean;
}

/** A loaded model: latents float32 [n, latent] in, n images in the model's own range and order of axes out. */
export interface LoadedModel {
  readonly placement: Placement;
  run(latents: Float32Array): Promise<Float32Array>;
  release(): Promise<void>;
}

export interface InterpolateRequest {
  /** Where it begins: a latent, float32 [latent], or the number of a sample of `seed`. */
  from: Float32Array | number;
  /** Where it ends. */
  to: Float32Array | number;
  /** Images, both ends among them; at least 2. */
  steps: number;
  /** `linear`, as in the 2014 paper's Figure 3, by default; `spherical` keeps the length of normal latents. */
  mode?: Interpolation;
  /** Seed of numbered samples; 0 by default. */
  seed?: number;
}

/**
 * Checks that a request names samples that exist.
 *
 * @throws RangeError naming what does not fit
 */
function checkRequest({ count, seed = 0, start = 0 }: SampleRequest, batch: number): void {
  const names = { count, seed, start };
  for (const [name, value] of Object.entries(names)) {
    const least = name === 'count' ? 1 : 0;
    if (!Number.isSafeInteger(value) || value < least) {
      throw new RangeError(`${name} is ${value}: expected a whole number of at least ${least}`);
    }
  }
  if (!Number.isSafeInteger(start + count + batch)) {
    throw new RangeError(`start is ${start}: expected less than 2^53 - 1 minus count`);
  }
}

/** A generator that is ready to draw; `Generator.load` makes one. */
export class LoadedGenerator<Image> {
  private readonly batches: Batches;
  /** float32 values of an image. */
  private readonly pixels: number;

  constructor(
    readonly description: GeneratorDescription,
    private readonly model: LoadedModel,
    private readonly makePicture: PictureMaker<Image>,
  ) {
    const { batch, image } = description;
    this.pixels = image.reduce((a, b) => a * b, 1);
    this.batches = verifiedBatches(
      (z) => model.run(z),
      () => this.latents({ count: batch }),
      batch,
    );
  }

  /** Where the model runs, and why there. */
  get placement(): Placement {
    return this.model.placement;
  }

  /**
   * Draws samples `start` to `start + count - 1` of `seed`.
   *
   * @throws RangeError when count is not a positive integer, or seed or start not a non-negative one
   * @throws InvalidModelError when the model cannot be run as it describes itself, or its images are not finite, and
   * what the platform's loader says when a device fails
   *
   * @example
   * const samples = await generator.sample({ count: 16, seed: 1 });
   * samples.data; // float32 [16, C, H, W] in [-1, 1]
   * const first = await samples.image(0); // PNG bytes in Node, ImageData in a page
   */
  async sample(request: SampleRequest): Promise<Samples<Image>> {
    const { count, seed = 0, start = 0 } = request;
    const { batch } = this.description;
    checkRequest(request, batch);
    return this.draw(count, start % batch, (first, n, whole) => {
      if (!whole) return { z: this.latents({ count: n, seed, start: start + first }), row: 0 };
      const tile = start + first - ((start + first) % batch);
      return { z: this.latents({ count: batch, seed, start: tile }), row: start + first - tile };
    });
  }

  /**
   * Draws the images of latents.
   *
   * @param latents float32 [count, latent], one after the other
   * @throws RangeError when that is no whole number of latents, or one of them is not finite; otherwise as `sample`
   *
   * @example
   * const z = generator.latents({ count: 1, seed: 1 });
   * z[0] = 2.5;
   * const moved = await generator.fromLatents(z);
   */
  async fromLatents(latents: Float32Array): Promise<Samples<Image>> {
    const { latentSize } = this.description;
    const count = latents.length / latentSize;
    if (count < 1 || !Number.isSafeInteger(count)) {
      throw new RangeError(
        `latents have ${latents.length} components: expected a multiple of ${latentSize}, the model's latent size`,
      );
    }
    if (!allFinite(latents)) throw new RangeError('latents hold a value that is not finite');
    return this.draw(count, 0, (first, n) => ({
      z: latents.slice(first * latentSize, (first + n) * latentSize),
      row: 0,
    }));
  }

  /**
   * Draws the images on the way from one latent to another, both ends among them.
   *
   * @throws RangeError when `steps` is below 2 or a latent has another size than the model's; otherwise as `sample`
   *
   * @example
   * const strip = await generator.interpolate({ from: 0, to: 7, steps: 9, mode: 'spherical', seed: 1 });
   */
  async interpolate({ from, to, steps, mode, seed = 0 }: InterpolateRequest): Promise<Samples<Image>> {
    const { latentSize } = this.description;
    const end = (of: Float32Array | number): Float32Array => {
      if (typeof of === 'number') return this.latents({ count: 1, seed, start: of });
      if (of.length === latentSize) return of;
      throw new RangeError(
        `a latent has ${of.length} components: expected ${latentSize}, the model's latent size`,
      );
    };
    const latents = interpolateLatents(end(from), end(to), steps, mode);
    return this.fromLatents(latents);
  }

  /**
   * The latents of numbered samples, float32 [count, latent].
   *
   * @throws RangeError as `sample`
   */
  latents(request: SampleRequest): Float32Array {
    const { latentSize, distribution, batch } = this.description;
    checkRequest(request, batch);
    return sampleLatents({ size: latentSize, distribution }, request);
  }

  /**
   * Draws `count` images in tiles of the model's batch.
   *
   * @param offset of the first sample in its tile
   * @param feed gives the latents of a run that has samples first .. first + n - 1 from its row `row` on; `whole` runs are
   *   as large as a tile, so that samples may stand in them where they stand in their tile
   */
  private async draw(
    count: number,
    offset: number,
    feed: (first: number, n: number, whole: boolean) => { z: Float32Array; row: number },
  ): Promise<Samples<Image>> {
    const { batch, fixedBatch, latentSize, image } = this.description;
    const latents = new Float32Array(count * latentSize);
    const data = new Float32Array(count * this.pixels);
    for (let first = 0; first < count; ) {
      const n = Math.min(count - first, first === 0 ? batch - offset : batch);
      const size = n === batch || fixedBatch ? batch : await this.batches.sizeFor(n);
      const { z, row } = feed(first, n, size === batch);
      const images = await this.images(z, size);
      latents.set(z.subarray(row * latentSize, (row + n) * latentSize), first * latentSize);
      data.set(images.subarray(row * this.pixels, (row + n) * this.pixels), first * this.pixels);
      first += n;
    }
    return new Samples(image, data, latents, this.makePicture);
  }

  /** Runs latents at a batch of `size`, which may be more than they are. */
  private async images(z: Float32Array, size: number): Promise<Float32Array> {
    const { latentSize } = this.description;
    let rows = z;
    if (z.length < size * latentSize) {
      rows = new Float32Array(size * latentSize);
      rows.set(z);
    }
    const images = await this.model.run(rows);
    if (!allFinite(images)) throw new InvalidModelError('its images are not numbers (NaN or infinite)');
    return toPlanes(images, this.description);
  }

  /** Frees the model. */
  async release(): Promise<void> {
    await this.model.release();
  }
}
