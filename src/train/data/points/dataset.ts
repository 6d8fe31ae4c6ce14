/** Toy data as a dataset of a run: fresh draws of an exact distribution, of which there are as many as one wants. */

import { sha256Hex } from '../../sha256.js';
import { POINT_DISTRIBUTIONS, type PointDistribution, type PointDistributionName } from './distributions.js';
import { DRAWN, type DrawnPoints, drawnDistribution } from './drawn.js';

/** What a run must know of its toy data; goes into config.json. */
export interface PointDatasetDescription {
  /** Name in the table of distributions, or `drawn`. */
  name: string;
  /** Points that count as a pass over the data; none is ever drawn twice. */
  count: number;
  /** [coordinates] of a point. */
  shape: readonly [number];
  /** SHA-256 (hex) of the first points of seed 0. */
  sha256: string;
}

export interface PointDataset {
  readonly description: PointDatasetDescription;
  readonly points: PointDistribution;
}

/** Points that count as a pass. */
const EPOCH = 51_200;
/** Points that the digest is over. */
const DIGESTED = 4096;

/** Whether a dataset of that name is of points. */
export function isPointData(name: string): boolean {
  return name === DRAWN || Object.hasOwn(POINT_DISTRIBUTIONS, name);
}

/**
 * The distribution of that name.
 *
 * @param drawn the points of dataset `drawn`
 * @throws UserError when those cannot be
 */
export function pointDistribution(name: string, drawn?: DrawnPoints): PointDistribution {
  return name === DRAWN
    ? drawnDistribution(drawn ?? { dimension: 1, points: [] })
    : POINT_DISTRIBUTIONS[name as PointDistributionName];
}

/** @throws UserError as `pointDistribution` */
export function openPoints(name: string, drawn?: DrawnPoints): PointDataset {
  const points = pointDistribution(name, drawn);
  const first = points.sample({ seed: 0, start: 0, count: DIGESTED });
  const sha256 = sha256Hex(new Uint8Array(first.buffer, first.byteOffset, first.byteLength));
  return { description: { name, count: EPOCH, shape: [points.dimension], sha256 }, points };
}
