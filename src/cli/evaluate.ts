/** `gan-onnx evaluate`: how far a generator's samples are from test data. */

import { Command, Option } from 'commander';
import { type PointSet, parzenSigmas, pointsFromBytes, pointsFromImages } from '../evaluate/index.js';
import { METRICS, type Metric, type MetricName, type MetricRequest } from '../evaluate/metrics.js';
import {
  firstImages,
  type ImageSet,
  imagesAt,
  type MnistSplits,
  readMnistSplits,
} from '../evaluate/mnist-splits.js';
import { batchesOf, drawBatches } from '../infer/draw-batches.js';
import { sha256Of } from '../infer/file-sum.js';
import { type Generator, SAMPLE_DEVICES, type SampleDevice, TILE } from '../infer/index.js';
import { beginTogether, type Facts } from '../parallel/agreement.js';
import type { Communicator } from '../parallel/communicator.js';
import { randomPermutation } from '../random/index.js';
import { availableMemory, gibibytes } from '../system/memory.js';
import { UserError } from '../system/user-error.js';
import { ORT_NODE } from '../train/ort-node.js';
import { integerOption, numberOption } from './arguments.js';
import { choiceOption } from './config-flags.js';
import { type Evaluation, evaluationJson, evaluationText } from './evaluate-report.js';
import { type GeneratorFlags, generatorOptions } from './generator-flags.js';
import { inGroup } from './in-group.js';
import { interruptible } from './interrupt.js';
import { openGenerator, readGeneratorFile, samplingProblem } from './open-generator.js';
import { createProgress, type Progress } from './progress.js';

interface EvaluateFlags extends GeneratorFlags {
  metric: MetricName;
  dataDir: string;
  samples: number;
  sigmas: readonly number[];
  sigma?: number;
  seed: number;
  valid: number;
  test: number;
  real?: boolean;
  json?: boolean;
  device: SampleDevice | 'auto';
}

/** Widths that are chosen from, as in the paper. */
const PAPER_SIGMAS = 10;
const MAX_SIGMAS = 1000;
/** Bytes that all else takes: the program, the data, a chunk of distances. */
const BASE_MEMORY = 400 * 2 ** 20;
/** Batch at which samples are drawn: whole tiles. */
const BATCH = 8 * TILE;

/** `--sigmas`: how many from 0.1 to 1, or the widths themselves. */
function parseSigmas(text: string): readonly number[] {
  const values = text.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  const [first] = values;
  if (values.length === 1 && Number.isSafeInteger(first) && first! >= 1 && first! <= MAX_SIGMAS) {
    return parzenSigmas(first!);
  }
  if (values.length <= MAX_SIGMAS && values.every((value) => value > 0 && Number.isFinite(value)))
    return values;
  throw new UserError(
    `--sigmas ${text}: expected how many, 1 to ${MAX_SIGMAS}, or numbers above 0 such as 0.1,0.2,0.5`,
  );
}

/** A bar that starts with the first thing done. */
function lateProgress(unit: string): { update: (done: number, total: number) => void; stop: () => void } {
  let progress: Progress | undefined;
  return {
    update(done, total) {
      progress ??= createProgress(total, unit);
      progress.update(done, '');
    },
    stop: () => progress?.stop(),
  };
}

/** What ranks other than 0 show. */
const SILENT = { update: () => {}, stop: () => {} };

/** Samples 0 .. count - 1 of a generator as points. */
async function drawPoints(
  generator: Generator,
  { samples: count, seed }: EvaluateFlags,
  signal: AbortSignal,
  isSilent: boolean,
): Promise<PointSet> {
  const size = generator.description.image.reduce((a, b) => a * b, 1);
  const points = { count, size, data: new Float32Array(count * size) };
  const progress = isSilent ? SILENT : createProgress(count, 'samples');
  try {
    await drawBatches(
      generator,
      seed,
      batchesOf({ start: 0, count }, BATCH, generator.description.batch),
      async ({ data }, batch) => {
        points.data.set(pointsFromImages(data, size).data, batch.start * size);
        progress.update(batch.start + batch.count, '');
      },
      signal,
    );
  } finally {
    progress.stop();
  }
  return points;
}

/** Refuses images that cannot be compared with the data's. */
function checkSize(
  path: string,
  { image }: Generator['description'],
  { shape }: ImageSet,
  folder: string,
): void {
  if (image.every((size, i) => size === shape[i])) return;
  const [found, expected] = [image, shape].map((sizes) => sizes.join(' x '));
  throw new UserError(
    `${path} draws images of ${found}, and those in ${folder} are ${expected}: use the data it was trained on`,
  );
}

