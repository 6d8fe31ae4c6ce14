/** Converts between typed arrays and TensorProto. Data is always written as raw little-endian bytes. */

import { DATA_TYPES, type DataType, type TensorProto } from './messages.js';

/** Bytes of one element, for the types with elements of a fixed size. */
export const ELEMENT_BYTES: Record<Exclude<DataType, 'string'>, number> = {
  float32: 4,
  uint8: 1,
  int8: 1,
  uint16: 2,
  int16: 2,
  int32: 4,
  int64: 8,
  bool: 1,
  float16: 2,
  float64: 8,
  uint32: 4,
  uint64: 8,
};

const NAMES = new Map<number, DataType>(
  Object.entries(DATA_TYPES).map(([name, code]) => [code, name as DataType]),
);

/** The name of an ONNX element type code, or undefined when this project does not know the code. */
export function dataTypeName(code: number | undefined): DataType | undefined {
  return code === undefined ? undefined : NAMES.get(code);
}

/**
 * @param values elements in row-major order, in a typed array whose layout is that of `dataType`
 * @throws RangeError when the number of elements does not match `dims`
 */
export function tensorProto(
  name: string,
  dataType: Exclude<DataType, 'string'>,
  dims: readonly number[],
  values: ArrayBufferView,
): TensorProto {
  const expected = dims.reduce((a, b) => a * b, 1) * ELEMENT_BYTES[dataType];
  if (values.byteLength !== expected) {
    throw new RangeError(
      `tensor ${name}: ${values.byteLength} bytes of data for ${dataType} [${dims.join(', ')}], which takes ${expected}`,
    );
  }
  const raw = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return { dims: [...dims], data_type: DATA_TYPES[dataType], name, raw_data: raw };
}
