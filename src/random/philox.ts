/**
 * The counter-based generator under every random number of the project: Philox4x32-10. A draw is a pure function
 * of (seed, stream, index, position), so that sample k of seed s is the same on every machine, in any shard, in any
 * order.
 *
 * Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
 */

const MULTIPLIER_0 = 0xd2511f53;
const MULTIPLIER_1 = 0xcd9e8d57;
const WEYL_0 = 0x9e3779b9;
const WEYL_1 = 0xbb67ae85;
const ROUNDS = 10;

/** High 32 bits of the 64-bit product of two unsigned 32-bit integers; no partial sum leaves 32 bits. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = (Math.imul(aHigh, bLow) >>> 0) + (Math.imul(aLow, bLow) >>> 16);
  const carry = (Math.imul(aLow, bHigh) >>> 0) + (middle & 0xffff);
  return (Math.imul(aHigh, bHigh) + (middle >>> 16) + (carry >>> 16)) | 0;
}

/**
 * Consecutive Philox4x32-10 blocks: the first counter word goes up by one from block to block.
 *
 * @param counter four 32-bit words; left unchanged
 * @param key two 32-bit words; left unchanged
 * @param out receives as many unsigned 32-bit words as it holds; a last block may be cut
 */
export function philox4x32(
  counter: readonly [number, number, number, number],
  key: readonly [number, number],
  out: Uint32Array,
): void {
  for (let i = 0; i < out.length; i += 4) {
    let c0 = (counter[0] + (i >>> 2)) | 0;
    let c1 = counter[1] | 0;
    let c2 = counter[2] | 0;
    let c3 = counter[3] | 0;
    let k0 = key[0] | 0;
    let k1 = key[1] | 0;
    for (let round = 0; round < ROUNDS; round++) {
      const high0 = multiplyHigh(MULTIPLIER_0, c0);
      const low0 = Math.imul(MULTIPLIER_0, c0);
      const high1 = multiplyHigh(MULTIPLIER_1, c2);
      const low1 = Math.imul(MULTIPLIER_1, c2);
      c0 = high1 ^ c1 ^ k0;
      c1 = low1;
      c2 = high0 ^ c3 ^ k1;
      c3 = low0;
      k0 = (k0 + WEYL_0) | 0;
      k1 = (k1 + WEYL_1) | 0;
    }
    // Writes beyond the end of a typed array are ignored.
    out[i] = c0;
    out[i + 1] = c1;
    out[i + 2] = c2;
    out[i + 3] = c3;
  }
}

/**
 * Streams keep draws for different purposes apart under one seed. The numbers are part of the reproducibility
 * promise: never renumber, only add.
 */
export const STREAMS = {
  /** Latents of a sampled image: index = number of the sample. */
  sampleLatents: 0,
  /** Latents of a training step: index = number of the training sample. */
  trainingLatents: 1,
  /** Initial parameters: index = number of the parameter tensor. */
  initialParameters: 2,
  /** The order of the dataset: index = epoch. */
  shuffle: 3,
  /** Dropout masks: index = number of the training sample. */
  dropout: 4,
  /** The procedural digits: index = number of the image. */
  digits: 5,
  /** Directions of the sliced Wasserstein distance: index = number of the direction. */
  directions: 6,
  /** Points of toy data: index = number of the point. */
  points: 7,
} as const;

export type Stream = keyof typeof STREAMS;

/**
 * Fills `out` with uniform unsigned 32-bit integers: the draw of (seed, stream, index).
 *
 * @param seed integer in [0, 2^53)
 * @param index integer in [0, 2^53)
 * @throws RangeError when seed or index is not a safe non-negative integer
 */
export function randomUint32(seed: number, stream: Stream, index: number, out: Uint32Array): Uint32Array {
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new RangeError(`seed is ${seed}: expected an integer from 0 to 2^53 - 1`);
  }
  if (!Number.isSafeInteger(index) || index < 0) {
    throw new RangeError(`random index is ${index}: expected an integer from 0 to 2^53 - 1`);
  }
  const key: [number, number] = [seed >>> 0, Math.floor(seed / 2 ** 32)];
  philox4x32([0, index >>> 0, Math.floor(index / 2 ** 32), STREAMS[stream]], key, out);
  return out;
}
