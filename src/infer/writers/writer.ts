/** What a writer of samples is, and what it is told. */

import type { FileSum } from '../file-sum.js';
import type { Samples } from '../node.js';

/** What will be written into one output. */
export interface SamplePlan {
  /** Number of samples in all. */
  count: number;
  /** Number of the first one. */
  start: number;
  /** [channels, height, width] */
  shape: readonly [number, number, number];
  /** Images a row of a grid. */
  columns: number;
  /** Digits of a sample's number in a file's name. */
  digits: number;
}

/** Digits that numbers below `end` are written with in names, at least six: so names sort as their numbers do. */
export function digitsBelow(end: number): number {
  return Math.max(6, String(end - 1).length);
}

/** Name of a sample's PNG file. */
export function pictureName(number: number, digits: number): string {
  return `${String(number).padStart(digits, '0')}.png`;
}

/** Turns samples into the bytes of a file: those of `begin`, of each `encode` in order, and of `end`. */
export interface SampleEncoder {
  begin(): Uint8Array;
  encode(samples: Samples): Promise<Uint8Array> | Uint8Array;
  end(): Promise<Uint8Array> | Uint8Array;
}

/** Writes one output under a temporary name: it is there whole or not at all. */
export interface SampleWriter {
  /** Takes the next samples, in order. */
  write(samples: Samples): Promise<void>;
  /** Brings everything to the disk, still under the temporary name. */
  complete(): Promise<FileSum>;
  /** Puts the output in its place. */
  commit(): Promise<void>;
  /** Removes what was written so far; safe to call at any time, also when the process ends. */
  discard(): void;
}
