/** Pictures of a run for its report: a few of images/, evenly apart, as the PNG files that they are. */

import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface RunPicture {
  /** Steps that were done before it was drawn. */
  step: number;
  png: Uint8Array;
  /** In pixels. */
  width: number;
  height: number;
}

/** Pictures in a report, and what they may take together. */
const MAX_PICTURES = 12;
const MAX_BYTES = 6 * 2 ** 20;

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

/** A PNG file that is small enough; undefined for anything else, and where there is none. */
export function readPng(path: string, maxBytes = MAX_BYTES): Omit<RunPicture, 'step'> | undefined {
  try {
    const found = lstatSync(path);
    if (!found.isFile() || found.size > maxBytes || found.size < 33) return undefined;
    const png = readFileSync(path);
    if (!SIGNATURE.every((byte, i) => png[i] === byte)) return undefined;
    // The header is the first chunk of every PNG file.
    return { png, width: png.readUInt32BE(16), height: png.readUInt32BE(20) };
  } catch {
    return undefined;
  }
}

/** Numbers of the pictures in images/ that are of steps before `done`, in order. */
export function pictureSteps(folder: string, done: number): number[] {
  try {
    const steps = readdirSync(folder).flatMap((name) => /^(\d{1,16})\.png$/.exec(name)?.[1] ?? []);
    return steps
      .map(Number)
      .filter((step) => step < done)
      .sort((a, b) => a - b);
  } catch {
    return [];
  }
}

/** At most 12 of them, the first and the last among them, which take at most 6 MiB together. */
export function readPictures(folder: string, done: number): RunPicture[] {
  const steps = pictureSteps(folder, done);
  const count = Math.min(MAX_PICTURES, steps.length);
  const chosen = Array.from(
    { length: count },
    (_, i) => steps[Math.round((i * (steps.length - 1)) / Math.max(1, count - 1))]!,
  );
  // The last ones first: they say most where not all of them fit.
  let left = MAX_BYTES;
  const pictures = chosen.toReversed().flatMap((step) => {
    const picture = readPng(join(folder, `${step}.png`), left);
    if (picture === undefined) return [];
    left -= picture.png.length;
    return [{ step, ...picture }];
  });
  return pictures.reverse();
}
