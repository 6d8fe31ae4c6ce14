/** A run as one file of the browser's storage: a line that says what is in it, and the files of its checkpoint. */

import { decodeRunCheckpoint, type RunCheckpoint } from '../../../src/train/run-checkpoint.js';
import { sha256Hex } from '../../../src/train/sha256.js';
import type { PlaygroundDevice, RunInfo } from '../protocol.js';

/** The decoded images of a run, in a file of their own. */
export interface SavedImages {
  /** Name of that file. */
  name: string;
  skipped: RunInfo['skipped'];
}

/** What is known of a run beside its checkpoint. */
export interface SavedAbout {
  /** Counts saves: the higher one is the newer. */
  sequence: number;
  /** The device that was asked for. */
  device: PlaygroundDevice;
  images?: SavedImages;
}

interface Header extends SavedAbout {
  files: { name: string; size: number }[];
  /** Of all files, one after the other. */
  sha256: string;
}

export interface SavedRun {
  about: SavedAbout;
  checkpoint: RunCheckpoint;
}

const MAGIC = 'gan-onnx playground run 1 ';
const MAX_HEADER = 2 ** 20;

async function digest(parts: readonly Uint8Array[]): Promise<string> {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  // The browser's own is faster, and missing where a page is not served securely.
  if (crypto.subtle === undefined) return sha256Hex(whole);
  const sum = new Uint8Array(await crypto.subtle.digest('SHA-256', whole));
  return Array.from(sum, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** @param files of a checkpoint, as `encodeRunCheckpoint` makes them */
export async function encodeSavedRun(
  about: SavedAbout,
  files: ReadonlyMap<string, Uint8Array>,
): Promise<Uint8Array[]> {
  const parts = [...files.values()];
  const header: Header = {
    ...about,
    files: [...files].map(([name, { length }]) => ({ name, size: length })),
    sha256: await digest(parts),
  };
  return [new TextEncoder().encode(`${MAGIC}${JSON.stringify(header)}\n`), ...parts];
}

/** @returns undefined when the bytes are not a whole saved run */
export async function decodeSavedRun(bytes: Uint8Array): Promise<SavedRun | undefined> {
  try {
    const end = bytes.subarray(0, MAX_HEADER).indexOf(10);
    const line = new TextDecoder().decode(bytes.subarray(0, Math.max(0, end)));
    if (!line.startsWith(MAGIC)) return undefined;
    const { files, sha256, ...about } = JSON.parse(line.slice(MAGIC.length)) as Header;
    const parts = new Map<string, Uint8Array>();
    let at = end + 1;
    for (const { name, size } of files) {
      parts.set(name, bytes.slice(at, at + size));
      at += size;
    }
    if (at !== bytes.length || (await digest([...parts.values()])) !== sha256) return undefined;
    return { about, checkpoint: decodeRunCheckpoint(parts) };
  } catch {
    return undefined;
  }
}
