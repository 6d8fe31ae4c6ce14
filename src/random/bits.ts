/**
 * Random bits in bulk, for dropout masks: xoshiro128++ seeded by one Philox block, several times faster than Philox
 * itself and still a function of (seed, stream, index).
 *
 * Source: Blackman and Vigna, "Scrambled linear pseudorandom number generators", ACM TOMS 2021.
 */

import { randomUint32, type Stream } from './philox.js';

/** Ranges of a row of bits, each with its probability of a 1, rounded to a multiple of 2^-16. */
export interface MaskRange {
  mask: Uint8Array;
  /** First entry of the row in `mask`, and how many follow. */
  start: number;
  length: number;
  probability: number;
}

/** Fills the ranges, one after the other, with the ones and zeros of the draw of (seed, stream, index). */
export function randomMask(
  draw: { seed: number; stream: Stream; index: number },
  ranges: readonly MaskRange[],
): void {
  const state = randomUint32(draw.seed, draw.stream, draw.index, new Uint32Array(4));
  let s0 = state[0]! | 0;
  let s1 = state[1]! | 0;
  let s2 = state[2]! | 0;
  let s3 = state[3]! | 0;
  for (const { mask, start, length, probability } of ranges) {
    const threshold = Math.round(probability * 2 ** 16);
    const end = start + length;
    for (let i = start; i < end; i += 2) {
      const sum = (s0 + s3) | 0;
      const word = (((sum << 7) | (sum >>> 25)) + s0) | 0;
      const t = s1 << 9;
      s2 ^= s0;
      s3 ^= s1;
      s1 ^= s2;
      s0 ^= s3;
      s2 ^= t;
      s3 = (s3 << 11) | (s3 >>> 21);
      // The sign bit of a difference, not a comparison: a branch on random bits is mispredicted half of the time.
      mask[i] = ((word & 0xffff) - threshold) >>> 31;
      if (i + 1 < end) mask[i + 1] = ((word >>> 16) - threshold) >>> 31;
    }
  }
}
