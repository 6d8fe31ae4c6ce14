/** The output of one part: its samples, and its latents if they are wanted. */

import { join } from 'node:path';
import type { Generator, Samples } from '../node.js';
import type { PngPool } from '../png-pool.js';
import { openLatents, openWriter } from '../writers/index.js';
import type { SampleTarget } from '../writers/target.js';
import { digitsBelow, type SamplePlan, type SampleWriter } from '../writers/writer.js';
import type { Part, SampleJob } from './job.js';
import { type PartEntry, partEntry } from './manifest.js';
import type { SampleParts } from './open-parts.js';

const ADVICE = 'finished parts stay, and the same command goes on';

/** A file or folder of a shard. */
export function targetIn({ folder, optionName }: SampleParts, name: string): SampleTarget {
  return { flag: optionName('out'), path: join(folder, name), advice: ADVICE };
}

/** What a part's writer is told. */
export function planOf(job: SampleJob, { start, count }: Part, shape: SamplePlan['shape']): SamplePlan {
  return { start, count, shape, columns: 1, digits: digitsBelow(job.start + job.count) };
}

export interface OpenPart {
  write(samples: Samples): Promise<void>;
  /** Brings it to its place, and tells what it is. */
  finish(): Promise<PartEntry>;
  discard(): void;
}

/** @throws UserError when it cannot be written */
export async function openPart(
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
