/** Converts between typed arrays and TensorProto. Data is always written as raw little-endian bytes. */

import { formatDims, quote, refuse } from './invalid-model.js';
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

/** The types beyond those that this project computes with, from code 14. */
const OTHER_NAMES =
  'complex64 complex128 bfloat16 float8e4m3fn float8e4m3fnuz float8e5m2 float8e5m2fnuz uint4 int4 float4e2m1 float8e8m0 uint2 int2'.split(
    ' ',
  );

/** The name of any ONNX element type code, for showing. */
export function typeLabel(code: number | undefined): string {
  return dataTypeName(code) ?? OTHER_NAMES[(code ?? 0) - 14] ?? (code ? `type ${code}` : 'unknown');
}

const FLOATS: readonly (number | undefined)[] = [1, 10, 11, 14, 15, 16, 17, 18, 19, 20, 23, 24];

/** Whether an element type is of floating point, complex numbers included. */
export function isFloat(code: number | undefined): boolean {
  return FLOATS.includes(code);
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

type DataField = 'float_data' | 'int32_data' | 'int64_data' | 'double_data' | 'uint64_data' | 'string_data';

/** Bits of an element as raw bytes, and where else its values may be: in which field, and how many of it an element. */
type Storage = readonly [bits: number, field: DataField, perElement: number];

const SMALL_INTEGER = (bits: number, perElement = 1): Storage => [bits, 'int32_data', perElement];

/** All of TensorProto.DataType, by code. */
const STORAGE: readonly (Storage | undefined)[] = [
  undefined,
  [32, 'float_data', 1],
  SMALL_INTEGER(8),
  SMALL_INTEGER(8),
  SMALL_INTEGER(16),
  SMALL_INTEGER(16),
  SMALL_INTEGER(32),
  [64, 'int64_data', 1],
  [0, 'string_data', 1],
  SMALL_INTEGER(8),
  SMALL_INTEGER(16),
  [64, 'double_data', 1],
  [32, 'uint64_data', 1],
  [64, 'uint64_data', 1],
  [64, 'float_data', 2], // complex
  [128, 'double_data', 2],
  SMALL_INTEGER(16), // bfloat16
  SMALL_INTEGER(8), // four kinds of float8
  SMALL_INTEGER(8),
  SMALL_INTEGER(8),
  SMALL_INTEGER(8),
  SMALL_INTEGER(4, 1 / 2), // integers and floats of four bits, two in a number
  SMALL_INTEGER(4, 1 / 2),
  SMALL_INTEGER(4, 1 / 2),
  SMALL_INTEGER(8), // float8 exponent
  SMALL_INTEGER(2, 1 / 4),
  SMALL_INTEGER(2, 1 / 4),
];

/** Bytes that `count` elements of a type take in memory; a guess for strings. */
export function tensorBytes(code: number, count: number): number {
  if (code === DATA_TYPES.string) return 32 * count;
  return Math.ceil((count * (STORAGE[code]?.[0] ?? 64)) / 8);
}

/** More axes than any real tensor has. */
export const MAX_RANK = 32;

/** The number of elements of a shape, whose dimensions are sound. */
export function elementCount(label: string, dims: readonly number[]): number {
  if (dims.length > MAX_RANK) refuse(`${label} has ${dims.length} axes`);
  let count = 1;
  for (const dim of dims) {
    if (!Number.isSafeInteger(dim) || dim < 0) refuse(`${label} has a dimension of ${dim}`);
    count *= dim;
  }
  return count;
}

/**
 * Checks that a tensor holds as much data as its shape says, and holds it itself.
 *
 * @throws InvalidModelError
 */
export function checkTensor(tensor: TensorProto): void {
  const label = `tensor ${quote(tensor.name)}`;
  if ((tensor.data_location ?? 0) !== 0 || (tensor.external_data?.length ?? 0) > 0) {
    refuse(`${label} keeps its data in another file, which is not supported`);
  }
  const dims = tensor.dims ?? [];
  const count = elementCount(label, dims);
  const storage = STORAGE[tensor.data_type ?? 0];
  if (storage === undefined) refuse(`${label} has an unknown element type ${tensor.data_type ?? 0}`);
  const [bits, field, perElement] = storage;
  const raw = bits > 0 && tensor.raw_data !== undefined;
  const found = raw ? tensor.raw_data!.length : (tensor[field]?.length ?? 0);
  const expected = Math.ceil(count * (raw ? bits / 8 : perElement));
  if (found === expected) return;
  const unit = raw ? 'bytes' : 'values';
  refuse(`${label} holds ${found} ${unit} where its shape ${formatDims(dims)} takes ${expected}`);
}

/** How raw bytes read, for the types of sizes, axes, scales and divisors. */
const RAW_READERS: Readonly<Record<number, (view: DataView, index: number) => number>> = {
  [DATA_TYPES.float32]: (view, i) => view.getFloat32(4 * i, true),
  [DATA_TYPES.float64]: (view, i) => view.getFloat64(8 * i, true),
  [DATA_TYPES.int64]: (view, i) => Number(view.getBigInt64(8 * i, true)),
  [DATA_TYPES.uint64]: (view, i) => Number(view.getBigUint64(8 * i, true)),
  [DATA_TYPES.int32]: (view, i) => view.getInt32(4 * i, true),
  [DATA_TYPES.uint32]: (view, i) => view.getUint32(4 * i, true),
  [DATA_TYPES.int16]: (view, i) => view.getInt16(2 * i, true),
  [DATA_TYPES.uint16]: (view, i) => view.getUint16(2 * i, true),
  [DATA_TYPES.int8]: (view, i) => view.getInt8(i),
  [DATA_TYPES.uint8]: (view, i) => view.getUint8(i),
  [DATA_TYPES.bool]: (view, i) => view.getUint8(i),
};

/** The `count` elements of a checked tensor as numbers; undefined for the types that those never have. */
export function tensorNumbers(tensor: TensorProto, count: number): readonly number[] | undefined {
  const read = RAW_READERS[tensor.data_type ?? 0];
  if (read === undefined) return undefined;
  const raw = tensor.raw_data;
  if (raw === undefined) return tensor[STORAGE[tensor.data_type!]![1]] as number[] | undefined;
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  return Array.from({ length: count }, (_, i) => read(view, i));
}
