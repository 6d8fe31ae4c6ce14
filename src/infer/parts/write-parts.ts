/** Writes the parts of a shard that are not there yet, and its manifest. */

import { existsSync } from 'node:fs';
import { type FileHandle, mkdir, open, rename, rm, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { errorCode } from '../../system/files.js';
import { packageVersion } from '../../system/package-version.js';
import { UserError } from '../../system/user-error.js';
import { batchesOf, drawBatches, type SampleRange } from '../draw-batches.js';
import type { Generator, Samples } from '../node.js';
import { createPngPool, type PngPool } from '../png-pool.js';
import { openLatents, openWriter, SAMPLE_FORMATS } from '../writers/index.js';
import { checkSpace, onTarget, partialName, type SampleTarget } from '../writers/target.js';
import { digitsBelow, type SamplePlan, type SampleWriter } from '../writers/writer.js';
import type { Part, SampleJob } from './job.js';
import {
  differences,
  type ManifestHeader,
  manifestName,
  manifestText,
  type PartEntry,
  partEntry,
  progressLine,
  progressName,
  progressText,
} from './manifest.js';
import type { SampleParts } from './open-parts.js';
import { FLAG, removeLeftovers, removeRun } from './part-folder.js';

export interface WritePartsOptions {
  /** Samples held in memory at once, twice; 256 by default. */
  batchSize?: number;
  /** Threads that encode PNG files; one for each core by default. */
  workers?: number;
  /** Ends it, with its reason, after the batch at hand; finished parts stay. */
  signal?: AbortSignal | undefined;
  /** Called with how many samples of the shard are drawn, those of kept parts included. */
  progress?: (samples: number) => void;
}

const ADVICE = 'finished parts stay, and the same command goes on';

function targetIn({ folder }: SampleParts, name: string): SampleTarget {
  return { flag: FLAG, path: join(folder, name), advice: ADVICE };
}

/** Replaces a small file, whole or not at all. */
async function replaceFile(target: SampleTarget, text: string): Promise<void> {
  const temporary = partialName(target.path);
  try {
    await onTarget(target, writeFile(temporary, text, { flag: 'wx', flush: true }));
    await onTarget(target, rename(temporary, target.path));
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

function planOf(job: SampleJob, { start, count }: Part, shape: SamplePlan['shape']): SamplePlan {
  return { start, count, shape, columns: 1, digits: digitsBelow(job.start + job.count) };
}

/** The output of one part: its samples, and its latents if they are wanted. */
interface OpenPart {
  write(samples: Samples): Promise<void>;
  /** Brings it to its place, and tells what it is. */
  finish(): Promise<PartEntry>;
  discard(): void;
}

async function openPart(
  opened: SampleParts,
  part: Part,
  { image, latentSize }: Generator['description'],
  pool: PngPool,
): Promise<OpenPart> {
  const { job } = opened;
  const { count } = part;
  const plan = planOf(job, part, image);
  const main = await openWriter(job.format, targetIn(opened, part.name), plan, pool, { sums: true });
  let latents: SampleWriter | undefined;
  const discard = (): void => {
    main.discard();
    latents?.discard();
  };
  try {
    if (job.latents) latents = await openLatents(targetIn(opened, part.latents), count, latentSize);
  } catch (error) {
    discard();
    throw error;
  }
  return {
    async write(samples) {
      await main.write(samples);
      await latents?.write(samples);
    },
    async finish() {
      const [sum, latentsSum] = [await main.complete(), await latents?.complete()];
      await latents?.commit();
      await main.commit();
      return partEntry(part, sum, latentsSum);
    },
    discard,
  };
}

/** Makes the folder ready, and begins the shard's unfinished manifest there with the parts that are kept. */
async function beginShard(opened: SampleParts, header: ManifestHeader): Promise<FileHandle> {
  const { job, folder, shard, parts, kept, replaced } = opened;
  const whole: SampleTarget = { flag: FLAG, path: folder };
  const plans = parts.filter(({ name }) => !kept.has(name)).map((part) => planOf(job, part, header.shape));
  const needed = plans.reduce((sum, plan) => sum + SAMPLE_FORMATS[job.format].leastBytes(plan), 0);
  await onTarget(whole, checkSpace(whole, needed, existsSync(folder) ? folder : dirname(folder)));
  await onTarget(
    whole,
    mkdir(folder).catch((error: unknown) => {
      if (errorCode(error) !== 'EEXIST') throw error;
    }),
  );
  for (const name of replaced) await onTarget(whole, removeRun(folder, name));
  const manifests = [manifestName(shard), progressName(shard)];
  const names = new Set([...manifests, ...parts.flatMap(({ name, latents }) => [name, latents])]);
  await onTarget(whole, removeLeftovers(folder, names));
  const target = targetIn(opened, progressName(shard));
  await replaceFile(target, progressText({ header, entries: [...kept.values()] }));
  return onTarget(target, open(target.path, 'a'));
}

/** Writes the finished manifest in the place of the unfinished one. */
async function endShard(
  opened: SampleParts,
  header: ManifestHeader,
  entries: ReadonlyMap<string, PartEntry>,
): Promise<void> {
  const { shard, parts } = opened;
  const ordered = parts.map(({ name }) => entries.get(name)!);
  await replaceFile(targetIn(opened, manifestName(shard)), manifestText({ header, entries: ordered }));
  const progress = targetIn(opened, progressName(shard));
  await onTarget(progress, rm(progress.path, { force: true }));
}

function headerOf({ job, shard, folder, header }: SampleParts, generator: Generator): ManifestHeader {
  const { device } = generator.placement;
  const difference = header && differences(header, { device });
  if (difference) {
    throw new UserError(
      `${FLAG} ${folder} holds samples of another run (${difference}): use its device, or another folder`,
    );
  }
  return { 'gan-onnx': packageVersion(), ...job, shape: generator.description.image, device, shard };
}

interface PartBatch extends SampleRange {
  part: Part;
}

function* batchesOfParts(parts: readonly Part[], size: number): Iterable<PartBatch> {
  for (const part of parts) for (const batch of batchesOf(part, size)) yield { ...batch, part };
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
      batchesOfParts(missing, batchSize),
      async (samples, { part, start, count }) => {
        open ??= await openPart(opened, part, generator.description, pool);
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
