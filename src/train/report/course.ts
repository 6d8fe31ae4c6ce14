/** The course of a run for a chart: buckets of steps with the least, the greatest and the mean of each series. */

import { existsSync } from 'node:fs';
import { metricsLines } from '../metrics-file.js';

/** The series of metrics.jsonl that are drawn. */
export const SERIES = ['d_loss', 'g_loss', 'D(x)', 'D(G(z))', 'ms'] as const;

export type Series = (typeof SERIES)[number];

/** One series within one bucket. */
export interface Range {
  count: number;
  low: number;
  high: number;
  sum: number;
}

/** Neighbouring steps as one. */
export interface Bucket {
  /** Its first and its last step that has metrics. */
  first: number;
  last: number;
  series: Partial<Record<Series, Range>>;
}

/** More than a chart has points across. */
const MAX_BUCKETS = 512;

export interface Course {
  /** Steps in a bucket, a power of two. */
  width: number;
  /** At most 512, in order; all are those of whole multiples of `width`. */
  buckets: Bucket[];
}

/** A course that has not begun. */
export function emptyCourse(): Course {
  return { width: 1, buckets: [] };
}

function merge(into: Bucket, { last, series }: Bucket): void {
  into.last = last;
  for (const name of SERIES) {
    const [mine, other] = [into.series[name], series[name]];
    if (other === undefined) continue;
    into.series[name] =
      mine === undefined
        ? { ...other }
        : {
            count: mine.count + other.count,
            low: Math.min(mine.low, other.low),
            high: Math.max(mine.high, other.high),
            sum: mine.sum + other.sum,
          };
  }
}

/** Adds the metrics of a step after all that are there; values that are no finite numbers are left out. */
export function addMetrics(course: Course, step: number, values: Readonly<Record<string, unknown>>): void {
  const bucket: Bucket = { first: step, last: step, series: {} };
  for (const name of SERIES) {
    const value = values[name];
    if (typeof value !== 'number' || !Number.isFinite(value)) continue;
    bucket.series[name] = { count: 1, low: value, high: value, sum: value };
  }
  const end = course.buckets.at(-1);
  if (end !== undefined && Math.floor(end.first / course.width) === Math.floor(step / course.width)) {
    merge(end, bucket);
    return;
  }
  course.buckets.push(bucket);
  while (course.buckets.length > MAX_BUCKETS) widen(course);
}

/** Makes one bucket of two. */
function widen(course: Course): void {
  course.width *= 2;
  const wide: Bucket[] = [];
  for (const bucket of course.buckets) {
    const end = wide.at(-1);
    const isSame =
      end !== undefined && Math.floor(end.first / course.width) === Math.floor(bucket.first / course.width);
    if (isSame) merge(end, bucket);
    else wide.push(bucket);
  }
  course.buckets = wide;
}

/**
 * Adds the lines of metrics.jsonl from a byte on, up to the first that is damaged.
 *
 * @returns the byte after the last line
 */
export function addMetricsFile(course: Course, path: string, from = 0): number {
  if (!existsSync(path)) return 0;
  let end = from;
  for (const line of metricsLines(path, from)) {
    try {
      addMetrics(course, line.step, JSON.parse(line.text) as Record<string, unknown>);
    } catch {
      return end;
    }
    end = line.end;
  }
  return end;
}

/** The mean of a series over the last buckets that have it. */
export function latest({ buckets }: Course, name: Series): number | undefined {
  const range = buckets.findLast(({ series }) => series[name] !== undefined)?.series[name];
  return range === undefined ? undefined : range.sum / range.count;
}
