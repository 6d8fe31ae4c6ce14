/** `gan-onnx sample` into a folder of parts, of which this process writes its shard. */

import { openSampleParts, type SampleParts, writeSampleParts } from '../infer/index.js';
import { generatorSettings } from './generator-flags.js';
import { interruptible } from './interrupt.js';
import { checkSampleMemory, openGenerator, readGeneratorFile, samplingProblem } from './open-generator.js';
import { createProgress } from './progress.js';
import { outOf, type SampleFlags } from './sample-flags.js';

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

export async function sampleParts(path: string, flags: SampleFlags): Promise<void> {
  const { count, start, seed, format, partSize, shard, force = false } = flags;
  const out = outOf(flags);
  const model = await readGeneratorFile(path);
  const opened = await openSampleParts(
    {
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
    },
    (message) => process.stderr.write(`${message}\n`),
  );
  if (opened.complete) {
    process.stdout.write(`${describeShard(opened)}: ${out} was complete already\n`);
    return;
  }
  if (opened.kept.size > 0) process.stderr.write(`going on: ${plural(opened.kept.size, 'part')} kept\n`);
  await draw(path, model, opened, flags);
  process.stdout.write(`${describeShard(opened)}: ${out}\n`);
}
