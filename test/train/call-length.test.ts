import { describe, expect, it } from 'vitest';
import { callLength } from '../../src/train/call-length.js';

/** Steps of successive calls, where each step takes `ms`. */
function lengths(calls: number, ms: (call: number) => number, limits = { most: 16, ms: 250 }): number[] {
  const length = callLength(limits);
  return Array.from({ length: calls }, (_, call) => {
    const { steps } = length;
    length.learn(steps, steps * ms(call));
    return steps;
  });
}

describe('callLength', () => {
  it('doubles up to the most, while calls are in time', () => {
    expect(lengths(7, () => 12)).toEqual([1, 2, 4, 8, 16, 16, 16]);
  });

  it('stops where twice as many would take too long', () => {
    expect(lengths(6, () => 40)).toEqual([1, 2, 4, 4, 4, 4]);
    expect(lengths(4, () => 126)).toEqual([1, 1, 1, 1]);
  });

  it('goes down when steps become slow, and up again', () => {
    const slow = (call: number) => (call >= 5 && call < 8 ? 80 : 12);
    expect(lengths(11, slow)).toEqual([1, 2, 4, 8, 16, 16, 8, 4, 4, 8, 16]);
  });

  it('does not learn from calls that were cut short by a picture or checkpoint', () => {
    const length = callLength({ most: 16, ms: 250 });
    for (const steps of [1, 2, 1, 1]) length.learn(steps, steps);
    expect(length.steps).toBe(4);
  });

  it('is the most without a limit of time', () => {
    const length = callLength({ most: 64 });
    length.learn(64, 1e6);
    expect(length.steps).toBe(64);
  });
});
