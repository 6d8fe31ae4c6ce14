/**
 * What the host feeds to each graph run: batches in the shuffled order of their epoch, latents and dropout masks.
 * All of it is a function of the seed and of the number of the batch or run, so a run can start anywhere.
 */

import type { NoiseSpec } from '../export/index.js';
import type { Share } from '../parallel/shard.js';
import { randomMask, randomPermutation, randomRows } from '../random/index.js';
import type { Dataset } from './data/dataset.js';
import type { PointDistribution } from './data/points/distributions.js';

/** Which samples of a batch of `size` a process takes. */
export type TakeShare = (size: number) => Share;

/** All of them. */
export const takeAll: TakeShare = (size) => ({ first: 0, count: size });

/** Batch number `batch` of a run: how many samples it has, and this process's share of them: images,
 * uint8 [share.count, C, H, W], or points, float32 [share.count, D]. */
export type BatchReader = (batch: number) => {
  samples: Uint8Array | Float32Array;
  size: number;
  share: Share;
};

/** Reads the batches of a run; the last of an epoch holds what is left, as PyTorch's DataLoader delivers it. */
export function batchReader(
  dataset: Dataset,
  batchSize: number,
  seed: number,
  take: TakeShare = takeAll,
): BatchReader {
  const { count, shape } = dataset.description;
  const pixels = shape[0] * shape[1] * shape[2];
  const batchesPerEpoch = Math.ceil(count / batchSize);
  let epoch = -1;
  let order: Uint32Array = new Uint32Array(0);
  return (batch) => {
    const wanted = Math.floor(batch / batchesPerEpoch);
    if (wanted !== epoch) {
      epoch = wanted;
      order = randomPermutation(count, { seed, stream: 'shuffle', index: epoch });
    }
    const first = (batch % batchesPerEpoch) * batchSize;
    const all = order.subarray(first, first + batchSize);
    const share = take(all.length);
    const indices = all.subarray(share.first, share.first + share.count);
    const images = new Uint8Array(indices.length * pixels);
    dataset.read(indices, images);
    return { samples: images, size: all.length, share };
  };
}

/** Reads fresh points: those of batch b are numbers b * size .. (b + 1) * size - 1 of the seed. */
export function pointReader(
  points: PointDistribution,
  size: number,
  seed: number,
  take: TakeShare = takeAll,
): BatchReader {
  const share = take(size);
  return (batch) => {
    const draw = { seed, start: batch * size + share.first, count: share.count };
    return { samples: points.sample(draw), size, share };
  };
}

/** Training samples of one noise stream: more than any run draws. */
const STREAM_SAMPLES = 2 ** 50;

/**
 * Latents and masks of graph run number `run`: row i of a batch belongs to sample run * batchSize + i, whichever process
 * draws it.
 *
 * @param size samples to draw, at most batchSize
 * @param first which of the batch is the first of them; 0 by default
 * @param noiseStream 0 (the default) to 7; each has samples of its own
 */
export function drawNoise(
  specs: readonly NoiseSpec[],
  {
    run,
    batchSize,
    size,
    first = 0,
    seed,
    noiseStream = 0,
  }: { run: number; batchSize: number; size: number; first?: number; seed: number; noiseStream?: number },
): Record<string, Float32Array | Uint8Array> {
  const start = noiseStream * STREAM_SAMPLES + run * batchSize + first;
  const noise: Record<string, Float32Array | Uint8Array> = {};
  for (const spec of specs) {
    if (spec.kind !== 'latents') continue;
    const shape = { count: size, width: spec.size };
    noise[spec.name] = randomRows(spec.distribution, shape, { seed, stream: 'trainingLatents', start });
  }
  const masks = specs.filter((spec) => spec.kind === 'mask');
  return masks.length === 0 ? noise : { ...noise, ...drawMasks(masks, { start, size, seed }) };
}

/** All masks of a sample come from one draw, one after the other. */
function drawMasks(
  specs: readonly Extract<NoiseSpec, { kind: 'mask' }>[],
  { start, size, seed }: { start: number; size: number; seed: number },
): Record<string, Uint8Array> {
  const masks = specs.map(({ features }) => new Uint8Array(size * features));
  for (let row = 0; row < size; row++) {
    const ranges = specs.map(({ keep, features }, i) => ({
      mask: masks[i]!,
      start: row * features,
      length: features,
      probability: keep,
    }));
    randomMask({ seed, stream: 'dropout', index: start + row }, ranges);
  }
  return Object.fromEntries(specs.map(({ name }, i) => [name, masks[i]!]));
}
