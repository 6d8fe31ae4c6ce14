/** NumPy's .npy format, version 1.0: a header of 64-byte multiples, then the raw elements. */

/**
 * The bytes in front of the elements of a little-endian float32 array in row-major order.
 *
 * Source: the NEP 1 specification that ships with NumPy (numpy.lib.format).
 */
export function npyHeader(shape: readonly number[]): Uint8Array {
  const dims = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const dictionary = `{'descr': '<f4', 'fortran_order': False, 'shape': (${dims}), }`;
  const prefix = 10;
  const length = Math.ceil((prefix + dictionary.length + 1) / 64) * 64 - prefix;
  const header = new Uint8Array(prefix + length);
  header.set([0x93, ...new TextEncoder().encode('NUMPY'), 1, 0, length & 0xff, length >>> 8]);
  header.set(new TextEncoder().encode(`${dictionary.padEnd(length - 1)}\n`), prefix);
  return header;
}
