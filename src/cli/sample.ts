/** `gan-onnx sample`. */

import { readFile } from 'node:fs/promises';
import { Command, Option } from 'commander';
import { UserError } from '../errors/user-error.js';
import { type Generator, InvalidModelError, loadGenerator } from '../infer/index.js';
import {
  checkOutput,
  latentsWriter,
  SAMPLE_WRITERS,
  type SampleFormat,
  type SamplePlan,
  type SampleWriter,
} from '../infer/sample-files.js';
import { integerOption } from './arguments.js';
import { InterruptedError, interruptible } from './interrupt.js';
import { createProgress } from './progress.js';

interface SampleFlags {
  count: number;
  start: number;
  seed: number;
  out?: string;
  columns: number;
  format: SampleFormat;
  batchSize: number;
  latents?: string;
  force?: boolean;
}

/** Where samples go when --out does not say. */
const DEFAULT_OUT: Record<SampleFormat, string> = { grid: 'samples.png', png: 'samples', npy: 'samples.npy' };

async function openGenerator(path: string): Promise<Generator> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const what = code === 'ENOENT' ? 'does not exist' : `cannot be read (${code})`;
    throw new UserError(`${path} ${what}: expected a generator.onnx, as gan-onnx train leaves it`);
  }
  try {
    return await loadGenerator(bytes);
  } catch (error) {
    if (!(error instanceof InvalidModelError)) throw error;
    throw new UserError(`${path}: ${error.message}: expected a generator.onnx, as gan-onnx train leaves it`);
  }
}

/** Draws the samples batch by batch into the writers. */
async function drawAll(
  generator: Generator,
  writers: readonly SampleWriter[],
  { count, start, seed, batchSize }: SampleFlags,
  signal: AbortSignal,
): Promise<void> {
  const progress = createProgress(count, 'samples');
  try {
    for (let done = 0; done < count; ) {
      if (signal.aborted) throw new InterruptedError();
      const size = Math.min(batchSize, count - done);
      const samples = await generator.sample({ count: size, seed, start: start + done });
      for (const writer of writers) await writer.write(samples);
      done += size;
      progress.update(done, '');
    }
  } finally {
    progress.stop();
  }
  for (const writer of writers) await writer.finish();
}

async function sample(path: string, flags: SampleFlags): Promise<void> {
  const { count, start, format, columns, force = false } = flags;
  const out = flags.out ?? DEFAULT_OUT[format];
  if (start + count > Number.MAX_SAFE_INTEGER)
    throw new UserError(`--start ${start} is too large for --count ${count}`);
  checkOutput('--out', out, format === 'png' ? 'folder' : 'file', force);
  if (flags.latents !== undefined) checkOutput('--latents', flags.latents, 'file', force);
  const generator = await openGenerator(path);
  const writers: SampleWriter[] = [];
  const discard = (): void => {
    for (const writer of writers) writer.discard();
  };
  // A second Ctrl-C ends the process at once, but not before its temporary files are gone.
  process.once('exit', discard);
  try {
    const { image, latentSize } = generator.description;
    const plan: SamplePlan = { count, start, shape: image, columns };
    writers.push(await SAMPLE_WRITERS[format](out, plan));
    if (flags.latents !== undefined) writers.push(await latentsWriter(flags.latents, count, latentSize));
    await interruptible(
      (signal) => drawAll(generator, writers, flags, signal),
      () => process.stderr.write('ending after this batch (Ctrl-C again ends at once)\n'),
    );
  } catch (error) {
    discard();
    throw writeFailure(error, out);
  } finally {
    process.off('exit', discard);
    await generator.release();
  }
  process.stdout.write(`${count} samples of seed ${flags.seed}: ${out}\n`);
}

/** The file system's errors in the user's terms; others as they are. */
function writeFailure(error: unknown, out: string): unknown {
  if (error instanceof InvalidModelError) return new UserError(error.message);
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (code === undefined || syscall === undefined) return error;
  return new UserError(`--out ${out} cannot be written (${code}): choose another path`);
}

export function sampleCommand(): Command {
  return new Command('sample')
    .description('Samples a generator.onnx. Sample k of a seed is always the same image.')
    .argument('<generator.onnx>', 'an exported generator')
    .addOption(integerOption('--count <n>', 'how many samples', { min: 1 }).default(25))
    .addOption(integerOption('--start <n>', 'number of the first sample', { min: 0 }).default(0))
    .addOption(integerOption('--seed <n>', 'seed of the latents', { min: 0 }).default(0))
    .option('--out <path>', 'file or folder to write (default: samples.png, samples/ or samples.npy)')
    .addOption(integerOption('--columns <n>', 'images a row of a grid', { min: 1 }).default(10))
    .addOption(
      new Option(
        '--format <format>',
        'grid: one picture; png: a folder of pictures; npy: float32 [count, C, H, W]',
      )
        .choices(Object.keys(SAMPLE_WRITERS))
        .default('grid'),
    )
    .addOption(
      integerOption('--batch-size <n>', 'samples held in memory at once', { min: 1, max: 65536 }).default(
        256,
      ),
    )
    .option('--latents <file>', 'also write the latents, as .npy float32 [count, latent]')
    .option('--force', 'replace an existing output')
    .action(sample);
}
