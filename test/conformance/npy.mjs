/** NumPy's .npy files, as far as the conformance scripts exchange them with Python. */

import { readFileSync, writeFileSync } from 'node:fs';

/** What stands in front of the elements: format version 1.0, padded so that they begin at a multiple of 64 bytes. */
function header(type, shape) {
  const dictionary = `{'descr': '${type}', 'fortran_order': False, 'shape': (${shape.join(', ')},), }`;
  const fixed = 10;
  const length = 64 * Math.ceil((fixed + dictionary.length + 1) / 64) - fixed;
  const start = Buffer.from([0x93, ...Buffer.from('NUMPY'), 1, 0, length & 0xff, length >>> 8]);
  return Buffer.concat([start, Buffer.from(`${dictionary.padEnd(length - 1)}\n`)]);
}

/** Writes a Float32Array or a Uint8Array, row-major. */
export function writeNpy(path, shape, data) {
  const elements = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const type = data instanceof Uint8Array ? '|u1' : '<f4';
  writeFileSync(path, Buffer.concat([header(type, shape), elements]));
}

/** The elements of a float32 array. */
export function readNpy(path) {
  const bytes = readFileSync(path);
  const start = 10 + bytes.readUInt16LE(8);
  if (!bytes.toString('latin1', 0, start).includes("'descr': '<f4'"))
    throw new Error(`${path} is not float32`);
  return new Float32Array(new Uint8Array(bytes.subarray(start)).buffer);
}
