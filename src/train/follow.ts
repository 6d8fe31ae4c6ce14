/** What the ranks other than 0 do in a run of several processes: the same steps, and nothing on disk. */

import { GroupError } from '../parallel/agreement.js';
import { nextSteps, notFinite, prepareRun, type RunOptions, runTrainer } from './run.js';
import { meetAtStep, type SharedRun } from './shared-run.js';
import type { StepReport, Trainer } from './trainer.js';

export interface FollowResult {
  /** Steps done. */
  steps: number;
  /** Whether the run was ended early, by a signal to any of the processes. */
  interrupted: boolean;
}

/** Whether rank 0 finds a loss that is no number, among those that it looks at. */
function hasDiverged({ step, metrics }: StepReport, { length }: Trainer, logInterval: number): boolean {
  if (metrics === undefined || (step !== length.steps - 1 && step % logInterval !== 0)) return false;
  return notFinite(metrics) !== undefined;
}

/**
 * Trains as one of several processes until rank 0, which runs `train` with the same options, is done.
 *
 * @throws UserError as `train`, where the reason concerns all; PeerError when others are lost
 */
export async function follow(options: RunOptions & { shared: SharedRun }): Promise<FollowResult> {
  const { config, shared } = options;
  const prepared = await prepareRun(options);
  const { dataset, chosen } = prepared;
  try {
    const trainer = await runTrainer(prepared, options);
    const { logInterval = chosen.logInterval } = options;
    const { stepsPerCall } = chosen;
    try {
      while (trainer.done < trainer.length.steps && !shared.signal.aborted) {
        const reports = await nextSteps(trainer, { config, logInterval, stepsPerCall });
        // Rank 0 looks at the same numbers and says what is wrong with them.
        if (reports.some((report) => hasDiverged(report, trainer, logInterval))) {
          throw new GroupError('training has diverged');
        }
        if (trainer.done % config.checkpointInterval === 0) await meetAtStep(shared, config, trainer);
      }
      // Rank 0 now writes the end of the run.
      await meetAtStep(shared, config, trainer);
      return { steps: trainer.done, interrupted: trainer.done < trainer.length.steps };
    } finally {
      await trainer.close();
    }
  } finally {
    dataset.close?.();
  }
}
