/** The hash under the golden inputs, as `test/golden/make_gan_parity.py` has it, and arrays made with it. */

/** Unsigned 32-bit hash of index `i` in stream `s`. */
export function hash32(i: number, s: number): number {
  let x = Math.imul(i, 2654435761) + Math.imul(s, 2246822519) + 374761393;
  x ^= x >>> 15;
  x = Math.imul(x, 2246822519);
  x ^= x >>> 13;
  x = Math.imul(x, 3266489917);
  return (x ^ (x >>> 16)) >>> 0;
}

/** A double in (0, 1). */
export function unit(i: number, s: number): number {
  return (hash32(i, s) + 0.5) / 2 ** 32;
}

/** `count` doubles in (low, high) from stream `s`. */
export function uniform(count: number, s: number, low = -1, high = 1): Float64Array {
  return Float64Array.from({ length: count }, (_, i) => low + (high - low) * unit(i, s));
}
