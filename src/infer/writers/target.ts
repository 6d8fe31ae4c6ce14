/** Where outputs go: checks before anything is written, and system errors in words. */

import { existsSync, lstatSync, readdirSync, statSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { checkWritable, errorCode, fileProblem } from '../../system/files.js';
import { UserError } from '../../system/user-error.js';

/** Where an output goes and which option said so. */
export interface SampleTarget {
  flag: string;
  /** Absolute path. */
  path: string;
  /** What to do when it cannot be written; `choose another path` by default. */
  advice?: string;
}

/** Waits for work on an output; system errors become one line that names the option. */
export async function onTarget<T>({ flag, path, advice }: SampleTarget, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof UserError || errorCode(error) === '') throw error;
    const problem =
      errorCode(error) === 'ENOENT'
        ? 'was taken away while it was written (by another process that writes the same?)'
        : fileProblem(error);
    throw new UserError(`${flag} ${path}: the output ${problem}: ${advice ?? 'choose another path'}`);
  }
}

/**
 * Refuses an output that its disk has no room for.
 *
 * @param folder a folder on that disk
 */
export async function checkSpace(
  { flag, path, advice }: SampleTarget,
  bytes: number,
  folder = dirname(path),
): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  if (bytes <= bavail * bsize) return;
  throw new UserError(
    `${flag} ${path} would take ${bytes} bytes and its disk has ${bavail * bsize} free: ` +
      (advice ?? 'use a smaller --count or another disk'),
  );
}

/** Refuses a path whose folder does not exist. */
export function checkParent(flag: string, path: string): void {
  checkWritable(flag, path);
  const parent = dirname(resolve(path));
  if (existsSync(parent) && statSync(parent).isDirectory()) return;
  throw new UserError(
    `${flag} ${path}: the folder ${parent} does not exist: create it or choose another path`,
  );
}

/**
 * Checks, without changing anything, that an output may be written.
 *
 * @param kind what it will be
 * @param force whether an existing one may be replaced
 * @returns the output's target
 * @throws UserError when its folder is missing or cannot be written, or it exists and may not be replaced
 */
export function outputTarget(
  flag: string,
  path: string,
  kind: 'file' | 'folder',
  force: boolean,
): SampleTarget {
  checkParent(flag, path);
  const target = { flag, path: resolve(path) };
  const found = lstatSync(target.path, { throwIfNoEntry: false });
  if (found === undefined) return target;
  if (kind === 'folder' ? !found.isDirectory() : !found.isFile()) {
    throw new UserError(`${flag} ${path} exists and is not a ${kind}: choose another path`);
  }
  const names = kind === 'folder' ? readdirSync(target.path) : [path];
  if (names.length > 0 && !force) {
    throw new UserError(`${flag} ${path} already exists: choose another path, or --force to replace it`);
  }
  if (kind === 'folder' && !names.every((name) => /^\d+\.png$/.test(name))) {
    throw new UserError(`${flag} ${path} holds files that are not samples: choose another folder`);
  }
  return target;
}
