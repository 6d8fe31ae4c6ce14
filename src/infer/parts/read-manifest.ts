/**
 * Manifests on the disk, as hostile files: of each no more is read than its job can have, and of one whose settings are
 * not wanted no more than its header.
 */

import { type FileHandle, open, stat } from 'node:fs/promises';
import { fileProblem } from '../../system/files.js';
import { UserError } from '../../system/user-error.js';
import type { Manifest, ManifestHeader } from './manifest.js';
import { MAX_HEADER_BYTES, mostBytes, parseEntries, parseHeader, parseProgress } from './parse-manifest.js';

async function readUpTo(file: FileHandle, bytes: number): Promise<Buffer> {
  const buffer = Buffer.alloc(bytes);
  let length = 0;
  while (length < bytes) {
    const { bytesRead } = await file.read(buffer, length, bytes - length, length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return buffer.subarray(0, length);
}

/**
 * Reads a manifest, finished or not; undefined when it is damaged.
 *
 * @param needed whether its entries are wanted, by its header; without them it has none
 * @throws UserError when it cannot be read
 */
export async function readManifest(
  path: string,
  needed: (header: ManifestHeader) => boolean,
): Promise<Manifest | undefined> {
  const finished = !path.endsWith('l');
  try {
    const found = await stat(path);
    if (!found.isFile()) return undefined;
    const { size } = found;
    const file = await open(path, 'r');
    try {
      const head = await readUpTo(file, Math.min(size, MAX_HEADER_BYTES));
      const parsed = parseHeader(head, finished);
      if (parsed === undefined || size > mostBytes(parsed.header)) return undefined;
      const { header, end } = parsed;
      if (!needed(header)) return { header, entries: [] };
      const bytes = await readUpTo(file, size);
      const entries = (finished ? parseEntries : parseProgress)(bytes, end);
      return entries && { header, entries };
    } finally {
      await file.close();
    }
  } catch (error) {
    throw new UserError(
      `${path} ${fileProblem(error)}: expected a manifest of gan-onnx sample that can be read`,
    );
  }
}