/** Refuses samples that cannot be held in memory as points. */
function checkMemory({ image }: Generator['description'], samples: number): void {
  const needed = BASE_MEMORY + 4 * samples * image.reduce((a, b) => a * b, 1);
  const available = availableMemory();
  if (needed <= available) return;
  throw new UserError(
    `--samples ${samples} need about ${gibibytes(needed)} of memory and the machine has ${gibibytes(available)}: ` +
      'use fewer',
  );
}

/** What a generator's file holds. */
interface GeneratorFile {
  path: string;
  bytes: Uint8Array;
  sha256: string;
}

async function readGenerator(path: string): Promise<GeneratorFile> {
  const bytes = await readGeneratorFile(path);
  return { path, bytes, sha256: sha256Of(bytes) };
}

/** Loads a generator, and refuses one that cannot be compared with the data. */
async function openComparable(
  { path, bytes }: GeneratorFile,
  splits: MnistSplits,
  flags: EvaluateFlags,
): Promise<Generator> {
  const generator = await openGenerator(path, bytes, flags);
  try {
    checkSize(path, generator.description, splits.test, flags.dataDir);
    checkMemory(generator.description, flags.samples);
    return generator;
  } catch (error) {
    await generator.release();
    throw error;
  }
}

/** What is evaluated, as points: a generator's samples, or training images in their place. */
async function pointsOf(
  file: GeneratorFile | undefined,
  splits: MnistSplits,
  flags: EvaluateFlags,
  signal: AbortSignal,
  group: Communicator | undefined,
): Promise<{ points: PointSet; source: Evaluation['source'] }> {
  if (file === undefined) {
    const { train } = splits;
    const order = randomPermutation(train.count, { seed: flags.seed, stream: 'shuffle', index: 0 });
    const chosen = imagesAt(train, order.subarray(0, flags.samples));
    return { points: pointsOfImages(chosen), source: { kind: 'real' } };
  }
  const { path, sha256 } = file;
  const load = () => openComparable(file, splits, flags);
  const generator = await (group === undefined ? load() : beginTogether(group, load, () => ({})));
  try {
    const points = await drawPoints(generator, flags, signal, group !== undefined && group.rank > 0);
    return { points, source: { kind: 'generator', file: path, sha256, device: generator.placement.device } };
  } catch (error) {
    throw samplingProblem(path, error);
  } finally {
    await generator.release();
  }
}

function pointsOfImages({ bytes, shape }: ImageSet): PointSet {
  return pointsFromBytes(bytes, shape[1] * shape[2]);
}

/** Refuses flags that contradict each other or the data. */
function checkFlags(path: string | undefined, flags: EvaluateFlags, given: (flag: string) => boolean): void {
  const { metric, real = false } = flags;
  if (real === (path !== undefined)) {
    throw new UserError(
      real
        ? `${path} and --real: expected one of them, as --real takes training images for samples`
        : 'nothing to evaluate: expected a generator.onnx, or --real for training images in its place',
    );
  }
  const { takesSigmas }: Metric = METRICS[metric];
  const other = ['sigma', 'sigmas', 'valid'].find((flag) => !takesSigmas && given(flag));
  if (other !== undefined)
    throw new UserError(`--${other} belongs to --metric parzen; ${metric} has no sigma`);
}

/** Whether validation images choose sigma. */
function choosesSigma({ metric, sigma }: EvaluateFlags): boolean {
  const { takesSigmas }: Metric = METRICS[metric];
  return takesSigmas && sigma === undefined;
}

function checkCounts({ train, validation, test }: MnistSplits, flags: EvaluateFlags): void {
  const limits = [
    ['samples', flags.samples, flags.real ? train.count : Number.POSITIVE_INFINITY],
    ['valid', choosesSigma(flags) ? flags.valid : 0, validation.count],
    ['test', flags.test, test.count],
  ] as const;
  for (const [flag, found, most] of limits) {
    if (found > most) {
      throw new UserError(`--${flag} ${found}: expected at most ${most}, as ${flags.dataDir} has no more`);
    }
  }
  const { pairs }: Metric = METRICS[flags.metric];
  if (pairs && flags.samples !== flags.test) {
    throw new UserError(
      `--samples ${flags.samples} and --test ${flags.test}: ${flags.metric} expects as many samples as test images`,
    );
  }
}

async function evaluate(path: string | undefined, flags: EvaluateFlags, command: Command): Promise<void> {
  const text = await inGroup(
    (member) => evaluation(path, flags, command, member?.group),
    () => 'the same command measures again',
  );
  if (text !== undefined) process.stdout.write(text);
}

