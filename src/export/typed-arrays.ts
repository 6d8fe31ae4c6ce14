/** The typed array that holds the elements of each type. */

import type { DType } from './ops.js';

const ARRAYS = {
  float32: Float32Array,
  float64: Float64Array,
  int32: Int32Array,
  uint8: Uint8Array,
  bool: Uint8Array,
  int64: BigInt64Array,
};

/** A typed array of the elements of `dtype` (bool as bytes, int64 as bigints). */
export type TypedArray = Float32Array | Float64Array | Int32Array | Uint8Array | BigInt64Array;

/** Elements of `dtype` from plain numbers. */
export function typedArray(dtype: DType, numbers: readonly number[]): TypedArray {
  if (dtype === 'int64') return BigInt64Array.from(numbers, BigInt);
  return ARRAYS[dtype].from(numbers);
}
