/**
 * Batch sampling as a script over the library: one shard of many samples, as IDX parts in a folder. The same command
 * again goes on where it was.
 *
 *   node examples/batch-sample.ts generator.onnx --out samples --count 100000 --shard 2/8
 *
 * Node 22.18 or newer runs it as it is; older ones need it compiled.
 */

import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { Generator, openSampleParts, writeSampleParts } from 'gan-onnx/infer';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    out: { type: 'string', default: 'samples' },
    count: { type: 'string', default: '10000' },
    seed: { type: 'string', default: '0' },
    shard: { type: 'string', default: '0/1' },
  },
});
const [index, of] = values.shard.split('/').map(Number);
if (positionals.length !== 1 || index === undefined || of === undefined) {
  throw new Error(
    'usage: batch-sample.ts <generator.onnx> [--out folder] [--count n] [--seed n] [--shard i/n]',
  );
}

const model = await readFile(positionals[0]!);
const shard = await openSampleParts(
  {
    model,
    out: values.out,
    format: 'idx', // or npy, png, tar
    count: Number(values.count),
    seed: Number(values.seed),
    shard: { index, of },
  },
  { note: console.error },
);
if (!shard.complete) {
  const generator = await Generator.load(model);
  try {
    await writeSampleParts(shard, generator, { progress: (done) => console.error(`${done} samples`) });
  } finally {
    await generator.release();
  }
}
console.log(`${shard.parts.length} parts in ${shard.folder}, ${shard.kept.size} of them kept`);
