/** The typed array that holds the elements of each type. */

import { toFloat16 } from './float16.js';
import type { DType } from './ops.js';

const ARRAYS = {
  float32: Float32Array,
  float64: Float64Array,
  int32: Int32Array,
  uint8: Uint8Array,
  bool: Uint8Array,
};

/** A typed array of the elements of a DType (bool as bytes, int64 as bigints, float16 as its bits). */
export type TypedArray = Float32Array | Float64Array | Int32Array | Uint8Array | Uint16Array | BigInt64Array;

/** Elements of `dtype` from plain numbers. */
export function typedArray(dtype: DType, numbers: readonly number[]): TypedArray {
  if (dtype === 'int64') return BigInt64Array.from(numbers, BigInt);
  if (dtype === 'float16') return toFloat16(Float32Array.from(numbers));
  return ARRAYS[dtype].from(numbers);
}
