/** What identifies the contents of a file. */

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';

export interface FileSum {
  bytes: number;
  /** Of the contents, in hexadecimal. */
  sha256: string;
}

export function sha256Of(bytes: string | Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/**
 * SHA-256 of a file, read piece by piece.
 *
 * @param signal ends it, with an AbortError
 */
export async function fileSha256(path: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 20, ...(signal && { signal }) })) {
    hash.update(chunk as Buffer);
  }
  return hash.digest('hex');
}
