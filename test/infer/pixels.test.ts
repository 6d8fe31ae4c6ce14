import { describe, expect, it } from 'vitest';
import { imageGrid, imagePicture, toByte } from '../../src/infer/index.js';

describe('pixels', () => {
  it('map the range to 0..255 with rounding, and clamp', () => {
    expect([-1, 0, 1].map((x) => toByte(x, -1, 1))).toEqual([0, 128, 255]);
    expect([-7, 7, Number.NaN].map((x) => toByte(x, -1, 1))).toEqual([0, 255, 0]);
    expect(toByte(100 / 255, 0, 1)).toBe(100);
  });

  it('are interleaved from planes', () => {
    const data = Float32Array.of(-1, 1, 1, -1, 0, 0); // red, green, blue planes of two pixels
    const { data: bytes } = imagePicture({ count: 1, shape: [3, 1, 2], data }, 0);
    expect([...bytes]).toEqual([0, 255, 128, 255, 0, 128]);
  });

  it('of a min-max grid span 0..255 over all images, with black padding, as gan.py saves them', () => {
    // make_grid(torch.tensor([-0.5, 0.25, 1.5]).view(3, 1, 1, 1), nrow=2, padding=1, normalize=True)
    const images = { count: 3, shape: [1, 1, 1] as const, data: Float32Array.of(-0.5, 0.25, 1.5) };
    const grid = imageGrid(images, { columns: 2, padding: 1, scale: 'min-max' });
    expect([grid.width, grid.height]).toEqual([5, 5]);
    expect([...grid.data]).toEqual([
      ...[0, 0, 0, 0, 0],
      ...[0, 0, 0, 96, 0],
      ...[0, 0, 0, 0, 0],
      ...[0, 255, 0, 0, 0],
      ...[0, 0, 0, 0, 0],
    ]);
  });

  it('of a grid of gan.py have its size: five images a row, two pixels apart', () => {
    const images = { count: 25, shape: [1, 28, 28] as const, data: new Float32Array(25 * 784) };
    const { width, height } = imageGrid(images, { columns: 5, scale: 'min-max' });
    expect([width, height]).toEqual([152, 152]);
  });
});
