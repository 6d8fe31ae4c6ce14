/** What this process may use of the machine's memory. */

import { totalmem } from 'node:os';

/** Memory that this process may use, in bytes: the machine's, or less inside a container. */
export function availableMemory(): number {
  const constrained = process.constrainedMemory?.() ?? 0;
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem();
}

/** Bytes in words: 1.25 GiB. */
export function gibibytes(bytes: number): string {
  return `${(bytes / 2 ** 30).toPrecision(3)} GiB`;
}
