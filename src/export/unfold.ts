/**
 * Images as matrices of their windows and back, by Gather with tables of positions: channels are the innermost axis, so
 * that each position is a row to copy.
 */

import { gatherRows, spreadRows } from './row-tables.js';
import type { Value } from './value.js';
import { imageSize, type Window, windowCounts } from './windows.js';

/** Calls `visit` for each position of each window that lies inside the image. */
function eachPosition(
  size: readonly [number, number],
  window: Window,
  visit: (window: number, offset: number, pixel: number) => void,
): void {
  const { kernel, strides, pads } = window;
  const [rows, columns] = windowCounts(size, window);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      for (let i = 0; i < kernel[0]; i++) {
        for (let j = 0; j < kernel[1]; j++) {
          const y = row * strides[0] - pads[0] + i;
          const x = column * strides[1] - pads[1] + j;
          if (y < 0 || x < 0 || y >= size[0] || x >= size[1]) continue;
          visit(row * columns + column, i * kernel[1] + j, y * size[1] + x);
        }
      }
    }
  }
}

/** What a table depends on, as part of its name. */
function nameOf(size: readonly [number, number], { kernel, strides, pads }: Window): string {
  return `image ${size.join('x')}, kernel ${kernel.join('x')}, strides ${strides}, pads ${pads}`;
}

/** [N, C, H, W] -> [N, H * W, C] */
export function pixelRows(x: Value): Value {
  const [height, width] = imageSize('unfold', x.shape);
  const [batch, channels] = x.shape as readonly [string, number];
  return x.reshape([batch, channels, height * width]).transpose([0, 2, 1]);
}

/** [N, H * W, C] -> [N, C, H, W] */
export function fromPixelRows(rows: Value, [height, width]: readonly [number, number]): Value {
  const [batch, , channels] = rows.shape as readonly [string, number, number];
  return rows.transpose([0, 2, 1]).reshape([batch, channels, height, width]);
}

/** Table of the pixels in each window; outside of the image lies the row after the last one. */
function windowTable(x: Value, size: readonly [number, number], window: Window): Value {
  const offsets = window.kernel[0] * window.kernel[1];
  const [rows, columns] = windowCounts(size, window);
  return x.graph.table(`windows of ${nameOf(size, window)}`, [rows * columns, offsets], () => {
    const table = new Int32Array(rows * columns * offsets).fill(size[0] * size[1]);
    eachPosition(size, window, (at, offset, pixel) => {
      table[at * offsets + offset] = pixel;
    });
    return table;
  });
}

/** The windows of x [N, C, H, W], zeros outside of it: [N, windows, kh * kw, C]. */
export function unfold(x: Value, window: Window): Value {
  return gatherRows(pixelRows(x), windowTable(x, imageSize('unfold', x.shape), window));
}

/** The transpose of `unfold`: each pixel is the sum over the windows [N, windows, kh * kw, C] that it lies in. */
export function fold(windows: Value, size: readonly [number, number], window: Window): Value {
  return fromPixelRows(spreadRows(windows, windowTable(windows, size, window), 1, size[0] * size[1]), size);
}

/** For each position of each window a number that falls from kh * kw to 1, and 0 outside the image; [windows, kh * kw, 1]. */
export function windowRanks(x: Value, window: Window): Value {
  const size = imageSize('unfold', x.shape);
  const offsets = window.kernel[0] * window.kernel[1];
  const [rows, columns] = windowCounts(size, window);
  const shape = [rows * columns, offsets, 1];
  return x.graph.named(`ranks in ${nameOf(size, window)} ${x.dtype}`, x.dtype, shape, () => {
    const length = rows * columns * offsets;
    const table = x.dtype === 'float64' ? new Float64Array(length) : new Float32Array(length);
    eachPosition(size, window, (at, offset) => {
      table[at * offsets + offset] = offsets - offset;
    });
    return table;
  });
}
