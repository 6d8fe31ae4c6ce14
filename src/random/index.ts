/** Counter-based random numbers: a leaf that every other folder may use. */

export { type MaskRange, randomMask } from './bits.js';
export {
  type Distribution,
  normalQuantile,
  quantile,
  randomPermutation,
  randomRows,
  toUnitInterval,
} from './distributions.js';
export { philox4x32, randomUint32, STREAMS, type Stream } from './philox.js';
