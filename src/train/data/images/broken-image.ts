/** Image files that cannot be used, and how they are told of. */

import { firstOf, printable } from '../../../system/printable.js';

/** What is wrong with a file, in words that follow its name and a colon. */
export class BrokenImage extends Error {
  override readonly name = 'BrokenImage';
}

/** A file or folder that cannot be used. */
export interface Broken {
  /** Path below the data folder, with slashes. */
  path: string;
  reason: string;
}

/** The first `most` of them with their reasons, and how many more there are. */
export function brokenNames(broken: readonly Broken[], most: number): string {
  const names = broken.map(({ path, reason }) => `${printable(path)}: ${reason}`);
  return firstOf(names, most, '; ');
}
