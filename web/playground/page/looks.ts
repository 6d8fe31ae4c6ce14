/** Earlier looks at G and D, so that one can go back: in bounded memory, thinner the longer the run. */

import type { Look } from '../protocol.js';

/** Bytes and looks that are kept at most. */
const [MAX_BYTES, MAX_LOOKS] = [24 * 2 ** 20, 120];

function byteLength(look: Look): number {
  if (look.kind === 'images') return look.samples.rgba.byteLength + look.manifold.rgba.byteLength;
  const arrays = Object.values(look).filter((value) => ArrayBuffer.isView(value));
  return arrays.reduce((sum, { byteLength: bytes }) => sum + bytes, 0);
}

/**
 * @param history looks by rising step; a look at the same step again replaces the last, an earlier one begins anew
 * @returns the history with the look; every second one is left out when there are too many, never the newest
 */
export function keepLook(history: readonly Look[], look: Look): Look[] {
  const before = history.filter(({ step }) => step < look.step);
  // The data are the same at every look.
  const first = before[0];
  const kept = look.kind === 'images' && first?.kind === 'images' ? { ...look, data: first.data } : look;
  const all = [...before, kept];
  const bytes = all.reduce((sum, one) => sum + byteLength(one), 0);
  if (all.length <= MAX_LOOKS && bytes <= MAX_BYTES) return all;
  return all.filter((_, i) => (all.length - 1 - i) % 2 === 0);
}
