/** Trains an open run, a little at a time, so that requests are answered in between; looks and saves on the way. */

import { otherWork } from '../../../src/system/other-work.js';
import type { StepReport } from '../../../src/train/web.js';
import type { PlaygroundEvent, StepRow } from '../protocol.js';
import { Diverged, type Keeper } from './keeper.js';
import type { OpenRun } from './open-run.js';
import type { Queue } from './queue.js';
import type { Watch } from './viewer.js';

/** Milliseconds of steps between two chances to answer a request. */
const TURN = 40;
/** Milliseconds between two events with rows. */
const TELL = 120;
/** Milliseconds between two readings of losses on a GPU, which waits for each. */
const READ = 30;
/** The most of the time that looks may take. */
const LOOK_SHARE = 0.2;

/** @throws Diverged when a metric is not finite */
function rowOf({ step, metrics }: StepReport): StepRow {
  const { d_loss, g_loss, d_real, d_fake } = metrics!;
  const bad = Object.entries(metrics!).find(([, value]) => !Number.isFinite(value));
  if (bad !== undefined) throw new Diverged(`step ${step + 1}: ${bad[0]} is ${bad[1]}`);
  return { step: step + 1, dLoss: d_loss, gLoss: g_loss, dReal: d_real, dFake: d_fake };
}

export interface TrainingOptions {
  run: OpenRun;
  queue: Queue;
  keeper: Keeper;
  emit(event: PlaygroundEvent): void;
  /** Which looks are wanted now. */
  watch(): Watch;
  /** Steps to do. */
  count: number;
  /** Ends it after the step in progress. */
  signal: AbortSignal;
}

/**
 * Trains until the signal or the number of steps.
 *
 * @throws Diverged when something is no number any more; UserError when the device fails
 */
export async function trainOn(options: TrainingOptions): Promise<void> {
  const { run, queue, keeper, emit, watch, signal } = options;
  const { trainer, chosen } = run;
  const end = trainer.done + options.count;
  let rows: StepRow[] = [];
  let toldAt = performance.now();
  let readAt = Number.NEGATIVE_INFINITY;
  let lookedAt = Number.NEGATIVE_INFINITY;
  let lookMs = 0;
  /** Steps and milliseconds of training since rows were told. */
  let pace = { steps: 0, ms: 0, smoothed: 0 };

  async function steps(): Promise<void> {
    const began = performance.now();
    do {
      const isLast = trainer.done === end - 1;
      const now = performance.now();
      const metrics = chosen.device !== 'webgpu' || isLast || now - readAt >= READ;
      if (metrics) readAt = now;
      const most = Math.min(chosen.stepsPerCall, end - trainer.done);
      const reports =
        most > 1 ? await trainer.steps(most) : [await trainer.step({ generated: false, metrics })];
      pace.steps += reports.length;
      if (metrics) for (const report of reports) rows.push(rowOf(report));
    } while (performance.now() - began < TURN && trainer.done < end && !signal.aborted);
    pace.ms += performance.now() - began;
  }

  function tell(): void {
    toldAt = performance.now();
    if (pace.steps === 0) return;
    const rate = (1000 * pace.steps) / pace.ms;
    const smoothed = pace.smoothed === 0 ? rate : pace.smoothed + (rate - pace.smoothed) / 4;
    pace = { steps: 0, ms: 0, smoothed };
    emit({ kind: 'steps', rows, stepsPerSecond: smoothed });
    rows = [];
  }

  async function look(): Promise<void> {
    const began = performance.now();
    const found = await run.viewer.look(trainer.done, await run.state(), watch());
    emit({ kind: 'look', look: found });
    lookedAt = performance.now();
    lookMs = lookedAt - began;
  }

  async function turn(): Promise<void> {
    if (signal.aborted || trainer.done >= end) return;
    await steps();
    const now = performance.now();
    if (now - toldAt >= TELL) tell();
    if (now - lookedAt >= Math.max(watch().interval, lookMs / LOOK_SHARE)) await look();
    if (keeper.isDue(now)) await keeper.save(run);
  }

  try {
    while (!signal.aborted && trainer.done < end) {
      await queue.run(turn);
      await otherWork();
    }
  } finally {
    tell();
  }
}
