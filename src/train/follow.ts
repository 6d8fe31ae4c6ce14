/** What the ranks other than 0 do in a run of several processes: the same steps, and nothing on disk. */

import { GroupError } from '../parallel/agreement.js';
import { callLength } from './call-length.js';
import { openTrainer, prepareRun, release } from './prepare-run.js';
import { nextSteps, notFinite } from './run-loop.js';
import type { RunOptions } from './run-options.js';
import { meetAtStep, type SharedRun } from './shared-run.js';
import type { StepReport } from './trainer.js';

export interface FollowResult {
  /** Steps done. */
  steps: number;
  /** Whether the run was ended early, by a signal to any of the processes. */
  interrupted: boolean;
}

/** Whether rank 0 finds a loss that is no number: it looks at all that are read. */
const hasDiverged = ({ metrics }: StepReport): boolean =>
  metrics !== undefined && notFinite(metrics) !== undefined;

/**
 * Trains as one of several processes until rank 0, which runs `train` with the same options, is done.
 *
 * @throws UserError as `train`, where the reason concerns all; PeerError when others are lost
 */
export async function follow(options: RunOptions & { shared: SharedRun }): Promise<FollowResult> {
  const { config, shared } = options;
  const prepared = await prepareRun(options);
  const { chosen } = prepared;
  try {
    const { resume } = options;
    const trainer = await openTrainer(prepared, options, resume, resume?.record.rollbacks ?? 0);
    const { logInterval = chosen.logInterval } = options;
    const calls = callLength(chosen.calls);
    try {
      while (trainer.done < trainer.length.steps && !shared.signal.aborted) {
        const reports = await nextSteps(trainer, {
          config,
          logInterval,
          readInterval: chosen.logInterval,
          calls,
        });
        // Rank 0 looks at the same numbers and says what is wrong with them.
        if (reports.some(hasDiverged)) {
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
    release(prepared);
  }
}
