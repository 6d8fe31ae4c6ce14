/** Draws samples batch by batch, in memory that does not grow with their number. */

import type { Generator, Samples } from './node.js';
import type { GeneratorPorts } from './read-generator.js';

/** Samples start .. start + count - 1. */
export interface SampleRange {
  start: number;
  count: number;
}

/**
 * Samples to draw at once when `size` are asked for: whole runs of a model that takes one batch only, which would
 * otherwise draw all of them for a few.
 */
export function drawSize(
  { batch, fixedBatch }: Pick<GeneratorPorts, 'batch' | 'fixedBatch'>,
  size: number,
): number {
  return fixedBatch ? Math.ceil(size / batch) * batch : size;
}

/**
 * Splits a range into batches of at most `size`. Where it can it ends them at whole tiles, so that no tile is drawn twice.
 *
 * @param tile samples of a run of the model
 */
export function* batchesOf({ start, count }: SampleRange, size: number, tile: number): Iterable<SampleRange> {
  const end = start + count;
  for (let first = start, next = start; first < end; first = next) {
    next = first + size;
    if (next - (next % tile) > first) next -= next % tile;
    next = Math.min(end, next);
    yield { start: first, count: next - first };
  }
}

/**
 * Draws each batch and hands it to `write`, while which the next one is drawn.
 *
 * @param signal ends it, with its reason, once the batch at hand is written
 * @throws what drawing or writing throws; neither is under way any more then
 */
export async function drawBatches<B extends SampleRange>(
  generator: Generator,
  seed: number,
  batches: Iterable<B>,
  write: (samples: Samples, batch: B) => Promise<void>,
  signal?: AbortSignal,
): Promise<void> {
  let writing: Promise<void> = Promise.resolve();
  try {
    for (const batch of batches) {
      signal?.throwIfAborted();
      const samples = await generator.sample({ count: batch.count, seed, start: batch.start });
      await writing;
      writing = write(samples, batch);
      // Its error is thrown below; until somebody waits for it, it must not count as unhandled.
      writing.catch(() => {});
    }
  } finally {
    await writing.catch(() => {});
  }
  await writing;
}
