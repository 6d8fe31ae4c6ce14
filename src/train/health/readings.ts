/** The last losses of a run, for signals that look back. */

import type { Metric } from '../../export/index.js';

/** Readings that are kept. */
export const WINDOW = 100;

const NAMES = ['d_loss', 'g_loss', 'd_real', 'd_fake'] as const satisfies readonly Metric[];

export interface Readings {
  add(step: number, metrics: Readonly<Record<Metric, number>>): void;
  /** How many there are, at most WINDOW. */
  readonly count: number;
  /** Steps from the first to the last of them, both included. */
  readonly steps: number;
  /** Mean of the last `last` readings, at most `count`. */
  mean(name: Metric, last: number): number;
  /** The smallest magnitude of the last `last` readings. */
  smallest(name: Metric, last: number): number;
}

export function createReadings(): Readings {
  const values = Object.fromEntries(NAMES.map((name) => [name, new Float64Array(WINDOW)])) as Record<
    Metric,
    Float64Array
  >;
  const steps = new Float64Array(WINDOW);
  let added = 0;
  const at = (back: number): number => (added - 1 - back) % WINDOW;
  const count = (): number => Math.min(added, WINDOW);
  return {
    add(step, metrics) {
      steps[added % WINDOW] = step;
      for (const name of NAMES) values[name][added % WINDOW] = metrics[name];
      added += 1;
    },
    get count() {
      return count();
    },
    get steps() {
      return added === 0 ? 0 : steps[at(0)]! - steps[at(count() - 1)]! + 1;
    },
    mean(name, last) {
      let sum = 0;
      for (let back = 0; back < last; back++) sum += values[name][at(back)]!;
      return sum / last;
    },
    smallest(name, last) {
      let least = Number.POSITIVE_INFINITY;
      for (let back = 0; back < last; back++) least = Math.min(least, Math.abs(values[name][at(back)]!));
      return least;
    },
  };
}
