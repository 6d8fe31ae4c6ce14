/** A whole run: data, loop, and what it leaves in its folder. */

import { resolve } from 'node:path';
import { GroupError } from '../parallel/agreement.js';
import { callLength } from './call-length.js';
import type { AnyDataset } from './data/dataset.js';
import { Divergence, MAX_ROLLBACKS } from './divergence.js';
import type { ChosenEngine } from './engines.js';
import { createDoctor } from './health/doctor.js';
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

/** Trains on data that is open. */
async function trainOn(prepared: PreparedRun, options: RunOptions): Promise<RunResult> {
  const { config, out, signal, version, resume, shared, on = {} } = options;
  const { dataset, chosen, lock } = prepared;
  let rollbacks = resume?.record.rollbacks ?? 0;
  let trainer = await openTrainer(prepared, options, resume, rollbacks);
  let isOpen = true;
  let directory: RunDirectory | undefined;
  try {
    if (shared === undefined) signal?.throwIfAborted();
    if (resume !== undefined && !holdsMoments(resume)) on.progress?.(forgottenMoments(resume));
    directory = await openDirectory(options, lock);
    directory.write('config', configJson(options, dataset.description));
    on.start?.({ length: trainer.length, done: trainer.done, dataset: dataset.description, out });
    let health = openHealth(directory, options);
    let keeper = openKeeper({ trainer, dataset, directory, health, rollbacks }, options, resume);
    const report = (failure?: Error): Promise<void> =>
      writeReport(directory!, {
        config,
        length: trainer.length,
        steps: trainer.done,
        rollbacks,
        engine: `${options.engine ?? 'session'} on ${options.device ?? 'cpu'}`,
        version,
        ...(keeper.best === undefined ? {} : { best: keeper.best }),
        ...(failure === undefined ? {} : { failure }),
      });
    const failed = async (failure: unknown): Promise<unknown> => {
      // What ended the run matters more than a report that cannot be written.
      if (failure instanceof Error) await report(failure).catch(() => {});
      return failure;
    };
    for (;;) {
      try {
        const result = await trainToEnd({ trainer, dataset, directory, keeper, health }, chosen, options);
        await report();
        if (!result.interrupted) directory.write('complete', completion(result.steps, shared));
        return result;
      } catch (error) {
        const isSaved = await keeper.isSettled();
        const cause = error instanceof GroupError ? error.cause : error;
        if (!(cause instanceof Divergence)) throw await failed(error);
        const isLast = options.onNan !== 'rollback' || rollbacks === MAX_ROLLBACKS;
        // Told again, because the checkpoint in progress has become the last good one.
        if (isLast || !isSaved) {
          const { step, what: seen } = cause;
          directory.appendNote({
            signal: 'not-a-number',
            step,
            seen,
            advice: 'the run ended: try a smaller --lr',
          });
          const failure = keeper.diverged(step, seen);
          await failed(failure);
          throw error === cause ? failure : endOf(shared, failure);
        }
        const back = await lastGoodCheckpoint(directory.checkpoints);
        rollbacks += 1;
        await directory.returnTo(back?.step ?? 0);
        isOpen = false;
        await trainer.close();
        trainer = await openTrainer(prepared, options, back, rollbacks);
        isOpen = true;
        health = openHealth(directory, options);
        keeper = openKeeper({ trainer, dataset, directory, health, rollbacks }, options, back);
        // The checkpoint with the new stream takes the old one's place: whoever resumes from it goes on as this run does.
        await keeper.saveStart();
        const again = `rollback ${rollbacks} of at most ${MAX_ROLLBACKS}`;
        const advice = `the run goes on from step ${trainer.done} with other latents (${again})`;
        health.tell([{ signal: 'not-a-number', step: cause.step, seen: cause.what, advice }]);
      }
    }
  } finally {
    directory?.close();
    if (isOpen) await trainer.close();
  }
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
  { health, ...parts }: Omit<RunParts, 'keeper'> & { rollbacks: number },
  { config, engine = 'session', version, threads, keep = DEFAULT_KEEP, measure, resume, on = {} }: RunOptions,
  start: RunCheckpoint | undefined,
): RunKeeper {
  return new RunKeeper({
    ...parts,
    config,
    engine,
    version,
    ...(threads === undefined ? {} : { threads }),
    keep,
    ...(measure === undefined ? {} : { measure }),
    ...(start?.record.best === undefined ? {} : { best: start.record.best }),
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
