/** Samples as one picture, in rows. */

import { UserError } from '../../system/user-error.js';
import { gridSize, imageGrid } from '../pixels.js';
import { encodePng } from '../png.js';
import type { SampleEncoder, SamplePlan } from './writer.js';

/** Pixels of the largest grid: beyond it a picture is of no use to anyone. */
const MAX_GRID_PIXELS = 2 ** 26;

export function gridEncoder(plan: SamplePlan): SampleEncoder {
  const { count, shape } = plan;
  const { width, height } = gridSize(count, shape, plan);
  if (width * height > MAX_GRID_PIXELS) {
    throw new UserError(
      `a grid of ${count} images would be ${width} x ${height} pixels: use --format png or npy, or a smaller --count`,
    );
  }
  const data = new Float32Array(count * shape[0] * shape[1] * shape[2]);
  let filled = 0;
  return {
    begin: () => new Uint8Array(0),
    encode(samples) {
      data.set(samples.data, filled);
      filled += samples.data.length;
      return new Uint8Array(0);
    },
    end: () => encodePng(imageGrid({ count, shape, data }, plan)),
  };
}
