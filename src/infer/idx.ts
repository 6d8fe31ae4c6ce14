/** IDX, the format of MNIST's files: a magic number and the dimensions, big-endian, then the raw elements. */

/** Elements that a dimension can have: it is a uint32. */
export const MAX_IDX_DIMENSION = 2 ** 32 - 1;

/**
 * The bytes in front of the elements of a uint8 array in row-major order.
 *
 * Source: "The IDX file format" on the page of the MNIST database (Y. LeCun, C. Cortes, C. Burges).
 *
 * @param shape at most 255 dimensions, each at most 2^32 - 1
 */
export function idxHeader(shape: readonly number[]): Uint8Array {
  const header = new DataView(new ArrayBuffer(4 + 4 * shape.length));
  header.setUint32(0, 0x0800 + shape.length);
  for (const [i, size] of shape.entries()) header.setUint32(4 + 4 * i, size);
  return new Uint8Array(header.buffer);
}
