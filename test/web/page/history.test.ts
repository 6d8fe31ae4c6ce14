/** What the playground's page keeps of a run: bounded, whatever the run's length, and right after going back to a save. */

import { describe, expect, it } from 'vitest';
import { addToCourse, emptyCourse, latest } from '../../../web/playground/page/course.js';
import { keepLook } from '../../../web/playground/page/looks.js';
import type { Look, StepRow } from '../../../web/playground/protocol.js';

const row = (step: number): StepRow => ({ step, dLoss: step, gLoss: 2 * step, dReal: 0.5, dFake: 0.5 });
const rows = (from: number, to: number): StepRow[] =>
  Array.from({ length: to - from }, (_, i) => row(from + i + 1));

describe('the course of a run', () => {
  it('keeps every step while there are few', () => {
    const course = emptyCourse();
    addToCourse(course, rows(0, 10));
    expect(course.steps).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(course.values.gLoss).toEqual([2, 4, 6, 8, 10, 12, 14, 16, 18, 20]);
  });

  it('keeps means of bins when there are many, and at most 400 of them', () => {
    const course = emptyCourse();
    for (let i = 0; i < 100; i++) addToCourse(course, rows(100 * i, 100 * (i + 1)));
    expect(course.steps.length).toBeLessThanOrEqual(400);
    expect(course.perBin).toBe(32);
    expect(course.steps.slice(0, 2)).toEqual([32, 64]);
    // Mean of 1 to 32, and of 33 to 64.
    expect(course.values.dLoss.slice(0, 2)).toEqual([16.5, 48.5]);
    expect(course.steps.at(-1)).toBe(10_000);
    // The last bin has the 16 steps from 9985 on.
    expect(latest(course, 'dLoss')).toBeCloseTo(9992.5, 9);
  });

  it('forgets what came after the step that a run went back to', () => {
    const course = emptyCourse();
    addToCourse(course, rows(0, 20));
    addToCourse(course, [row(11)]);
    expect(course.steps).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  });
});

function imagesLook(step: number, side: number): Look {
  const images = (count: number) => ({
    kind: 'images' as const,
    count,
    width: side,
    height: side,
    rgba: new Uint8ClampedArray(count * side * side * 4),
  });
  return { step, kind: 'images', samples: images(64), manifold: images(64), data: images(25) };
}

describe('earlier looks', () => {
  it('are thinned out within 24 MiB, and the newest stays', () => {
    let looks: Look[] = [];
    for (let step = 0; step < 200; step++) looks = keepLook(looks, imagesLook(step, 64));
    // A look has 2 MiB, the data aside, which all share.
    expect(looks.length).toBeLessThanOrEqual(12);
    expect(looks.length).toBeGreaterThanOrEqual(6);
    expect(looks.at(-1)!.step).toBe(199);
    const data = new Set(looks.map((look) => look.kind === 'images' && look.data));
    expect(data.size).toBe(1);
  });

  it('after a step that a run went back to are gone, and one of the same step takes the place of the last', () => {
    const steps = (looks: Look[]) => looks.map(({ step }) => step);
    let looks: Look[] = [];
    for (const step of [0, 10, 20, 30]) looks = keepLook(looks, imagesLook(step, 2));
    expect(steps(keepLook(looks, imagesLook(30, 2)))).toEqual([0, 10, 20, 30]);
    expect(steps(keepLook(looks, imagesLook(15, 2)))).toEqual([0, 10, 15]);
  });
});
