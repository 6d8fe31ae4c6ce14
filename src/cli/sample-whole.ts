/** `gan-onnx sample` into one output, which is there whole or not at all, or to stdout. */

import { existsSync, realpathSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { batchesOf, drawBatches, drawSize } from '../infer/draw-batches.js';
import { type Generator, SAMPLE_FORMATS, type SampleFormat } from '../infer/index.js';
import { createPngPool, type PngPool } from '../infer/png-pool.js';
import { openLatents, openStream, openWriter } from '../infer/writers/index.js';
import { outputTarget, type SampleTarget } from '../infer/writers/target.js';
import { digitsBelow, type SamplePlan, type SampleWriter } from '../infer/writers/writer.js';
import { errorCode } from '../system/files.js';
import { UserError } from '../system/user-error.js';
import { InterruptedError, interruptible } from './interrupt.js';
import { checkSampleMemory, openGenerator, readGeneratorFile, samplingProblem } from './open-generator.js';
import { createProgress } from './progress.js';
import { outOf, type SampleFlags, STDOUT } from './sample-flags.js';

/** Exit code of a command whose reader went away, as shells have it: 128 plus the number of SIGPIPE. */
const BROKEN_PIPE = 141;

interface Outputs {
  /** Undefined for stdout. */
  out?: SampleTarget;
  latents?: SampleTarget;
}

/** The outputs asked for; refuses those that would overwrite the model or each other. */
function outputTargets(model: string, flags: SampleFlags): Outputs {
  const { format, latents: latentsPath, force = false } = flags;
  const path = outOf(flags);
  const kind = SAMPLE_FORMATS[format].encoder === undefined ? 'folder' : 'file';
  const outputs: Outputs = {};
  if (path !== STDOUT) outputs.out = outputTarget('--out', path, kind, force);
  if (typeof latentsPath === 'string') {
    outputs.latents = outputTarget('--latents', latentsPath, 'file', force);
    if (outputs.latents.path === outputs.out?.path) {
      throw new UserError(`--latents ${latentsPath} is the same as --out: choose another path`);
    }
  }
  for (const target of Object.values(outputs)) {
    const { flag, path } = target as SampleTarget;
    if (existsSync(path) && existsSync(model) && realpathSync(path) === realpathSync(model)) {
      throw new UserError(`${flag} ${path} is the generator itself: choose another path`);
    }
  }
  return outputs;
}

function openOutput(
  format: SampleFormat,
  target: SampleTarget | undefined,
  plan: SamplePlan,
  pool: PngPool,
): Promise<SampleWriter> {
  return target === undefined
    ? openStream(format, process.stdout, plan, pool)
    : openWriter(format, target, plan, pool);
}

/** Draws the samples into the writers, and puts the outputs in their places. */
async function drawAll(
  generator: Generator,
  writers: readonly SampleWriter[],
  { count, start, seed, batchSize }: SampleFlags,
  signal: AbortSignal,
): Promise<void> {
  const { description } = generator;
  const progress = createProgress(count, 'samples');
  try {
    await drawBatches(
      generator,
      seed,
      batchesOf({ start, count }, drawSize(description, batchSize), description.batch),
      async (samples, batch) => {
        for (const writer of writers) await writer.write(samples);
        progress.update(batch.start + batch.count - start, '');
      },
      signal,
    );
  } finally {
    progress.stop();
  }
  for (const writer of writers) await writer.complete();
  for (const writer of writers) await writer.commit();
}

export async function sampleWhole(path: string, flags: SampleFlags): Promise<void> {
  const { count, start, format, columns } = flags;
  const targets = outputTargets(path, flags);
  const generator = await openGenerator(path, await readGeneratorFile(path), flags);
  const pool = createPngPool(flags.workers ?? availableParallelism());
  const writers: SampleWriter[] = [];
  const discard = (): void => {
    for (const writer of writers) writer.discard();
  };
  // A second Ctrl-C ends the process at once, but not before its temporary files are gone.
  process.once('exit', discard);
  try {
    checkSampleMemory(generator, flags);
    const { image, latentSize } = generator.description;
    const plan: SamplePlan = { count, start, shape: image, columns, digits: digitsBelow(start + count) };
    writers.push(await openOutput(format, targets.out, plan, pool));
    if (targets.latents) writers.push(await openLatents(targets.latents, count, latentSize));
    await interruptible(
      (signal) => drawAll(generator, writers, flags, signal),
      () => process.stderr.write('ending after this batch (Ctrl-C again ends at once)\n'),
    );
  } catch (error) {
    discard();
    if (targets.out !== undefined || errorCode(error) === '') throw samplingProblem(path, error);
    if (errorCode(error) === 'EPIPE') throw new InterruptedError(BROKEN_PIPE);
    throw error;
  } finally {
    process.off('exit', discard);
    await pool.close();
    await generator.release();
  }
  const summary = `${count} samples of seed ${flags.seed}: `;
  if (targets.out === undefined) process.stderr.write(`${summary}stdout\n`);
  else process.stdout.write(`${summary}${outOf(flags)}\n`);
}
