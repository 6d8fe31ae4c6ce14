/** A thread that follows a run's metrics.jsonl and draws its charts, so that training does not wait for them. */

import { statSync } from 'node:fs';
import { CHART_NAMES, type ChartName, chartLabel, drawChart } from '../../train/report/charts.js';
import { addMetricsFile, type Course, emptyCourse } from '../../train/report/course.js';

export interface ChartsRequest {
  /** Path of metrics.jsonl. */
  path: string;
  /** Another number when the run went back, and has another course. */
  course: number;
  /** Steps at which something was noted. */
  marks: readonly number[];
}

export type DrawnCharts = Partial<Record<ChartName, { svg: string; label: string }>>;

let followed: { key: string; course: Course; end: number } | undefined;

/** Draws the charts of the run so far; none where it has no metrics yet. */
export default async function draw({ path, course, marks }: ChartsRequest): Promise<DrawnCharts> {
  const key = `${course} ${path}`;
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (followed?.key !== key || size < followed.end) followed = { key, course: emptyCourse(), end: 0 };
  followed.end = addMetricsFile(followed.course, path, followed.end);
  const drawn: DrawnCharts = {};
  if (followed.course.buckets.length === 0) return drawn;
  for (const name of CHART_NAMES) {
    drawn[name] = {
      svg: await drawChart(name, followed.course, marks),
      label: chartLabel(name, followed.course),
    };
  }
  return drawn;
}
