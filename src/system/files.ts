/** Files with care: reading with a bound, writing whole or not at all, and system errors in words. */

import { randomBytes } from 'node:crypto';
import {
  accessSync,
  constants,
  copyFileSync,
  existsSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { UserError } from './user-error.js';

/** The code of a system error, such as ENOENT; '' for other errors. */
export function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

const PROBLEMS: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  ENOTDIR: 'lies below something that is not a folder',
  EISDIR: 'is a folder',
  EACCES: 'may not be used (permission denied)',
  EPERM: 'may not be used (permission denied)',
  EROFS: 'lies on a file system that cannot be written',
  ENOSPC: 'does not fit on its disk (no space left)',
};

/** Why a file or folder could not be used, in words that follow its name. */
export function fileProblem(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return PROBLEMS[errorCode(error)] ?? `cannot be used (${message})`;
}

/**
 * Reads a whole file.
 *
 * @param maxBytes most bytes that it may hold
 * @param expected what the file should be, for messages
 * @throws UserError when it cannot be read, is not a regular file, or is too large
 */
export async function readBounded(path: string, maxBytes: number, expected = 'a file'): Promise<Uint8Array> {
  try {
    const found = await stat(path);
    if (!found.isFile()) {
      const what = found.isDirectory() ? 'a folder' : 'a device or pipe';
      throw new UserError(`${path} is ${what}: expected ${expected}`);
    }
    if (found.size > maxBytes) {
      throw new UserError(`${path} has ${found.size} bytes: expected ${expected}, at most ${maxBytes} bytes`);
    }
    const { buffer, byteOffset, length } = await readFile(path);
    return new Uint8Array(buffer, byteOffset, length);
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`${path} ${fileProblem(error)}: expected ${expected} that can be read`);
  }
}

/** Whether `path` is `folder` or lies below it; both absolute, with their links resolved. */
export function isWithin(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

/** The absolute path, with the links resolved of as much of it as exists. */
export function realPath(path: string): string {
  const absolute = resolve(path);
  try {
    return realpathSync(absolute);
  } catch {
    const above = dirname(absolute);
    return above === absolute ? absolute : join(realPath(above), basename(absolute));
  }
}

/**
 * Where a file or folder is written before it is renamed to `path`: a name that no other process has, on any machine.
 * Numbers of processes would not do: in containers that share a disk, all may have the same one.
 */
export function temporaryName(path: string): string {
  return join(dirname(resolve(path)), `.${basename(path)}.${randomBytes(4).toString('hex')}.tmp`);
}

/** The name whose `temporaryName` this is; undefined for other names. */
export function completeName(name: string): string | undefined {
  return /^\.(.+)\.[0-9a-f]{8}\.tmp$/.exec(name)?.[1];
}

/** Makes a file under a temporary name and renames it. */
function makeAtomically(path: string, make: (temporary: string) => void): void {
  const temporary = temporaryName(path);
  try {
    make(temporary);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw new UserError(`${path} ${fileProblem(error)}: it was not written`);
  }
}

/**
 * Writes a file under a temporary name and renames it: whoever reads it sees the old or the new one, whole.
 *
 * @throws UserError when it cannot be written
 */
export function writeFileAtomically(path: string, data: string | Uint8Array): void {
  makeAtomically(path, (temporary) => writeFileSync(temporary, data, { flag: 'wx', flush: true }));
}

/**
 * Copies a file, as `writeFileAtomically` writes one.
 *
 * @throws UserError when it cannot be copied
 */
export function copyFileAtomically(from: string, to: string): void {
  makeAtomically(to, (temporary) => copyFileSync(from, temporary, constants.COPYFILE_EXCL));
}

/**
 * Writes a file, as `writeFileAtomically` does, while other work goes on.
 *
 * @throws the system's error, for the caller to put in words
 */
export async function replaceFile(path: string, data: string | Uint8Array): Promise<void> {
  const temporary = temporaryName(path);
  try {
    await writeFile(temporary, data, { flag: 'wx', flush: true });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/**
 * Checks that something new may be created at `path`, whose folder may be missing itself.
 *
 * @param flag the option that named the path, for messages
 * @throws UserError when the path is empty, or the folder above is none or cannot be written
 */
export function checkWritable(flag: string, path: string): void {
  if (path.trim() === '') throw new UserError(`${flag} is empty: expected a path`);
  let ancestor = resolve(path);
  try {
    while (!existsSync(ancestor) && dirname(ancestor) !== ancestor) ancestor = dirname(ancestor);
    if (ancestor !== resolve(path) && !statSync(ancestor).isDirectory()) {
      throw new UserError(`${flag} ${path}: ${ancestor} is a file, expected a folder: choose another path`);
    }
    accessSync(ancestor, constants.W_OK);
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`${flag} ${path}: ${ancestor} ${fileProblem(error)}: choose another path`);
  }
}
