/** What a visitor brings: files read into memory, within bounds, before the worker looks at them. */

import { printable } from '../../../src/system/printable.js';
import type { NamedFile } from '../protocol.js';

/** A checkpoint of the largest networks of this page has some tens of megabytes. */
const [MAX_BYTES, MAX_FILES] = [512 * 2 ** 20, 64];

/**
 * @throws Error with one line for the visitor
 */
export async function readFiles(files: readonly File[]): Promise<NamedFile[]> {
  if (files.length > MAX_FILES) {
    throw new Error(
      `${files.length} files are no checkpoint: expected one zip, or the files of one folder of checkpoints/`,
    );
  }
  const bytes = files.reduce((sum, { size }) => sum + size, 0);
  if (bytes > MAX_BYTES) {
    throw new Error(
      `${Math.round(bytes / 2 ** 20)} MiB are more than this page opens: expected at most 512 MiB`,
    );
  }
  return Promise.all(
    files.map(async (file) => {
      try {
        return { name: file.name, bytes: new Uint8Array(await file.arrayBuffer()) };
      } catch {
        throw new Error(
          `${printable(file.name)} cannot be read: choose it again, or copy it elsewhere first`,
        );
      }
    }),
  );
}
