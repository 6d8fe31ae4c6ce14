/** The numbers of all steps so far in bounded memory: a bin is the mean of as many steps as it takes. */

import type { StepRow } from '../protocol.js';

export const SERIES = ['dLoss', 'gLoss', 'dReal', 'dFake'] as const;
export type SeriesName = (typeof SERIES)[number];

/** Bins at most; a screen shows no more. */
const MAX_BINS = 400;

export interface Course {
  /** Steps in a whole bin, a power of two. */
  perBin: number;
  /** Step at the end of each bin. */
  steps: number[];
  /** Mean of each bin. */
  values: Record<SeriesName, number[]>;
  /** Steps in the last bin. */
  inLast: number;
}

export function emptyCourse(): Course {
  const values = Object.fromEntries(SERIES.map((name) => [name, []])) as unknown as Course['values'];
  return { perBin: 1, steps: [], values, inLast: 0 };
}

/** Two bins become one; only whole ones are merged, of which there is an even number. */
function merge(course: Course): void {
  course.steps = course.steps.filter((_, i) => i % 2 === 1);
  for (const name of SERIES) {
    const old = course.values[name];
    course.values[name] = course.steps.map((_, i) => (old[2 * i]! + old[2 * i + 1]!) / 2);
  }
  course.perBin *= 2;
  course.inLast = course.perBin;
}

/** Forgets bins that end at `step` or after it: the run went back to a save. */
function goBack(course: Course, step: number): void {
  while ((course.steps.at(-1) ?? -1) >= step) {
    course.steps.pop();
    for (const name of SERIES) course.values[name].pop();
    course.inLast = course.perBin;
  }
}

/** Adds steps, in place. */
export function addToCourse(course: Course, rows: readonly StepRow[]): void {
  for (const row of rows) {
    goBack(course, row.step);
    const last = course.steps.length - 1;
    if (last < 0 || course.inLast >= course.perBin) {
      if (course.steps.length >= MAX_BINS) merge(course);
      course.steps.push(row.step);
      for (const name of SERIES) course.values[name].push(row[name]);
      course.inLast = 1;
      continue;
    }
    course.inLast++;
    course.steps[last] = row.step;
    for (const name of SERIES) {
      const bins = course.values[name];
      bins[last]! += (row[name] - bins[last]!) / course.inLast;
    }
  }
}

/** What a series stands at: the mean of its last bins, or undefined before the first step. */
export function latest(course: Course, name: SeriesName): number | undefined {
  return course.values[name].at(-1);
}
