/**
 * Which batch sizes a model may run at. Matrix kernels may round differently for different batch sizes, so samples are
 * drawn in whole tiles; but who wants one image after the other should not wait for 64 each time. A smaller batch is used
 * once it has been seen to give, on this very session, the bits that the tile gives: the order of a kernel's sums depends
 * on sizes and not on values. The first small request pays for that look.
 */

/** Runs latents float32 [n, latent], n being the tile's size or smaller. */
export type BatchRun = (latents: Float32Array) => Promise<Float32Array>;

export interface Batches {
  /** The batch at which `count` samples, fewer than a tile, are drawn: at least `count`, at most the tile. */
  sizeFor(count: number): Promise<number>;
}

function sameBits(a: Float32Array, b: Float32Array): boolean {
  const [x, y] = [a, b].map((values) => new Int32Array(values.buffer, values.byteOffset, values.length));
  return x!.length === y!.length && x!.every((value, i) => value === y![i]);
}

/**
 * @param run runs the model
 * @param trial draws latents of a whole tile, float32 [tile, latent]
 * @param tile samples of a tile
 */
export function verifiedBatches(run: BatchRun, trial: () => Float32Array, tile: number): Batches {
  const known = new Map<number, Promise<boolean>>();
  let whole: { latents: Float32Array; images: Float32Array } | undefined;

  async function verify(size: number): Promise<boolean> {
    if (whole === undefined) {
      const latents = trial();
      whole = { latents, images: await run(latents) };
    }
    const { latents, images } = whole;
    const latent = latents.length / tile;
    const pixels = images.length / tile;
    // The tile's first rows, some in the middle, and its last.
    for (const first of [0, Math.floor((tile - size) / 2), tile - size]) {
      const found = await run(latents.slice(first * latent, (first + size) * latent));
      if (!sameBits(found, images.subarray(first * pixels, (first + size) * pixels))) return false;
    }
    return true;
  }

  return {
    async sizeFor(count) {
      for (let size = 1; size < tile; size *= 2) {
        if (size < count) continue;
        const verdict = known.get(size) ?? verify(size);
        known.set(size, verdict);
        try {
          if (await verdict) return size;
        } catch (error) {
          // What failed once may work the next time.
          known.delete(size);
          throw error;
        }
      }
      return tile;
    },
  };
}
