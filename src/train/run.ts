/** A whole run: data, loop, and what it leaves in its folder. */

import { resolve } from 'node:path';
import { GroupError } from '../parallel/agreement.js';
import { callLength } from './call-length.js';
import type { AnyDataset } from './data/dataset.js';
import { Divergence, MAX_ROLLBACKS } from './divergence.js';
import { isAveraged } from './ema.js';
import type { ChosenEngine } from './engines.js';
import { createDoctor, type Note } from './health/doctor.js';
import { openTrainer, type PreparedRun, prepareRun, release } from './prepare-run.js';
import { writeReport } from './report/write-report.js';
import { lastGoodCheckpoint } from './resume.js';
import { holdsMoments, type RunCheckpoint } from './run-checkpoint.js';
import { RunDirectory } from './run-directory.js';
import { RunKeeper } from './run-keeper.js';
import type { RunLock } from './run-lock.js';
import { endOf, type Health, loop, type RunParts } from './run-loop.js';
import type { RunOptions, RunResult } from './run-options.js';
import { meetAtStep, type SharedRun } from './shared-run.js';
import type { Trainer } from './trainer.js';

const DEFAULT_KEEP = 2;

/**
 * Trains a generator and writes its run folder. Nothing is written before everything that can be refused has been.
 *
 * @throws UserError for bad settings, data or folders, and when losses or parameters stop being numbers; the signal's
 * reason when it is aborted before the first step
 */
export async function train(options: RunOptions): Promise<RunResult> {
  const prepared = await prepareRun(options);
  try {
    return await trainOn(prepared, options);
  } finally {
    release(prepared);
  }
}

/** Where a stretch of a run begins: at a checkpoint or the beginning, with the noise of so many returns. */
interface Start {
  checkpoint: RunCheckpoint | undefined;
  rollbacks: number;
  /** What ended the stretch before. */
  after?: Divergence;
}

/** Trains on data that is open: one stretch, and another after each return to a checkpoint. */
async function trainOn(prepared: PreparedRun, options: RunOptions): Promise<RunResult> {
  const { resume } = options;
  let start: Start = { checkpoint: resume, rollbacks: resume?.record.rollbacks ?? 0 };
  let directory: RunDirectory | undefined;
  try {
    for (;;) {
      const trainer = await openTrainer(prepared, options, start.checkpoint, start.rollbacks);
      try {
        directory ??= await beginRun(trainer, prepared, options);
        const { dataset } = prepared;
        const health = openHealth(directory, options);
        const keeper = openKeeper({ trainer, dataset, directory, health, ...start }, options);
        const parts = { trainer, dataset, directory, keeper, health };
        if (start.after !== undefined) await tellReturn(parts, start, start.after);
        const end = await trainStretch(parts, prepared.chosen, options, start.rollbacks);
        if ('result' in end) return end.result;
        start = end.next;
      } finally {
        await trainer.close();
      }
    }
  } finally {
    directory?.close();
  }
}

/** Opens the run's folder, once nothing can be refused any more, and says that it begins. */
async function beginRun(
  trainer: Trainer,
  { dataset: { description }, lock }: PreparedRun,
  options: RunOptions,
): Promise<RunDirectory> {
  const { out, signal, resume, shared, on = {} } = options;
  if (shared === undefined) signal?.throwIfAborted();
  if (resume !== undefined && !holdsMoments(resume)) on.progress?.(forgottenMoments(resume));
  const directory = await openDirectory(options, lock);
  try {
    directory.write('config', configJson(options, description));
    on.start?.({ length: trainer.length, done: trainer.done, dataset: description, out });
    return directory;
  } catch (error) {
    directory.close();
    throw error;
  }
}

/** Keeps the checkpoint with the new noise, from which a resumed run goes on as this one does, and says what happened. */
async function tellReturn(
  { trainer, keeper, health }: RunParts,
  { rollbacks }: Start,
  { step, what: seen }: Divergence,
): Promise<void> {
  await keeper.saveStart();
  const again = `rollback ${rollbacks} of at most ${MAX_ROLLBACKS}`;
  const advice = `the run goes on from step ${trainer.done} with other latents (${again})`;
  health.tell([{ signal: 'not-a-number', step, seen, advice }]);
}

