/** Reads IDX, the format of MNIST's files: a magic number, the dimensions, then the values, all big-endian. */

import { UserError } from '../../system/user-error.js';

/** Third byte of the magic number for unsigned bytes. */
const UINT8 = 0x08;
/** More dimensions than any image data has. */
const MAX_DIMENSIONS = 8;
/** Names of the other values that the format allows there. */
const OTHER_TYPES: Record<number, string> = {
  9: 'int8',
  11: 'int16',
  12: 'int32',
  13: 'float32',
  14: 'float64',
};

/** The contents of an IDX file of unsigned bytes. */
export interface IdxArray {
  /** One to eight dimensions, outermost first: [60000, 28, 28] for MNIST's images. */
  shape: number[];
  /** uint8, as many as the product of `shape`, row-major: a view on the bytes that were read. */
  data: Uint8Array;
}

/**
 * Reads an IDX file of unsigned bytes.
 *
 * @param bytes the whole file, already unpacked
 * @param source name of the file, for messages
 * @param rank how many dimensions it must have; any number when left out
 * @returns its dimensions and its values 0..255; the values are not copied
 * @throws UserError when the file is not IDX, holds another type, has another rank, or its length does not fit its
 *   dimensions
 */
export function parseIdx(bytes: Uint8Array, source: string, rank?: number): IdxArray {
  const magic = Buffer.from(bytes.subarray(0, 4)).toString('hex');
  const [zero, alsoZero, type, dimensions] = bytes;
  if (dimensions === undefined || zero !== 0 || alsoZero !== 0 || (type !== UINT8 && !OTHER_TYPES[type!])) {
    const found = magic === '' ? 'an empty file' : `first bytes ${magic}`;
    throw new UserError(`${source}: found ${found}, expected 000008nn of an IDX file: get the file again`);
  }
  if (type !== UINT8) {
    throw new UserError(
      `${source}: found values of type ${OTHER_TYPES[type!]} (magic ${magic}), expected uint8 (000008nn): ` +
        'convert it to unsigned bytes',
    );
  }
  if (dimensions < 1 || dimensions > MAX_DIMENSIONS || dimensions !== (rank ?? dimensions)) {
    throw new UserError(
      `${source}: found ${dimensions} dimensions (magic ${magic}), expected ${rank ?? `1 to ${MAX_DIMENSIONS}`}: ` +
        'check that it is the right file',
    );
  }
  const header = 4 + 4 * dimensions;
  checkLength(bytes, header, source, `for a header of ${dimensions} dimensions`, 'at least ');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const shape = Array.from({ length: dimensions }, (_, i) => view.getUint32(4 + 4 * i));
  const product = shape.reduce((a, b) => a * b, 1);
  if (!Number.isSafeInteger(header + product)) {
    throw new UserError(
      `${source}: found dimensions ${shape.join(' x ')}, expected those of the ${bytes.length - header} values ` +
        'in the file: get the file again',
    );
  }
  checkLength(bytes, header + product, source, `for dimensions ${shape.join(' x ')}`);
  return { shape, data: bytes.subarray(header) };
}

function checkLength(bytes: Uint8Array, expected: number, source: string, why: string, atLeast = ''): void {
  const found = bytes.length;
  if (atLeast ? found >= expected : found === expected) return;
  const state = found < expected ? 'cut short' : 'too long';
  throw new UserError(
    `${source}: the file is ${state}: found ${found} bytes, expected ${atLeast}${expected} ${why}: get the file again`,
  );
}
