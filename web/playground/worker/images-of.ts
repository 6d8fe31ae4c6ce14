/** From floats of networks to what a page draws. */

import { toByte } from '../../../src/infer/pixels.js';
import type { Drawing } from '../protocol.js';

type Images = Drawing & { kind: 'images' };

/** Writes planes of bytes as opaque RGBA pixels. */
function interleave(
  planes: ArrayLike<number>,
  [channels, height, width]: readonly [number, number, number],
  byteOf: (value: number) => number,
): Images {
  const pixels = height * width;
  const count = planes.length / (channels * pixels);
  const rgba = new Uint8ClampedArray(count * pixels * 4);
  for (let image = 0; image < count; image++) {
    for (let p = 0; p < pixels; p++) {
      const to = (image * pixels + p) * 4;
      for (let c = 0; c < 3; c++) {
        rgba[to + c] = byteOf(planes[(image * channels + Math.min(c, channels - 1)) * pixels + p]!);
      }
      rgba[to + 3] = 255;
    }
  }
  return { kind: 'images', count, width, height, rgba };
}

/** Images of G, float32 [n, C, H, W] in [-1, 1]. */
export function generatedDrawing(images: Float32Array, shape: readonly [number, number, number]): Images {
  return interleave(images, shape, (value) => toByte(value, -1, 1));
}

/** Images of the data, uint8 [n, C, H, W]. */
export function dataDrawing(images: Uint8Array, shape: readonly [number, number, number]): Images {
  return interleave(images, shape, (value) => value);
}
