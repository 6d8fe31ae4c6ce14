/** The folder of parts, as a process finds it: which run it belongs to, and what is finished. */

import { readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { errorCode, fileProblem } from '../../system/files.js';
import { UserError } from '../../system/user-error.js';
import { checkParent } from '../writers/target.js';
import type { Shard } from './job.js';
import {
  differences,
  type Manifest,
  type ManifestHeader,
  manifestName,
  progressName,
  type Settings,
  shardOfName,
} from './manifest.js';
import type { OptionName } from './option-names.js';
import { readManifest } from './read-manifest.js';

/** Names in the folder; undefined when it does not exist. */
async function listFolder(out: string, optionName: OptionName): Promise<string[] | undefined> {
  const option = optionName('out');
  checkParent(option, out);
  const path = resolve(out);
  try {
    if (!(await stat(path)).isDirectory()) {
      throw new UserError(`${option} ${out} is a file: expected a folder for the parts: choose another path`);
    }
    return (await readdir(path)).sort();
  } catch (error) {
    if (error instanceof UserError) throw error;
    if (errorCode(error) === 'ENOENT') return undefined;
    throw new UserError(`${option} ${out} ${fileProblem(error)}: choose another path`);
  }
}

/** What a process found. */
export interface FoundFolder {
  /** All names in the folder. */
  names: ReadonlySet<string>;
  /** Whether the shard's finished manifest is there, and no unfinished one. */
  ended: boolean;
  /** The shard's own manifests put together; undefined when it has none. */
  own: Manifest | undefined;
  /** Manifests of other runs, to be removed with their parts. */
  replaced: string[];
  /** Manifests of the same run's shards of another split, to be removed without their parts. */
  resplit: string[];
  /** Names of the parts in `replaced` and `resplit`. */
  givenUp: ReadonlySet<string>;
}

/**
 * Looks at the folder, without changing anything.
 *
 * @param wanted the settings that must agree with what is there
 * @param force whether another run's files may be replaced
 * @throws UserError when the folder holds another run's samples, or shards of another split, and may not be replaced; or
 * other things
 */
export async function lookAtFolder(
  out: string,
  shard: Shard,
  wanted: Settings,
  force: boolean,
  optionName: OptionName,
): Promise<FoundFolder> {
  const names = (await listFolder(out, optionName)) ?? [];
  const manifests = names.filter((name) => shardOfName(name) !== undefined);
  const where = `${optionName('out')} ${out}`;
  if (manifests.length === 0 && names.some((name) => !name.startsWith('.'))) {
    throw new UserError(`${where} holds files that are not samples: choose another folder`);
  }
  const [finished, progress] = [manifestName(shard), progressName(shard)];
  const mine = manifests.filter((name) => name === finished || name === progress);
  const isSplitOtherwise = (name: string): boolean => shardOfName(name)!.of !== shard.of;
  // Each of the others was compared with one that was there before it: any of them speaks for all.
  const others = manifests.filter((name) => !mine.includes(name));
  const compared = force ? manifests : mine.length > 0 ? mine : others.slice(0, 1);
  const [replaced, resplit, givenUp] = [[] as string[], [] as string[], new Set<string>()];
  let own: Manifest | undefined;
  for (const name of compared) {
    const needed = (header: ManifestHeader): boolean =>
      differences(header, wanted) === '' ? mine.includes(name) || (force && isSplitOtherwise(name)) : force;
    const manifest = await readManifest(join(resolve(out), name), needed);
    const difference = manifest && differences(manifest.header, wanted);
    if (difference === '' && mine.includes(name)) {
      own = { header: manifest!.header, entries: [...(own?.entries ?? []), ...manifest!.entries] };
    } else if (difference !== '' || isSplitOtherwise(name)) {
      (difference === '' ? resplit : replaced).push(name);
      for (const entry of manifest?.entries ?? []) givenUp.add(entry.name);
      if (force || difference === '') continue;
      throw new UserError(
        manifest === undefined
          ? `${join(out, name)} is damaged: expected a manifest of gan-onnx sample: ${optionName('force')} to begin again`
          : `${where} holds samples of another run (${difference}): use the settings of ${name}, ` +
              `another folder, or ${optionName('force')} to replace them`,
      );
    }
  }
  const otherSplit = force ? undefined : others.find(isSplitOtherwise);
  if (otherSplit !== undefined) {
    throw new UserError(
      `${where} holds these samples in ${shardOfName(otherSplit)!.of} shards (${otherSplit}), not in ${shard.of}: ` +
        `use ${optionName('shard')} <i>/${shardOfName(otherSplit)!.of}, another folder, or ` +
        `${optionName('force')} to begin again in ${shard.of}`,
    );
  }
  const ended = mine.length === 1 && mine[0] === finished;
  return { names: new Set(names), ended, own, replaced, resplit, givenUp };
}
