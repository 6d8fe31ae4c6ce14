/** Rates that change during training, as functions of the number of updates done: data, turned into graph values. */

import type { Value } from './value.js';

export type Schedule =
  | { kind: 'constant'; value: number }
  /** `initial` times `factor` to the power of the step, never under `minimum`. */
  | { kind: 'exponential'; initial: number; factor: number; minimum: number }
  /** From `from` to `to` in a straight line over `steps` updates, `to` from then on. */
  | { kind: 'linear'; from: number; to: number; steps: number }
  /** The same in stairs: one value for each epoch of `epochSteps` updates, `from` in the first, `to` after `epochs` more. */
  | { kind: 'linearByEpoch'; from: number; to: number; epochs: number; epochSteps: number };

type ScheduleOf<K extends Schedule['kind']> = Extract<Schedule, { kind: K }>;

/** From `from` to `to` while `progress` goes from 0 to 1, `to` from then on. */
function straightLine(progress: Value, from: number, to: number): Value {
  return progress
    .min(1)
    .mul(to - from)
    .add(from);
}

const SCHEDULES: { [K in Schedule['kind']]: (schedule: ScheduleOf<K>, step: Value) => Value } = {
  constant: ({ value }, step) => step.graph.scalar(value, step.dtype),
  exponential: ({ initial, factor, minimum }, step) =>
    step.mul(Math.log(factor)).exp().mul(initial).max(minimum),
  linear: ({ from, to, steps }, step) => straightLine(step.div(steps), from, to),
  // The cast to an integer drops the part of an epoch that is under way.
  linearByEpoch: ({ from, to, epochs, epochSteps }, step) =>
    straightLine(step.div(epochSteps).cast('int32').cast(step.dtype).div(epochs), from, to),
};

/**
 * @param step updates done before this one, as a float scalar
 * @returns the schedule's value at that step, a scalar of the step's type
 */
export function scheduleValue(schedule: Schedule, step: Value): Value {
  return (SCHEDULES[schedule.kind] as (schedule: Schedule, step: Value) => Value)(schedule, step);
}
