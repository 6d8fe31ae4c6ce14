/** Training that went to infinity, as the one line that its user reads. */

import { UserError } from '../system/user-error.js';

/** How often one run returns to its last good checkpoint. */
export const MAX_ROLLBACKS = 3;

/** Losses or parameters that are no numbers any more. */
export class Divergence extends UserError {
  /**
   * @param step the step in which it was seen
   * @param what what was seen, for example `d_loss is NaN`
   */
  constructor(
    readonly step: number,
    readonly what: string,
    message: string,
  ) {
    super(message);
  }
}

/** Where a run stands when it diverges. */
export interface DivergedRun {
  path: string;
  /** Step of its last checkpoint. */
  lastGood: number | undefined;
  /** How often it has gone back before. */
  rollbacks: number;
}

/** The error of a run in which `what` was seen at `step`. */
export function diverged(step: number, what: string, { path, lastGood, rollbacks }: DivergedRun): Divergence {
  const kept = lastGood === undefined ? '' : `; its last good checkpoint is that of step ${lastGood}`;
  const again = rollbacks === 0 ? '' : ` again after ${rollbacks} rollback${rollbacks === 1 ? '' : 's'}`;
  const back = lastGood === undefined || rollbacks > 0 ? '' : `, or --resume ${path} --on-nan rollback`;
  return new Divergence(
    step,
    what,
    `step ${step}: ${what}, so training has diverged${again} and no generator was written ` +
      `(metrics and images so far are in ${path}${kept}): try a smaller --lr in a new run${back}`,
  );
}
