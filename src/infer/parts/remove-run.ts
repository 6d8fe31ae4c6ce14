/** Takes away what a run or a killed process left in the folder of parts, and no file of anyone else. */

import { readdir, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { completeName, errorCode } from '../../system/files.js';
import { SUMS_FILE } from '../writers/pictures.js';
import { digitsBelow, pictureName } from '../writers/writer.js';
import { type Part, partAt, partCount, type SampleJob } from './job.js';
import { readManifest } from './read-manifest.js';
import { partState } from './verify.js';

/** Removes the pictures of a part and, if nothing else is in it, their folder. */
async function removePictures(path: string, { start, count }: Part, digits: number): Promise<void> {
  for (let i = 0; i < count; i++) await rm(join(path, pictureName(start + i, digits)), { force: true });
  await rm(join(path, SUMS_FILE), { force: true });
  await rmdir(path).catch((error: unknown) => {
    // Somebody's files are in there: EEXIST is what some systems say instead.
    if (!['ENOTEMPTY', 'EEXIST', 'ENOENT'].includes(errorCode(error))) throw error;
  });
}

async function removePart(folder: string, job: SampleJob, part: Part): Promise<void> {
  const path = join(folder, part.name);
  if (job.format === 'png') await removePictures(path, part, digitsBelow(job.start + job.count));
  else await rm(path, { force: true });
  if (job.latents) await rm(join(folder, part.latents), { force: true });
}

/** Removes another run's manifest, and those of its parts whose contents are what it says: no file of anyone else. */
export async function removeRun(folder: string, name: string): Promise<void> {
  const manifest = await readManifest(join(folder, name), () => true);
  if (manifest !== undefined) {
    const { header, entries } = manifest;
    const parts = partCount(header);
    for (const entry of entries) {
      const index = Math.floor((entry.start - header.start) / header.partSize);
      if (index < 0 || index >= parts) continue;
      const part = partAt(header, index);
      if ((await partState(folder, header, part, entry)) === 'good') await removePart(folder, header, part);
    }
  }
  await rm(join(folder, name), { force: true });
}

/** Removes what a process that was killed left half-written of `names`. */
export async function removeLeftovers(folder: string, names: ReadonlySet<string>): Promise<void> {
  for (const name of await readdir(folder)) {
    const complete = completeName(name);
    if (complete === undefined || !names.has(complete)) continue;
    await rm(join(folder, name), { recursive: true, force: true });
  }
}
