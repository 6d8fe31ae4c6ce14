/** Writes the parts of a shard that are not there yet, and its manifest. */

import { availableParallelism } from 'node:os';
import { packageVersion } from '../../system/package-version.js';
import { UserError } from '../../system/user-error.js';
import { batchesOf, drawBatches, drawSize, type SampleRange } from '../draw-batches.js';
import type { Generator } from '../node.js';
import { createPngPool } from '../png-pool.js';
import { onTarget } from '../writers/target.js';
import type { Part } from './job.js';
import { differences, type ManifestHeader, progressLine, progressName } from './manifest.js';
import type { SampleParts } from './open-parts.js';
import { type OpenPart, openPart, targetIn } from './part-output.js';
import { beginShard, endShard } from './shard-files.js';

export interface WritePartsOptions {
  /** Samples held in memory at once, twice; 256 by default. A batch that the model fixes is always drawn whole. */
  batchSize?: number;
  /** Threads that encode PNG files; one for each core by default. */
  workers?: number;
  /** Ends it, with its reason, after the batch at hand; finished parts stay. */
  signal?: AbortSignal | undefined;
  /** Called with how many samples of the shard are drawn, those of kept parts included. */
  progress?: (samples: number) => void;
}

function headerOf(
  { job, shard, folder, header, optionName }: SampleParts,
  generator: Generator,
): ManifestHeader {
  const { device } = generator.placement;
  const difference = header && differences(header, { device });
  if (difference) {
    throw new UserError(
      `${optionName('out')} ${folder} holds samples of another run (${difference}): use its device, or another folder`,
    );
  }
  return { 'gan-onnx': packageVersion(), ...job, shape: generator.description.image, device, shard };
}

interface PartBatch extends SampleRange {
  part: Part;
}

function* batchesOfParts(parts: readonly Part[], size: number, tile: number): Iterable<PartBatch> {
  for (const part of parts) for (const batch of batchesOf(part, size, tile)) yield { ...batch, part };
}

/**
 * Draws and writes what is missing of a shard. Each part gets its name when it is whole, and then its entry in the
 * manifest: whatever ends the process, `openSampleParts` finds what is done.
 *
 * @param generator the model of the request
 * @throws UserError when the output cannot be written or the device is not that of the parts so far, the reason of
 * the signal, and what the generator throws; finished parts stay
 */
export async function writeSampleParts(
  opened: SampleParts,
  generator: Generator,
  options: WritePartsOptions = {},
): Promise<void> {
  const { batchSize = 256, workers = availableParallelism(), signal, progress } = options;
  const { job, parts, kept, shard } = opened;
  const { description } = generator;
  const header = headerOf(opened, generator);
  const missing = parts.filter(({ name }) => !kept.has(name));
  const entries = new Map(kept);
  let done = parts.reduce((sum, { name, count }) => sum + (kept.has(name) ? count : 0), 0);
  const log = await beginShard(opened, header);
  const pool = createPngPool(workers);
  let open: OpenPart | undefined;
  const discard = (): void => open?.discard();
  process.once('exit', discard);
  try {
    await drawBatches(
      generator,
      job.seed,
      batchesOfParts(missing, drawSize(description, batchSize), description.batch),
      async (samples, { part, start, count }) => {
        open ??= await openPart(opened, part, description, pool);
        await open.write(samples);
        if (start + count === part.start + part.count) {
          const entry = await open.finish();
          open = undefined;
          await onTarget(targetIn(opened, progressName(shard)), log.appendFile(progressLine(entry)));
          entries.set(part.name, entry);
        }
        done += count;
        progress?.(done);
      },
      signal,
    );
    await endShard(opened, header, entries);
  } finally {
    discard();
    process.off('exit', discard);
    await log.close();
    await pool.close();
  }
}
