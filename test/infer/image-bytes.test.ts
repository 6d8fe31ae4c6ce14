import { describe, expect, it } from 'vitest';
import { idxHeader } from '../../src/infer/idx.js';
import { imageBytes } from '../../src/infer/image-bytes.js';
import { toByte } from '../../src/infer/index.js';

describe('bytes of a stack', () => {
  it('are those of toByte, at every step between two bytes and outside the range', () => {
    const steps = Array.from({ length: 255 * 8 + 1 }, (_, i) => -1 + (2 * i) / (255 * 8));
    const data = Float32Array.of(...steps, -7, 7, Number.NaN, -Infinity, Infinity, -1e-45, 3e38);
    const stack = { count: 1, shape: [1, 1, data.length] as const, data };
    expect([...imageBytes(stack, 'planes')]).toEqual([...data].map((value) => toByte(value, -1, 1)));
  });

  it('lie in planes or interleaved', () => {
    const red = [-1, 1];
    const green = [1, -1];
    const blue = [0, 0];
    const data = Float32Array.of(...red, ...green, ...blue, ...blue, ...red, ...green);
    const stack = { count: 2, shape: [3, 1, 2] as const, data };
    expect([...imageBytes(stack, 'planes')]).toEqual([0, 255, 255, 0, 128, 128, 128, 128, 0, 255, 255, 0]);
    expect([...imageBytes(stack, 'interleaved')]).toEqual([
      ...[0, 255, 128, 255, 0, 128],
      ...[128, 0, 255, 128, 255, 0],
    ]);
  });
});

it("the header of MNIST's training images has its 16 bytes", () => {
  // The first bytes of train-images-idx3-ubyte.
  expect(Buffer.from(idxHeader([60000, 28, 28])).toString('hex')).toBe(
    '00000803' + '0000ea60' + '0000001c' + '0000001c',
  );
});
