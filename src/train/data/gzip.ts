/** Reads files that may be gzipped: what tells is their content, not their name, and no file can fill the memory. */

import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { errorCode, readBounded } from '../../system/files.js';
import { UserError } from '../../system/user-error.js';

const unpack = promisify(gunzip);

/** Bytes that a file may unpack to, unless told otherwise: five times MNIST's training images. */
export const MAX_UNPACKED = 256 * 2 ** 20;

/** Whether these bytes start like a gzip file. */
export function isGzipped(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
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
  const bytes = await readBounded(path, maxBytes, 'a dataset file');
  return maybeGunzip(bytes, path, maxBytes);
}
