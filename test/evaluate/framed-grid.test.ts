import { describe, expect, it } from 'vitest';
import { framedGrid } from '../../src/evaluate/framed-grid.js';

const YELLOW = [255, 221, 0];

/** The pixel at (x, y) as [red, green, blue]. */
const at = ({ width, data }: { width: number; data: Uint8Array }, x: number, y: number) => [
  ...data.subarray((y * width + x) * 3, (y * width + x) * 3 + 3),
];

describe('framed grid', () => {
  it('frames the last column, and leaves every image as it was', () => {
    // Two rows of two grey images of 2 x 1 pixels: white, mid-grey; black, white.
    const data = Float32Array.of(1, 1, 0, 0, -1, -1, 1, 1);
    const picture = framedGrid({ count: 4, shape: [1, 1, 2], data }, 2);
    expect(picture).toMatchObject({ width: 3 + 2 * 5, height: 3 + 2 * 4, channels: 3 });
    const art = Array.from({ length: picture.height }, (_, y) =>
      Array.from({ length: picture.width }, (_, x) => {
        const pixel = at(picture, x, y);
        if (pixel.every((value, i) => value === YELLOW[i])) return '#';
        return { 0: '.', 128: 'g', 255: 'w' }[pixel[0]!] ?? '?';
      }).join(''),
    );
    expect(art).toEqual([
      '.............',
      '.............',
      '.......####..',
      '...ww..#gg#..',
      '.......####..',
      '.............',
      '.......####..',
      '.......#ww#..',
      '.......####..',
      '.............',
      '.............',
    ]);
  });

  it('keeps the colours of coloured images', () => {
    // One row of two red pixels, in planes.
    const picture = framedGrid(
      { count: 2, shape: [3, 1, 1], data: Float32Array.of(1, -1, -1, 1, -1, -1) },
      2,
      [1, 2, 3],
    );
    expect(at(picture, 3, 3)).toEqual([255, 0, 0]);
    expect(at(picture, 7, 3)).toEqual([255, 0, 0]);
    expect(at(picture, 6, 2)).toEqual([1, 2, 3]);
    expect(at(picture, 8, 4)).toEqual([1, 2, 3]);
    expect(at(picture, 2, 2)).toEqual([0, 0, 0]);
  });
});
