/** Checks of a node's inputs that the operators' shape inference shares. */

import type { DType } from './ops.js';
import type { Value } from './value.js';

const FLOATS: readonly DType[] = ['float32', 'float64'];

/** @throws TypeError naming the operator and the value */
export function requireFloat(op: string, value: Value): void {
  if (!FLOATS.includes(value.dtype)) {
    throw new TypeError(`${op}: ${value.name} is ${value.dtype}, expected float32 or float64`);
  }
}

/** @throws TypeError naming the operator and both values */
export function requireSameType(op: string, a: Value, b: Value): void {
  if (a.dtype !== b.dtype) {
    throw new TypeError(`${op}: ${a.name} is ${a.dtype} and ${b.name} is ${b.dtype}, expected the same type`);
  }
}

/** Integer values of an input that must be constant, such as axes or a target shape. */
export function constantIntegers(op: string, value: Value): readonly number[] {
  if (value.integers === undefined) throw new TypeError(`${op}: ${value.name} must be a constant`);
  return value.integers;
}
