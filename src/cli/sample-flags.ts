/** The flags of `gan-onnx sample`, and which of them go together. */

import { Option } from 'commander';
import {
  DEFAULT_PART_SIZE,
  SAMPLE_DEVICES,
  SAMPLE_FORMATS,
  type SampleDevice,
  type SampleFormat,
  type Shard,
  TILE,
} from '../infer/index.js';
import { UserError } from '../system/user-error.js';
import { integerOption } from './arguments.js';
import { choiceOption } from './config-flags.js';
import { type GeneratorFlags, generatorOptions } from './generator-flags.js';

export interface SampleFlags extends GeneratorFlags {
  count: number;
  start: number;
  seed: number;
  out?: string;
  columns: number;
  format: SampleFormat;
  batchSize: number;
  device: SampleDevice | 'auto';
  /** A file; or true, for a file beside each part. */
  latents?: string | true;
  partSize?: number;
  shard?: Shard;
  workers?: number;
  force?: boolean;
}

/** `--out` of what is written to stdout. */
export const STDOUT = '-';

/** Whether the output is a folder of parts. */
export function inParts({ shard, partSize }: SampleFlags): boolean {
  return shard !== undefined || partSize !== undefined;
}

/** Where samples go: --out, or a name after the format in the current folder. */
export function outOf(flags: SampleFlags): string {
  const { extension } = SAMPLE_FORMATS[flags.format];
  return flags.out ?? (inParts(flags) || extension === '' ? 'samples' : `samples.${extension}`);
}

function parseShard(text: string): Shard {
  const [, index, of] = (/^(\d{1,9})\/(\d{1,9})$/.exec(text) ?? []).map(Number);
  if (index === undefined || of === undefined || index >= of) {
    throw new UserError(`--shard ${text}: expected i/n with i from 0 to n - 1: 0/8 to 7/8 are eight shards`);
  }
  return { index, of };
}

/**
 * Refuses flags that contradict each other.
 *
 * @throws UserError naming them
 */
export function checkFlags(flags: SampleFlags): void {
  const { start, count, format, out, latents } = flags;
  if (!Number.isSafeInteger(start + count + TILE)) {
    throw new UserError(`--start ${start} is too large for --count ${count}: expected less than 2^53 in all`);
  }
  if (inParts(flags)) {
    if (out === STDOUT) throw new UserError('--out - takes no parts: leave --shard and --part-size away');
    if (typeof latents === 'string') {
      throw new UserError(`--latents ${latents}: parts have their latents beside them: give no file`);
    }
    return;
  }
  if (latents === true) throw new UserError('--latents names no file: expected one, such as latents.npy');
  if (latents === STDOUT) throw new UserError('--latents - is not possible: name a file');
  if (out !== STDOUT) return;
  if (SAMPLE_FORMATS[format].encoder === undefined) {
    throw new UserError(`--format ${format} is a folder and cannot go to --out -: use --format tar`);
  }
  if (process.stdout.isTTY) throw new UserError('--out - is this terminal: send it to a file or a pipe');
}

const formats = Object.entries(SAMPLE_FORMATS).map(([name, { summary }]) => `${name}: ${summary}`);

/** All of them. */
export function sampleOptions(): Option[] {
  return [
    integerOption('--count <n>', 'how many samples, in all shards', { min: 1 }).default(25),
    integerOption('--start <n>', 'number of the first sample', { min: 0 }).default(0),
    integerOption('--seed <n>', 'seed of the latents', { min: 0 }).default(0),
    new Option(
      '--out <path>',
      'file or folder to write, - for stdout (default: samples, with the ending of the format)',
    ),
    integerOption('--columns <n>', 'images a row of a grid', { min: 1 }).default(10),
    choiceOption('--format <format>', formats.join('; '), SAMPLE_FORMATS).default('grid'),
    new Option(
      '--shard <i/n>',
      'write the i-th (from 0) of n shares of the parts into the folder --out',
    ).argParser(parseShard),
    integerOption(
      '--part-size <n>',
      `write parts of n samples into the folder --out; multiples of ${TILE} are the fastest (default: ` +
        `${DEFAULT_PART_SIZE} with --shard; under mpirun fewer where a process would have none)`,
      { min: 1 },
    ),
    integerOption('--batch-size <n>', 'samples held in memory at once', { min: 1, max: 65536 }).default(256),
    integerOption('--workers <n>', 'threads that encode pictures (default: one a core)', {
      min: 1,
      max: 1024,
    }),
    choiceOption('--device <name>', 'what runs the generator; auto tries all and takes the fastest', {
      ...SAMPLE_DEVICES,
      auto: true,
    }).default('cpu'),
    new Option(
      '--latents [file]',
      'also write the latents, as .npy float32 [count, latent]; with parts one file beside each',
    ),
    new Option('--force', 'replace an existing output'),
    ...generatorOptions(),
  ];
}
