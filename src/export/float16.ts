/** IEEE 754 half precision: 1 sign bit, 5 of exponent, 10 of mantissa. JavaScript has it from Node 24 on only. */

/** Halves from this magnitude on would round to infinity: the largest is 65504, and the next would be 65536. */
const OVERFLOW = 65520;
/** The smallest normal half; below it they are multiples of 2^-24. */
const SMALLEST_NORMAL = 2 ** -14;

const number = new Float32Array(1);
const bits = new Uint32Array(number.buffer);

/** The bits of the half that is nearest to a float32; of two that are equally near, the one with an even mantissa. */
function halfBits(value: number): number {
  number[0] = value;
  const sign = (bits[0]! >>> 16) & 0x8000;
  const magnitude = Math.abs(value);
  if (Number.isNaN(value)) return sign | 0x7e00;
  if (magnitude >= OVERFLOW) return sign | 0x7c00;
  // Adding 2^52 leaves no room for a fraction, and the addition itself rounds to nearest, ties to even.
  if (magnitude < SMALLEST_NORMAL) return sign | (magnitude * 2 ** 24 + 2 ** 52 - 2 ** 52);
  // 13 bits of mantissa go; what rounds up carries into the exponent, which is where it belongs.
  const kept = bits[0]! & 0x7fffffff;
  const rounded = kept + 0xfff + ((kept >>> 13) & 1);
  // The exponent's bias is 127 in float32 and 15 here.
  return sign | ((rounded >>> 13) - ((127 - 15) << 10));
}

/**
 * @param values float32 elements
 * @returns the bits of the nearest halves, ties to even; subnormals and signed zeros are kept, magnitudes from 65520 on
 * become infinity, and NaN one quiet NaN
 */
export function toFloat16(values: Float32Array): Uint16Array {
  return Uint16Array.from(values, halfBits);
}

/** Whether all elements are finite as halves: numbers of a magnitude below 65520. */
export function fitsFloat16(values: Float32Array): boolean {
  return values.every((value) => Math.abs(value) < OVERFLOW);
}
