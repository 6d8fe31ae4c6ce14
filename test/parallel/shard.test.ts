import { expect, it } from 'vitest';
import { shareOf } from '../../src/parallel/shard.js';

const shares = (total: number, size: number, smallest?: number) =>
  Array.from({ length: size }, (_, rank) => shareOf(total, { rank, size }, smallest));
const counts = (...given: Parameters<typeof shares>) => shares(...given).map(({ count }) => count);

it('shares are contiguous, whole, and differ by one at most', () => {
  for (const [total, size] of [
    [64, 4],
    [32, 5],
    [7, 3],
    [1, 1],
  ] as const) {
    let next = 0;
    for (const { first, count } of shares(total, size)) {
      expect(first).toBe(next);
      next += count;
    }
    expect(next).toBe(total);
  }
  expect(counts(32, 5)).toEqual([7, 7, 6, 6, 6]);
});

it('with fewer things than processes the last ones get none', () => {
  expect(counts(2, 4)).toEqual([1, 1, 0, 0]);
  expect(counts(0, 2)).toEqual([0, 0]);
});

it('no share has a single sample where batch statistics need two', () => {
  expect(counts(32, 32, 2)).toEqual([...Array(16).fill(2), ...Array(16).fill(0)]);
  expect(counts(5, 4, 2)).toEqual([3, 2, 0, 0]);
  expect(counts(64, 3, 2)).toEqual([22, 21, 21]);
});
