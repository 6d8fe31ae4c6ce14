/** `gan-onnx sample` into a folder of parts, of which this process writes its shard. */

import {
  type OptionName,
  openSampleParts,
  type PartsRequest,
  type SampleParts,
  writeSampleParts,
} from '../infer/index.js';
import { generatorSettings } from './generator-flags.js';
import { interruptible } from './interrupt.js';
import { checkSampleMemory, openGenerator, readGeneratorFile, samplingProblem } from './open-generator.js';
import { createProgress, type Progress } from './progress.js';
import { outOf, type SampleFlags } from './sample-flags.js';
import { asRank } from './spokesman.js';

function plural(count: number, thing: string): string {
  return `${count} ${thing}${count === 1 ? '' : 's'}`;
}

/** What the shard is, for the line at the end. */
function describeShard({ job, shard, parts, kept }: SampleParts): string {
  const who = shard.of === 1 ? '' : `shard ${shard.index} of ${shard.of}: `;
  if (parts.length === 0) {
    return `${who}nothing to do, the samples have fewer parts than shards`;
  }
  const count = parts.reduce((sum, part) => sum + part.count, 0);
  const first = parts[0]!.start;
  const range = `${plural(count, 'sample')} (${first} to ${first + count - 1}) of seed ${job.seed}`;
  const reused = kept.size === 0 ? '' : `, ${kept.size} of them kept`;
  return `${who}${range} in ${plural(parts.length, 'part')}${reused}`;
}

async function draw(path: string, model: Uint8Array, opened: SampleParts, flags: SampleFlags): Promise<void> {
  const generator = await openGenerator(path, model, flags);
  const progress = createProgress(
    opened.parts.reduce((sum, { count }) => sum + count, 0),
    'samples',
  );
  try {
    checkSampleMemory(generator, flags);
    await interruptible(
      (signal) =>
        writeSampleParts(opened, generator, {
          batchSize: flags.batchSize,
          signal,
          progress: (done) => progress.update(done, ''),
          ...(flags.workers === undefined ? {} : { workers: flags.workers }),
        }),
      () =>
        progress.note(
          'ending after this batch; finished parts stay, and the same command goes on (Ctrl-C again ends at once)',
        ),
    );
  } catch (error) {
    throw samplingProblem(path, error);
  } finally {
    progress.stop();
    await generator.release();
  }
}

/** Milliseconds of verifying after which it is shown: before, nobody wonders. */
const SHOW_AFTER = 1000;

const FLAGS = {
  out: '--out',
  format: '--format',
  partSize: '--part-size',
  count: '--count',
  shard: '--shard',
  force: '--force',
} as const satisfies Record<Parameters<OptionName>[0], string>;

/** Finds what is done already. That reads all of it: it can be interrupted, and shows how far it is. */
async function open(request: PartsRequest): Promise<SampleParts> {
  let progress: Progress | undefined;
  let [verified, total] = [0, 0];
  const say = (message: string): void => {
    if (progress === undefined) process.stderr.write(`${message}\n`);
    else progress.note(message);
  };
  const began = performance.now();
  const show = (): void => {
    if (total === 0 || performance.now() - began < SHOW_AFTER) return;
    if (progress === undefined) {
      progress = createProgress(total, 'parts verified');
      progress.note('verifying the parts that are there');
    }
    progress.update(verified, '');
  };
  // One part may be large: the first line does not wait for its end.
  const timer = setTimeout(show, SHOW_AFTER + 1);
  try {
    return await interruptible(
      (signal) =>
        openSampleParts(request, {
          note: say,
          signal,
          optionName: (option) => FLAGS[option],
          progress(done, of) {
            [verified, total] = [done, of];
            show();
          },
        }),
      () => say('ending; nothing was changed (Ctrl-C again ends at once)'),
    );
  } finally {
    clearTimeout(timer);
    progress?.stop();
  }
}

export async function sampleParts(path: string, flags: SampleFlags): Promise<void> {
  const model = await asRank('machine', () => readGeneratorFile(path));
  // Its shard, and the manifest of it, are its own.
  await asRank('none', () => writeShard(path, model, flags));
}

async function writeShard(path: string, model: Uint8Array, flags: SampleFlags): Promise<void> {
  const { count, start, seed, format, partSize, shard, force = false } = flags;
  const out = outOf(flags);
  const opened = await open({
    model,
    options: generatorSettings(flags),
    out,
    format,
    count,
    seed,
    start,
    latents: flags.latents === true,
    device: flags.device === 'auto' ? undefined : flags.device,
    force,
    ...(partSize === undefined ? {} : { partSize }),
    ...(shard === undefined ? {} : { shard }),
  });
  if (opened.complete) {
    process.stdout.write(`${describeShard(opened)}: ${out} was complete already\n`);
    return;
  }
  if (opened.kept.size > 0) process.stderr.write(`going on: ${plural(opened.kept.size, 'part')} kept\n`);
  await draw(path, model, opened, flags);
  process.stdout.write(`${describeShard(opened)}: ${out}\n`);
}
