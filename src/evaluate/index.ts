/** Measures over samples and data. */

export { type PointSet, type SlicedWassersteinOptions, slicedWasserstein } from './sliced-wasserstein.js';
