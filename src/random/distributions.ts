/**
 * Distributions over the counter-based generator. Only +, -, *, / and square roots of IEEE doubles are used, which
 * every JavaScript engine rounds alike: no Math.log or Math.cos, whose last bits differ between engines.
 */

import { randomUint32, type Stream } from './philox.js';

/** A latent distribution: N(0, 1), or uniform on (-halfWidth, halfWidth). */
export type Distribution = { kind: 'normal' } | { kind: 'uniform'; halfWidth: number };

const scratch = new DataView(new ArrayBuffer(8));

/** 1/21, 1/19, ... 1/1: the coefficients of the atanh series, the last term first. */
const SERIES = [21, 19, 17, 15, 13, 11, 9, 7, 5, 3, 1].map((k) => 1 / k);

/** Natural logarithm of a positive normal double, from its exponent and an atanh series of its mantissa. */
function logarithm(x: number): number {
  scratch.setFloat64(0, x);
  const high = scratch.getUint32(0);
  let exponent = (high >>> 20) - 1023;
  scratch.setUint32(0, (high & 0xfffff) | 0x3ff00000);
  let mantissa = scratch.getFloat64(0);
  if (mantissa > Math.SQRT2) {
    mantissa /= 2;
    exponent += 1;
  }
  const t = (mantissa - 1) / (mantissa + 1);
  const t2 = t * t;
  let series = 0;
  for (let i = 0; i < SERIES.length; i++) series = series * t2 + SERIES[i]!;
  return exponent * Math.LN2 + 2 * t * series;
}

/** Numerator and denominator of Wichura's three rational approximations, constant term first. */
const CENTRAL = [
  [
    3.3871328727963665, 133.14166789178438, 1971.5909503065513, 13731.69376550946, 45921.95393154987,
    67265.7709270087, 33430.57558358813, 2509.0809287301227,
  ],
  [
    1, 42.31333070160091, 687.1870074920579, 5394.196021424751, 21213.794301586597, 39307.89580009271,
    28729.085735721943, 5226.495278852546,
  ],
] as const;
const MIDDLE = [
  [
    1.4234371107496835, 4.630337846156546, 5.769497221460691, 3.6478483247632045, 1.2704582524523684,
    0.2417807251774506, 0.022723844989269184, 0.0007745450142783414,
  ],
  [
    1, 2.053191626637759, 1.6763848301838038, 0.6897673349851, 0.14810397642748008, 0.015198666563616457,
    0.0005475938084995345, 1.0507500716444169e-9,
  ],
] as const;
const TAIL = [
  [
    6.657904643501103, 5.463784911164114, 1.7848265399172913, 0.29656057182850487, 0.026532189526576124,
    0.0012426609473880784, 2.7115555687434876e-5, 2.0103343992922881e-7,
  ],
  [
    1, 0.599832206555888, 0.1369298809227358, 0.014875361290850615, 0.0007868691311456133,
    1.8463183175100548e-5, 1.421511758316446e-7, 2.0442631033899397e-15,
  ],
] as const;

type Coefficients = readonly [number, number, number, number, number, number, number, number];

/** A polynomial of degree 7 by Horner's rule, written out: it is what drawing latents spends its time on. */
function polynomial(c: Coefficients, x: number): number {
  return ((((((c[7] * x + c[6]) * x + c[5]) * x + c[4]) * x + c[3]) * x + c[2]) * x + c[1]) * x + c[0];
}

function rational(of: readonly [Coefficients, Coefficients], x: number): number {
  return polynomial(of[0], x) / polynomial(of[1], x);
}

/**
 * Quantile of the standard normal distribution, to about 16 digits.
 *
 * Source: Wichura, "Algorithm AS 241: The percentage points of the normal distribution", Applied Statistics, 1988.
 *
 * @param p probability in (0, 1)
 */
export function normalQuantile(p: number): number {
  const q = p - 0.5;
  if (Math.abs(q) <= 0.425) return q * rational(CENTRAL, 0.180625 - q * q);
  const r = Math.sqrt(-logarithm(q < 0 ? p : 1 - p));
  const magnitude = r <= 5 ? rational(MIDDLE, r - 1.6) : rational(TAIL, r - 5);
  return q < 0 ? -magnitude : magnitude;
}

/**
 * Quantile of a latent distribution.
 *
 * @param p probability in (0, 1)
 */
export function quantile(distribution: Distribution, p: number): number {
  return distribution.kind === 'normal' ? normalQuantile(p) : (2 * p - 1) * distribution.halfWidth;
}

/** Maps 32 random bits into the open interval (0, 1), symmetric about 1/2. */
export function toUnitInterval(bits: number): number {
  return (bits + 0.5) * 2 ** -32;
}

/**
 * Draws `count` rows of `width` values; row i is the draw of (seed, stream, start + i) and of nothing else.
 *
 * @returns float32, [count, width]
 * @throws RangeError when seed, start or their sum leaves the safe non-negative integers
 */
export function randomRows(
  distribution: Distribution,
  shape: { count: number; width: number },
  draw: { seed: number; stream: Stream; start: number },
): Float32Array {
  const { count, width } = shape;
  const out = new Float32Array(count * width);
  const bits = new Uint32Array(width);
  for (let row = 0; row < count; row++) {
    randomUint32(draw.seed, draw.stream, draw.start + row, bits);
    const offset = row * width;
    if (distribution.kind === 'normal') {
      for (let i = 0; i < width; i++) out[offset + i] = normalQuantile(toUnitInterval(bits[i]!));
    } else {
      const span = 2 * distribution.halfWidth;
      for (let i = 0; i < width; i++) out[offset + i] = (toUnitInterval(bits[i]!) - 0.5) * span;
    }
  }
  return out;
}

/**
 * A uniformly random permutation of 0 .. length - 1 (Fisher-Yates over the draw of (seed, stream, index)).
 */
export function randomPermutation(
  length: number,
  draw: { seed: number; stream: Stream; index: number },
): Uint32Array {
  const order = Uint32Array.from({ length }, (_, i) => i);
  const bits = randomUint32(draw.seed, draw.stream, draw.index, new Uint32Array(length));
  for (let i = length - 1; i > 0; i--) {
    const j = Math.floor(toUnitInterval(bits[i]!) * (i + 1));
    const swap = order[i]!;
    order[i] = order[j]!;
    order[j] = swap;
  }
  return order;
}
