/** Zip files: made of what goes home, and read from visitors with bounds on what they may become. */

import { Unzip, UnzipInflate, type Zippable, zipSync } from 'fflate';
import { UserError } from '../../../src/train/web.js';

/** Bytes that a decoder takes at once: a thousand times as many can come out of them. */
const PIECE = 2 ** 16;
/** As early as a zip can say. */
const MTIME = '1980-01-01T12:00:00';
/** The most files of a zip that are looked at. */
const MAX_ENTRIES = 25_000;

/** Compresses texts, and stores the rest: weights and pictures do not become smaller. */
export function makeZip(files: ReadonlyMap<string, Uint8Array | string>): Uint8Array {
  const encoder = new TextEncoder();
  const all: Zippable = {};
  for (const [name, content] of files) {
    all[name] =
      typeof content === 'string' ? [encoder.encode(content), { level: 6 }] : [content, { level: 0 }];
  }
  // The same files are the same zip.
  return zipSync(all, { mtime: MTIME });
}

export const isZip = (bytes: Uint8Array): boolean =>
  bytes[0] === 0x50 && bytes[1] === 0x4b && bytes[2] === 3 && bytes[3] === 4;

/**
 * The wanted files of a zip.
 *
 * @param isWanted whether a file of that name is; others are not inflated
 * @param maxBytes how large all of them may become together
 * @throws UserError when it is damaged, or becomes larger
 */
export function readZip(
  bytes: Uint8Array,
  isWanted: (name: string) => boolean,
  maxBytes: number,
): Map<string, Uint8Array> {
  const parts = new Map<string, Uint8Array[]>();
  const finished = new Set<string>();
  let total = 0;
  let entries = 0;
  const unzip = new Unzip((file) => {
    entries++;
    if (entries > MAX_ENTRIES) throw new UserError(`it holds more than ${MAX_ENTRIES} files`);
    const { name } = file;
    if (!isWanted(name) || parts.has(name)) return;
    const own: Uint8Array[] = [];
    parts.set(name, own);
    file.ondata = (error, data, final) => {
      if (error) throw error;
      total += data.length;
      if (total > maxBytes)
        throw new UserError(`it becomes larger than ${Math.round(maxBytes / 2 ** 20)} MiB`);
      own.push(data.slice());
      if (final) finished.add(name);
    };
    file.start();
  });
  unzip.register(UnzipInflate);
  try {
    for (let at = 0; at < bytes.length; at += PIECE) {
      unzip.push(bytes.subarray(at, at + PIECE), at + PIECE >= bytes.length);
    }
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`it is not a zip that can be read (${(error as Error).message})`);
  }
  const cut = [...parts.keys()].find((name) => !finished.has(name));
  if (cut !== undefined) throw new UserError(`it is cut off within ${cut}`);
  return new Map([...parts].map(([name, own]) => [name, joined(own)]));
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
