/** Reads files that may be gzipped: what tells is their content, not their name, and no file can fill the memory. */

import { readFile, stat } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { UserError } from '../../errors/user-error.js';

const unpack = promisify(gunzip);

/** Bytes that a file may unpack to, unless told otherwise: five times MNIST's training images. */
export const MAX_UNPACKED = 256 * 2 ** 20;

/** Whether these bytes start like a gzip file. */
export function isGzipped(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/** The code of a system error, such as ENOENT; '' for other errors. */
export function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/** Common reasons in words that follow the name of a file or folder. */
const PROBLEMS: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  ENOTDIR: 'lies below something that is not a folder',
  EACCES: 'may not be used (permission denied)',
  EPERM: 'may not be used (permission denied)',
};

/** Why a file or folder could not be used, in words that follow its name. */
export function fileProblem(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return PROBLEMS[errorCode(error)] ?? `cannot be used (${message})`;
}

/**
 * Unpacks `bytes` when they are gzipped, and returns them as they are when not.
 *
 * @param source name of the file, for messages
 * @param maxBytes most bytes that it may unpack to
 * @throws UserError when the gzip data are damaged or unpack to more than `maxBytes`
 */
export async function maybeGunzip(
  bytes: Uint8Array,
  source: string,
  maxBytes = MAX_UNPACKED,
): Promise<Uint8Array> {
  if (!isGzipped(bytes)) return bytes;
  try {
    const { buffer, byteOffset, length } = await unpack(bytes, { maxOutputLength: maxBytes });
    return new Uint8Array(buffer, byteOffset, length);
  } catch (error) {
    if (errorCode(error) === 'ERR_BUFFER_TOO_LARGE') {
      throw new UserError(
        `${source}: found gzip data that unpack to more than the expected ${maxBytes} bytes at most: get the file again`,
      );
    }
    const found = error instanceof Error ? error.message : String(error);
    throw new UserError(
      `${source}: found damaged gzip data (${found}), expected whole ones: get the file again`,
    );
  }
}

/**
 * Reads a file, unpacked when it is gzipped.
 *
 * @param maxBytes most bytes that it may hold, packed or unpacked
 * @returns its bytes, unpacked
 * @throws UserError when it cannot be read, is not a file, is too large or is damaged gzip
 */
export async function readMaybeGzipped(path: string, maxBytes = MAX_UNPACKED): Promise<Uint8Array> {
  const bytes = await readBounded(path, maxBytes);
  return maybeGunzip(bytes, path, maxBytes);
}

async function readBounded(path: string, maxBytes: number): Promise<Uint8Array> {
  try {
    const found = await stat(path);
    if (!found.isFile()) {
      const what = found.isDirectory() ? 'a folder' : 'a device or pipe';
      throw new UserError(`${path}: found ${what}, expected a file: put the file there`);
    }
    if (found.size > maxBytes) {
      throw new UserError(
        `${path}: found ${found.size} bytes, expected at most ${maxBytes}: check that it is the right file`,
      );
    }
    const { buffer, byteOffset, length } = await readFile(path);
    return new Uint8Array(buffer, byteOffset, length);
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`${path}: the file ${fileProblem(error)}: expected one that can be read; check it`);
  }
}