/** What there is to print; nothing on ranks other than 0 of several processes, which share the test points. */
async function evaluation(
  path: string | undefined,
  flags: EvaluateFlags,
  command: Command,
  group: Communicator | undefined,
): Promise<string | undefined> {
  const prepare = async (): Promise<{ splits: MnistSplits; file: GeneratorFile | undefined }> => {
    checkFlags(path, flags, (flag) => command.getOptionValueSource(flag) === 'cli');
    const found = await readMnistSplits(flags.dataDir);
    checkCounts(found, flags);
    return { splits: found, file: path === undefined ? undefined : await readGenerator(path) };
  };
  const facts = ({ splits: { sha256 }, file: own }: Awaited<ReturnType<typeof prepare>>): Facts => ({
    'flags with SHA-256': sha256Of(new TextEncoder().encode(JSON.stringify(flags))),
    'data with SHA-256': Object.values(sha256).join(' '),
    ...(own === undefined ? {} : { 'a generator with SHA-256': own.sha256 }),
  });
  const { splits, file } = await (group === undefined ? prepare() : beginTogether(group, prepare, facts));
  const isFollower = group !== undefined && group.rank > 0;
  const { metric: name, sigma, seed } = flags;
  const metric: Metric = METRICS[name];
  const test = pointsOfImages(firstImages(splits.test, flags.test));
  const validation = choosesSigma(flags)
    ? pointsOfImages(firstImages(splits.validation, flags.valid))
    : undefined;
  const started = performance.now();
  const found = await interruptible(
    async (signal): Promise<Evaluation> => {
      const { points: samples, source } = await pointsOf(file, splits, flags, signal, group);
      const progress = isFollower ? SILENT : lateProgress('points');
      const request: MetricRequest = {
        samples,
        test,
        sigmas: sigma === undefined ? flags.sigmas : [sigma],
        seed,
        ...(validation === undefined ? {} : { validation }),
      };
      try {
        const measured = await metric.measure(ORT_NODE, request, {
          // Of each point, the part of the samples that it was compared with.
          onProgress: (done, total) =>
            progress.update(Math.floor(done / samples.count), Math.floor(total / samples.count)),
          signal,
          ...(group === undefined ? {} : { group }),
        });
        return {
          metric: name,
          measured,
          source,
          data: { folder: flags.dataDir, sha256: splits.sha256 },
          counts: { samples: samples.count, validation: validation?.count ?? 0, test: test.count },
          seed,
          seconds: (performance.now() - started) / 1000,
        };
      } finally {
        progress.stop();
      }
    },
    () => {
      if (!isFollower) process.stderr.write('ending (Ctrl-C again ends at once)\n');
    },
  );
  if (isFollower) return undefined;
  return flags.json ? evaluationJson(found) : evaluationText(found);
}

export function evaluateCommand(): Command {
  const command = new Command('evaluate')
    .description("Measures how far a generator's samples are from MNIST's test images. Writes no file.")
    .argument('[generator.onnx]', 'an exported generator')
    .addOption(
      choiceOption(
        '--metric <name>',
        Object.entries<Metric>(METRICS)
          .map(([name, { description }]) => `${name}: ${description}`)
          .join('; '),
        METRICS,
      ).default('parzen'),
    )
    .requiredOption(
      '--data-dir <folder>',
      'folder with train-images-idx3-ubyte and t10k-images-idx3-ubyte, .gz or not',
    )
    .addOption(integerOption('--samples <n>', 'samples drawn', { min: 1, max: 1_000_000 }).default(10_000))
    .addOption(
      new Option(
        '--sigmas <n or list>',
        'how many widths from 0.1 to 1 to choose from, or the widths themselves',
      )
        .argParser(parseSigmas)
        .default(parzenSigmas(PAPER_SIGMAS), String(PAPER_SIGMAS)),
    )
    .addOption(
      numberOption('--sigma <x>', 'width, instead of choosing it', { min: 0, above: true }).conflicts(
        'sigmas',
      ),
    )
    .addOption(integerOption('--seed <n>', 'seed of the samples', { min: 0 }).default(0))
    .addOption(
      integerOption('--valid <n>', 'images that choose sigma: the first n of train[50000:60000]', {
        min: 1,
      }).default(1000),
    )
    .addOption(integerOption('--test <n>', 'test images: the first n', { min: 1 }).default(10_000))
    .option(
      '--real',
      'training images (of the first 50,000) in place of samples: what a perfect generator gets',
    )
    .addOption(
      choiceOption('--device <name>', 'what runs the generator', { ...SAMPLE_DEVICES, auto: true }).default(
        'cpu',
      ),
    )
    .option('--json', 'one JSON object')
    .action(evaluate);
  for (const option of generatorOptions()) command.addOption(option);
  return command;
}
