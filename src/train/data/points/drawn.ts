/** Toy data that somebody drew: a round Gaussian around each of a few points. */

import { UserError } from '../../../system/user-error.js';
import { mixture, type PointDistribution } from './distributions.js';

/** Points drawn by hand, as a run's configuration has them. */
export interface DrawnPoints {
  /** Coordinates of a point. */
  dimension: 1 | 2;
  /** [n * dimension] numbers within DRAWN_RANGE, point by point. */
  points: readonly number[];
}

/** Name of the dataset that has them. */
export const DRAWN = 'drawn';

/** Interval along every axis in which points may lie: its ends leave room for the Gaussians. */
export const DRAWN_RANGE = [-3.2, 3.2] as const;
const RANGE = [-4, 4] as const;
/** Standard deviation around a point. */
const DEVIATION = 0.18;
/** More make drawing a batch slow, and a configuration long. */
export const MAX_DRAWN = 500;

/**
 * @throws UserError when there are no points or too many, or one is no number or out of range
 */
export function checkDrawn(drawn: DrawnPoints): void {
  const { dimension, points } = drawn;
  if (dimension !== 1 && dimension !== 2) {
    throw new UserError(`drawn points have ${dimension} coordinates: expected 1 or 2`);
  }
  const count = points.length / dimension;
  if (!Array.isArray(points) || !Number.isInteger(count) || count < 1 || count > MAX_DRAWN) {
    throw new UserError(
      `${Number.isInteger(count) ? count : 'some'} points are drawn: expected 1 to ${MAX_DRAWN}`,
    );
  }
  const [low, high] = DRAWN_RANGE;
  const bad = points.find((x) => !(typeof x === 'number' && x >= low && x <= high));
  if (bad !== undefined) {
    throw new UserError(`a drawn point has coordinate ${bad}: expected ${low} to ${high}`);
  }
}

/** @throws UserError as `checkDrawn` */
export function drawnDistribution(drawn: DrawnPoints): PointDistribution {
  checkDrawn(drawn);
  const { dimension, points } = drawn;
  const components = Array.from({ length: points.length / dimension }, (_, i) => ({
    weight: 1,
    mean: points.slice(i * dimension, (i + 1) * dimension),
    deviation: DEVIATION,
  }));
  return mixture('points drawn by hand', RANGE, components);
}
