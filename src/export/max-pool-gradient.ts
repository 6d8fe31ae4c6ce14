/**
 * Gradient of MaxPool by operators that run on every provider: windows may overlap and end outside the image. Of equal
 * maxima the first in reading order gets it all, as in PyTorch.
 */

import { fold, pixelRows, unfold, windowRanks } from './unfold.js';
import type { Value } from './value.js';
import { imageSize, type Window } from './windows.js';

/** @param x [N, C, H, W]; y and dy [N, C, H', W'] */
export function maxPoolGradient(x: Value, y: Value, dy: Value, window: Window): Value {
  const size = imageSize('MaxPool', x.shape);
  /** [N, C, H', W'] -> [N, windows, 1, C] */
  const perWindow = (value: Value): Value => {
    const rows = pixelRows(value);
    const [batch, windows, channels] = rows.shape;
    return rows.reshape([batch!, windows!, 1, channels!]);
  };
  // The zeros outside the image have rank 0: they may be equal to the maximum, and yet are never the first.
  const ranks = unfold(x, window).equal(perWindow(y)).where(windowRanks(x, window), 0);
  const first = ranks.equal(ranks.reduceMax([2], true));
  return fold(first.where(perWindow(dy), 0), size, window);
}