/** Trains to the end and writes the report, or finds where to go on after training has diverged. */
async function trainStretch(
  parts: RunParts,
  chosen: ChosenEngine,
  options: RunOptions,
  rollbacks: number,
): Promise<{ result: RunResult } | { next: Start }> {
  const { directory, keeper } = parts;
  const { shared } = options;
  try {
    const result = await trainToEnd(parts, chosen, options);
    await report(parts, options, rollbacks);
    if (!result.interrupted) directory.write('complete', completion(result.steps, shared));
    return { result };
  } catch (error) {
    const isSaved = await keeper.isSettled();
    const cause = error instanceof GroupError ? error.cause : error;
    const isDivergence = cause instanceof Divergence;
    if (isDivergence && isSaved && options.onNan === 'rollback' && rollbacks < MAX_ROLLBACKS) {
      const checkpoint = await lastGoodCheckpoint(directory.checkpoints);
      await directory.returnTo(checkpoint?.step ?? 0);
      return { next: { checkpoint, rollbacks: rollbacks + 1, after: cause } };
    }
    // Told again, because the checkpoint in progress has become the last good one.
    const failure = isDivergence ? keeper.diverged(cause.step, cause.what) : error;
    if (isDivergence) directory.appendNote(lastNote(cause));
    // What ended the run matters more than a report that cannot be written.
    if (failure instanceof Error) await report(parts, options, rollbacks, failure).catch(() => {});
    throw isDivergence && error !== cause ? endOf(shared, failure as Divergence) : failure;
  }
}

const lastNote = ({ step, what: seen }: Divergence): Note => {
  return { signal: 'not-a-number', step, seen, advice: 'the run ended: try a smaller --lr' };
};

function report(
  { trainer, directory, keeper }: RunParts,
  { config, engine = 'session', device = 'cpu', version }: RunOptions,
  rollbacks: number,
  failure?: Error,
): Promise<void> {
  return writeReport(directory, {
    config,
    length: trainer.length,
    steps: trainer.done,
    rollbacks,
    engine: `${engine} on ${device}`,
    version,
    ...(keeper.best === undefined ? {} : { best: keeper.best }),
    ...(failure === undefined ? {} : { failure }),
  });
}

function openHealth(directory: RunDirectory, { config, on = {} }: RunOptions): Health {
  return {
    doctor: createDoctor({ config }),
    tell(notes) {
      for (const note of notes) {
        directory.appendNote(note);
        on.note?.(note);
      }
    },
  };
}

function openKeeper(
  { trainer, dataset, directory, health, checkpoint: start, rollbacks }: Omit<RunParts, 'keeper'> & Start,
  { config, engine = 'session', version, threads, keep = DEFAULT_KEEP, measure, resume, on = {} }: RunOptions,
): RunKeeper {
  return new RunKeeper({
    trainer,
    dataset,
    directory,
    rollbacks,
    config,
    engine,
    version,
    ...(threads === undefined ? {} : { threads }),
    keep,
    ...(measure === undefined ? {} : { measure }),
    ...(start?.record.best === undefined ? {} : { best: start.record.best }),
    ...(start?.ema === undefined ? {} : { ema: start.ema }),
    ...(start !== undefined && start === resume ? { savedStep: start.step } : {}),
    ...(on.score === undefined ? {} : { onScore: on.score }),
    onSamples: (step, samples, real) => health.tell(health.doctor.compare(step, samples, real)),
  });
}

/** Trains until the end or the signal, and writes what a run leaves. */
async function trainToEnd(
  parts: RunParts,
  { logInterval: suits, calls }: ChosenEngine,
  options: RunOptions,
): Promise<RunResult> {
  const { trainer, directory, keeper } = parts;
  const { logInterval = suits } = options;
  // Losses that nobody waits for are all looked at, so that the first one that is no number is seen at its step.
  await loop(parts, { ...options, logInterval, calls: callLength(calls), readInterval: suits });
  const interrupted = trainer.done < trainer.length.steps;
  if (options.shared !== undefined) await meetAtStep(options.shared, options.config, trainer);
  await keeper.finish(interrupted);
  return {
    steps: trainer.done,
    interrupted,
    generator: directory.file('generator'),
    samples: directory.file('samples'),
    checkpoint: directory.checkpoints.folder(trainer.done),
    report: directory.file('report'),
    ...(keeper.best === undefined ? {} : { best: { ...keeper.best, path: directory.file('best') } }),
    ...(isAveraged(options.config) ? { ema: directory.file('ema') } : {}),
  };
}

async function openDirectory(
  { out, force = false, resume }: RunOptions,
  lock: RunLock | undefined,
): Promise<RunDirectory> {
  return resume === undefined
    ? RunDirectory.create(out, force)
    : RunDirectory.reopen(out, resume.step, lock!);
}

function forgottenMoments({ step, record }: RunCheckpoint): string {
  return (
    `the checkpoint of step ${step} has no Adam moments, because engine ${record.engine} does not give them out: ` +
    'Adam begins again from zero, so the next steps differ from those of a run that was never moved'
  );
}

/** complete.json: all else is there. */
function completion(steps: number, shared: SharedRun | undefined): string {
  return `${JSON.stringify({ steps, processes: shared?.group.size ?? 1 })}\n`;
}

/** config.json: the settings, and what they were applied to. */
function configJson(options: RunOptions, data: AnyDataset['description']): string {
  const { config, version, dataDir, skipBroken } = options;
  const place = {
    ...(dataDir === undefined ? {} : { dataDir: resolve(dataDir) }),
    ...(skipBroken ? { skipBroken } : {}),
  };
  return `${JSON.stringify({ version, ...config, data, ...place }, null, 2)}\n`;
}
