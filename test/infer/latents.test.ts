import { describe, expect, it } from 'vitest';
import { interpolateLatents } from '../../src/infer/index.js';

const x = Float32Array.of(2, 0);
const y = Float32Array.of(0, 4);

describe('the way from one latent to another', () => {
  it('is straight when linear', () => {
    expect([...interpolateLatents(x, y, 3)]).toEqual([2, 0, 1, 2, 0, 4]);
  });

  it('is an arc when spherical: at equal lengths all points have that length, at equal angles', () => {
    const points = interpolateLatents(Float32Array.of(3, 0), Float32Array.of(0, 3), 4, 'spherical');
    for (let i = 0; i < 4; i++) {
      const angle = (i * Math.PI) / 6;
      expect(points[2 * i]).toBeCloseTo(3 * Math.cos(angle), 5);
      expect(points[2 * i + 1]).toBeCloseTo(3 * Math.sin(angle), 5);
    }
  });

  it.each(['linear', 'spherical'] as const)('begins and ends exactly where it should: %s', (mode) => {
    const points = interpolateLatents(x, y, 5, mode);
    expect([...points.slice(0, 2)]).toEqual([2, 0]);
    expect(points[8]).toBeCloseTo(0, 6);
    expect(points[9]).toBeCloseTo(4, 6);
  });

  it('is straight between directions that have no one circle', () => {
    const opposite = interpolateLatents(x, Float32Array.of(-2, 0), 3, 'spherical');
    expect([...opposite]).toEqual([2, 0, 0, 0, -2, 0]);
    expect([...interpolateLatents(x, Float32Array.of(0, 0), 3, 'spherical')]).toEqual([2, 0, 1, 0, 0, 0]);
  });

  it.each([
    [() => interpolateLatents(x, Float32Array.of(1), 3), 'from has 2 components and to has 1'],
    [() => interpolateLatents(x, y, 1), 'steps is 1: expected a whole number of at least 2'],
    [() => interpolateLatents(x, y, 3, 'cubic' as never), 'mode is cubic: expected one of linear, spherical'],
  ])('refuses what has none', (call, message) => {
    expect(call).toThrow(message);
  });
});
