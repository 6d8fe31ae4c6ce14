/** Measures of arrays of numbers, for comparisons. */

import { readFileSync } from 'node:fs';
import type { Numbers } from './run-graph.js';

export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}

/** Largest magnitude. */
export function largest(values: ArrayLike<number>): number {
  let max = 0;
  for (let i = 0; i < values.length; i++) max = Math.max(max, Math.abs(values[i]!));
  return max;
}

/** Euclidean norm. */
export function norm(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]! * values[i]!;
  return Math.sqrt(sum);
}

/** Whether two typed arrays hold the same bytes: what `toEqual` says too, but quickly. */
export function sameBits(a: ArrayBufferView, b: ArrayBufferView): boolean {
  const bytes = ({ buffer, byteOffset, byteLength }: ArrayBufferView) =>
    Buffer.from(buffer, byteOffset, byteLength);
  return a.constructor === b.constructor && bytes(a).equals(bytes(b));
}

/** Largest difference between two arrays, in units of the largest magnitude of the second; NaN if any is. */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>, floor = 0): number {
  if (actual.length !== expected.length) return Number.POSITIVE_INFINITY;
  const difference = Float64Array.from({ length: actual.length }, (_, i) => actual[i]! - expected[i]!);
  const worst = largest(difference);
  return worst === 0 ? 0 : worst / Math.max(largest(expected), floor);
}

/** Numbers in row-major order. */
export function tensor(shape: readonly number[], data: ArrayLike<number>): Numbers {
  return { shape, data };
}

/** A file of `test/golden`. */
export function readGolden<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`../golden/${name}`, import.meta.url), 'utf8')) as T;
}
