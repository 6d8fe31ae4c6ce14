/** `gan-onnx sample`. */

import { existsSync, realpathSync } from 'node:fs';
import { Command, Option } from 'commander';
import {
  DeviceError,
  Generator,
  InvalidModelError,
  SAMPLE_DEVICES,
  type SampleDevice,
  TILE,
} from '../infer/index.js';
import {
  latentsWriter,
  outputTarget,
  SAMPLE_WRITERS,
  type SampleFormat,
  type SamplePlan,
  type SampleTarget,
  type SampleWriter,
} from '../infer/sample-files.js';
import { readBounded } from '../system/files.js';
import { availableMemory, gibibytes } from '../system/memory.js';
import { UserError } from '../system/user-error.js';
import { integerOption } from './arguments.js';
import { choiceOption } from './config-flags.js';
import { interruptible } from './interrupt.js';
import { createProgress } from './progress.js';

interface SampleFlags {
  count: number;
  start: number;
  seed: number;
  out?: string;
  columns: number;
  format: SampleFormat;
  batchSize: number;
  device: SampleDevice | 'auto';
  latents?: string;
  force?: boolean;
}

/** Where samples go when --out does not say. */
const DEFAULT_OUT: Record<SampleFormat, string> = { grid: 'samples.png', png: 'samples', npy: 'samples.npy' };

/** Protobuf's own limit on a file. */
const MAX_MODEL_BYTES = 2 ** 31;
const EXPECTED = 'a generator.onnx, as gan-onnx train leaves it';

/** What the device or the model is to blame for, with its name in front. */
function samplingProblem(path: string, error: unknown): unknown {
  if (error instanceof DeviceError) return new UserError(`--${error.message}`);
  if (!(error instanceof InvalidModelError)) return error;
  return new UserError(`${path}: ${error.message}: expected ${EXPECTED}`);
}

async function openGenerator(path: string, device: SampleFlags['device']): Promise<Generator> {
  const bytes = await readBounded(path, MAX_MODEL_BYTES, EXPECTED);
  try {
    const generator = await Generator.load(bytes, { device });
    const { device: chosen, reason } = generator.placement;
    if (device === 'auto') process.stderr.write(`sampling on ${chosen}: ${reason}\n`);
    return generator;
  } catch (error) {
    throw samplingProblem(path, error);
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
      signal.throwIfAborted();
      const size = Math.min(batchSize, count - done);
      const samples = await generator.sample({ count: size, seed, start: start + done });
      for (const writer of writers) await writer.write(samples);
      done += size;
      progress.update(done, '');
    }
  } finally {
    progress.stop();
  }
  for (const writer of writers) await writer.complete();
  for (const writer of writers) await writer.commit();
}

/** The outputs asked for; refuses those that would overwrite the model or each other. */
function outputTargets(model: string, flags: SampleFlags): { out: SampleTarget; latents?: SampleTarget } {
  const { format, force = false } = flags;
  const kind = format === 'png' ? 'folder' : 'file';
  const out = outputTarget('--out', flags.out ?? DEFAULT_OUT[format], kind, force);
  const latents =
    flags.latents === undefined ? undefined : outputTarget('--latents', flags.latents, 'file', force);
  if (latents?.path === out.path) {
    throw new UserError(`--latents ${flags.latents} is the same as --out: choose another path`);
  }
  for (const { flag, path } of [out, ...(latents ? [latents] : [])]) {
    if (existsSync(path) && existsSync(model) && realpathSync(path) === realpathSync(model)) {
      throw new UserError(`${flag} ${path} is the generator itself: choose another path`);
    }
  }
  return { out, ...(latents ? { latents } : {}) };
}

/** Refuses what cannot be held in memory: a tile of images, and a batch of samples. */
function checkSampleMemory({ description }: Generator, { batchSize, count }: SampleFlags): void {
  const pixels = description.image.reduce((a, b) => a * b, 1);
  const needed = (TILE + 2 * Math.min(batchSize, count)) * (pixels + description.latentSize) * 4;
  const available = availableMemory();
  if (needed <= available) return;
  throw new UserError(
    `these samples need about ${gibibytes(needed)} of memory and the machine has ${gibibytes(available)}: ` +
      'use a smaller --batch-size or a generator of smaller images',
  );
}

async function sample(path: string, flags: SampleFlags): Promise<void> {
  const { count, start, format, columns } = flags;
  if (!Number.isSafeInteger(start + count + TILE)) {
    throw new UserError(`--start ${start} is too large for --count ${count}: expected less than 2^53 in all`);
  }
  const targets = outputTargets(path, flags);
  const generator = await openGenerator(path, flags.device);
  const writers: SampleWriter[] = [];
  const discard = (): void => {
    for (const writer of writers) writer.discard();
  };
  // A second Ctrl-C ends the process at once, but not before its temporary files are gone.
  process.once('exit', discard);
  try {
    checkSampleMemory(generator, flags);
    const { image, latentSize } = generator.description;
    const plan: SamplePlan = { count, start, shape: image, columns };
    writers.push(await SAMPLE_WRITERS[format](targets.out, plan));
    if (targets.latents) writers.push(await latentsWriter(targets.latents, count, latentSize));
    await interruptible(
      (signal) => drawAll(generator, writers, flags, signal),
      () => process.stderr.write('ending after this batch (Ctrl-C again ends at once)\n'),
    );
  } catch (error) {
    discard();
    throw samplingProblem(path, error);
  } finally {
    process.off('exit', discard);
    await generator.release();
  }
  process.stdout.write(`${count} samples of seed ${flags.seed}: ${flags.out ?? DEFAULT_OUT[format]}\n`);
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
    .addOption(
      choiceOption('--device <name>', 'what runs the generator; auto tries all and takes the fastest', {
        ...SAMPLE_DEVICES,
        auto: true,
      }).default('cpu'),
    )
    .option('--latents <file>', 'also write the latents, as .npy float32 [count, latent]')
    .option('--force', 'replace an existing output')
    .action(sample);
}
