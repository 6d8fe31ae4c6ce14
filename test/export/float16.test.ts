import { describe, expect, it } from 'vitest';
import { fitsFloat16, toFloat16 } from '../../src/export/float16.js';

function half(value: number): number {
  return toFloat16(Float32Array.of(value))[0]!;
}

/** The number that the bits of a half stand for, by the definition of IEEE 754. */
function fromHalf(bits: number): number {
  const [sign, exponent, mantissa] = [bits >>> 15 ? -1 : 1, (bits >>> 10) & 31, bits & 1023];
  if (exponent === 31) return mantissa === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  if (exponent === 0) return sign * mantissa * 2 ** -24;
  return sign * (1 + mantissa / 1024) * 2 ** (exponent - 15);
}

describe('float16', () => {
  // numpy.float32(x).astype(numpy.float16).view(numpy.uint16)
  it.each([
    [0, 0x0000],
    [-0, 0x8000],
    [1, 0x3c00],
    [-2.5, 0xc100],
    [0.1, 0x2e66],
    [1 / 3, 0x3555],
    [Math.PI, 0x4248],
    [65504, 0x7bff],
    [65519.99609375, 0x7bff],
    [65520, 0x7c00],
    [-1e38, 0xfc00],
    [Number.POSITIVE_INFINITY, 0x7c00],
    [-1e-6, 0x8011],
    [1e-8, 0x0000],
  ])('has the bits of %f that numpy gives it', (value, bits) => {
    expect(half(value)).toBe(bits);
  });

  it('rounds ties to the even neighbour', () => {
    expect([1 + 2 ** -11, 1 + 3 * 2 ** -11, 2049, 2051].map(half)).toEqual([0x3c00, 0x3c02, 0x6800, 0x6802]);
    // The carry out of a full mantissa raises the exponent.
    expect(half(2 - 2 ** -11)).toBe(0x4000);
    expect(half(2 - 2 ** -11 - 2 ** -23)).toBe(0x3fff);
  });

  it('has the subnormals, down to 2^-24, and rounds into and out of them', () => {
    expect(half(2 ** -24)).toBe(0x0001);
    expect([2 ** -25, 2 ** -25 * 1.0001, 3 * 2 ** -25, 5 * 2 ** -25].map(half)).toEqual([0, 1, 2, 2]);
    expect([1023 * 2 ** -24, 1023.5 * 2 ** -24, 2 ** -14, 2 ** -14 - 2 ** -26].map(half)).toEqual([
      0x03ff, 0x0400, 0x0400, 0x0400,
    ]);
  });

  it('keeps every half as it is, and the midpoints of neighbours go to the even one', () => {
    const all = Array.from({ length: 0x7c00 }, (_, bits) => bits);
    const values = all.map(fromHalf);
    const middles = values.map((value, bits) => (value + (values[bits + 1] ?? 65536)) / 2);
    expect(values.map(half)).toEqual(all);
    expect(values.map((value) => half(-value))).toEqual(all.map((bits) => bits | 0x8000));
    expect(middles.map(half)).toEqual(all.map((bits) => bits + (bits % 2)));
  });

  it('keeps NaN, whatever its bits', () => {
    const odd = new Float32Array(Uint32Array.of(0x7f800001, 0xffffffff).buffer);
    for (const bits of toFloat16(odd)) expect(fromHalf(bits)).toBeNaN();
  });

  it('fits numbers that stay finite', () => {
    expect(fitsFloat16(Float32Array.of(1e-30, -65504, 65519))).toBe(true);
    for (const value of [65520, -1e9, Number.NaN, Number.NEGATIVE_INFINITY]) {
      expect(fitsFloat16(Float32Array.of(0, value)), String(value)).toBe(false);
    }
  });
});
