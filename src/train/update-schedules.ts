/** The order of updates within one step: which step graphs run, one after the other. */

import type { StepGraphName } from '../export/index.js';

export type ScheduleName = 'joint' | 'd-first' | 'g-first';

/** @returns the graphs of one step, in order; `k` updates of D for each of G */
export const UPDATE_SCHEDULES: Record<ScheduleName, (k: number) => StepGraphName[]> = {
  /** gan.py: both losses from the parameters before the step, D sees the batch that G made before its update. */
  joint: () => ['joint'],
  /** Algorithm 1 of the paper: k updates of D, each on fresh data and latents, then G on fresh latents. */
  'd-first': (k) => [...Array<StepGraphName>(k).fill('discriminator'), 'generator'],
  /** G first, then k updates of D against the generator as updated. */
  'g-first': (k) => ['generator', ...Array<StepGraphName>(k).fill('discriminator')],
};
