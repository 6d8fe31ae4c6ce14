/** Measures over samples and data. */

export { buildDistanceGraph, type Centres, type Distances, openDistances } from './distances.js';
export { type ExampleSource, type Nearest, nearestExamples } from './nearest.js';
export {
  logLikelihoods,
  type ParzenEvents,
  type ParzenRequest,
  type ParzenResult,
  parzenEstimate,
  parzenSigmas,
} from './parzen.js';
export { pointsFromBytes, pointsFromImages } from './points.js';
export { type PointSet, type SlicedWassersteinOptions, slicedWasserstein } from './sliced-wasserstein.js';
