/** What a shard writes beside its parts: the folder made ready, and the manifest, unfinished and finished. */

import { existsSync } from 'node:fs';
import { type FileHandle, mkdir, open, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { errorCode, replaceFile } from '../../system/files.js';
import { SAMPLE_FORMATS } from '../writers/index.js';
import { checkSpace, onTarget, type SampleTarget } from '../writers/target.js';
import {
  type ManifestHeader,
  manifestName,
  manifestText,
  type PartEntry,
  progressName,
  progressText,
} from './manifest.js';
import type { SampleParts } from './open-parts.js';
import { planOf, targetIn } from './part-output.js';
import { removeLeftovers, removeRun } from './remove-run.js';

/** Makes the folder ready, and begins the shard's unfinished manifest there with the parts that are kept. */
export async function beginShard(opened: SampleParts, header: ManifestHeader): Promise<FileHandle> {
  const { job, folder, shard, parts, kept, replaced, resplit, optionName } = opened;
  const whole: SampleTarget = { flag: optionName('out'), path: folder };
  const roomy: SampleTarget = { ...whole, advice: `use a smaller ${optionName('count')} or another disk` };
  const plans = parts.filter(({ name }) => !kept.has(name)).map((part) => planOf(job, part, header.shape));
  const needed = plans.reduce((sum, plan) => sum + SAMPLE_FORMATS[job.format].leastBytes(plan), 0);
  await onTarget(whole, checkSpace(roomy, needed, existsSync(folder) ? folder : dirname(folder)));
  await onTarget(
    whole,
    mkdir(folder).catch((error: unknown) => {
      if (errorCode(error) !== 'EEXIST') throw error;
    }),
  );
  for (const name of replaced) await onTarget(whole, removeRun(folder, name));
  for (const name of resplit) await onTarget(whole, rm(join(folder, name), { force: true }));
  const manifests = [manifestName(shard), progressName(shard)];
  const names = new Set([...manifests, ...parts.flatMap(({ name, latents }) => [name, latents])]);
  await onTarget(whole, removeLeftovers(folder, names));
  const target = targetIn(opened, progressName(shard));
  const text = progressText({ header, entries: [...kept.values()] });
  await onTarget(target, replaceFile(target.path, text));
  return onTarget(target, open(target.path, 'a'));
}

/** Writes the finished manifest in the place of the unfinished one. */
export async function endShard(
  opened: SampleParts,
  header: ManifestHeader,
  entries: ReadonlyMap<string, PartEntry>,
): Promise<void> {
  const { shard, parts } = opened;
  const ordered = parts.map(({ name }) => entries.get(name)!);
  const target = targetIn(opened, manifestName(shard));
  await onTarget(target, replaceFile(target.path, manifestText({ header, entries: ordered })));
  const progress = targetIn(opened, progressName(shard));
  await onTarget(progress, rm(progress.path, { force: true }));
}
