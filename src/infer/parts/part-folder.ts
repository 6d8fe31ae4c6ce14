/** The folder of parts, as a process finds it: which run it belongs to, and what is finished. */

import { readdir, rm, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { completeName, errorCode, fileProblem, readBounded } from '../../system/files.js';
import { UserError } from '../../system/user-error.js';
import { checkParent } from '../writers/target.js';
import { partAt, partCount, type Shard } from './job.js';
import {
  differences,
  isManifestName,
  type Manifest,
  manifestName,
  parseManifest,
  parseProgress,
  progressName,
  type Settings,
} from './manifest.js';
import { partState } from './verify.js';

/** The option that names the folder. */
export const FLAG = '--out';

/** Bytes of the largest manifest, that of a million parts with latents. */
const MAX_MANIFEST_BYTES = 2 ** 29 - 2 ** 16;

/** Names in the folder; undefined when it does not exist. */
async function listFolder(out: string): Promise<string[] | undefined> {
  checkParent(FLAG, out);
  const path = resolve(out);
  try {
    if (!(await stat(path)).isDirectory()) {
      throw new UserError(`${FLAG} ${out} is a file: expected a folder for the parts: choose another path`);
    }
    return (await readdir(path)).sort();
  } catch (error) {
    if (error instanceof UserError) throw error;
    if (errorCode(error) === 'ENOENT') return undefined;
    throw new UserError(`${FLAG} ${out} ${fileProblem(error)}: choose another path`);
  }
}

/** Reads a manifest, finished or not; undefined when it is damaged. */
async function readManifest(path: string): Promise<Manifest | undefined> {
  const bytes = await readBounded(path, MAX_MANIFEST_BYTES, 'a manifest of gan-onnx sample');
  const parse = path.endsWith('l') ? parseProgress : parseManifest;
  return parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8'));
}

/** What a process found. */
export interface FoundFolder {
  /** Whether the shard's finished manifest is there, and no unfinished one. */
  ended: boolean;
  /** The shard's own manifests put together; undefined when it has none. */
  own: Manifest | undefined;
  /** Manifests of other runs, to be removed with their parts. */
  replaced: string[];
}

/**
 * Looks at the folder, without changing anything.
 *
 * @param wanted the settings that must agree with what is there
 * @param force whether another run's files may be replaced
 * @throws UserError when the folder holds another run's samples and may not be replaced, or other things
 */
export async function lookAtFolder(
  out: string,
  shard: Shard,
  wanted: Settings,
  force: boolean,
): Promise<FoundFolder> {
  const names = await listFolder(out);
  const manifests = (names ?? []).filter(isManifestName);
  if (manifests.length === 0 && names?.some((name) => !name.startsWith('.'))) {
    throw new UserError(`${FLAG} ${out} holds files that are not samples: choose another folder`);
  }
  const [finished, progress] = [manifestName(shard), progressName(shard)];
  const mine = manifests.filter((name) => name === finished || name === progress);
  // Each of the others was compared with one that was there before it: any of them speaks for all.
  const others = manifests.filter((name) => !mine.includes(name));
  const compared = force ? manifests : mine.length > 0 ? mine : others.slice(0, 1);
  const found = { own: undefined as Manifest | undefined, replaced: [] as string[] };
  for (const name of compared) {
    const manifest = await readManifest(join(resolve(out), name));
    const difference = manifest && differences(manifest.header, wanted);
    if (difference === '') {
      if (!mine.includes(name)) continue;
      found.own = {
        header: manifest!.header,
        entries: [...(found.own?.entries ?? []), ...manifest!.entries],
      };
    } else if (force) {
      found.replaced.push(name);
    } else {
      throw new UserError(
        manifest === undefined
          ? `${join(out, name)} is damaged: expected a manifest of gan-onnx sample: --force to begin again`
          : `${FLAG} ${out} holds samples of another run (${difference}): use the settings of ${name}, ` +
              'another folder, or --force to replace them',
      );
    }
  }
  return { ...found, ended: mine.length === 1 && mine[0] === finished };
}

/** Removes another run's manifest, and those of its parts whose contents are what it says: no file of anyone else. */
export async function removeRun(folder: string, name: string): Promise<void> {
  const manifest = await readManifest(join(folder, name));
  if (manifest !== undefined) {
    const { header, entries } = manifest;
    const parts = partCount(header);
    for (const entry of entries) {
      const index = Math.floor((entry.start - header.start) / header.partSize);
      if (index < 0 || index >= parts) continue;
      const part = partAt(header, index);
      if ((await partState(folder, header, part, entry)) !== 'good') continue;
      await rm(join(folder, part.name), { recursive: true, force: true });
      if (header.latents) await rm(join(folder, part.latents), { force: true });
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
