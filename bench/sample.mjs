/**
 * Samples per second of gan.py's generator here (latents drawn, images out) and, where Python with PyTorch is present, in
 * PyTorch on the CPU, in short alternating rounds, for several batch sizes. The last lines are the ratios: samples per
 * second of ours by those of PyTorch's faster setting, median over rounds.
 *
 *   npm run bench:sample -- [--batch-sizes 1,64,1024] [--threads 2] [--rounds 15]
 *
 * PYTHON names the interpreter (default: python3). PyTorch runs with 1 and with --threads threads.
 */

import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { buildGeneratorModel, GANS, initialState } from '../dist/export/index.js';
import { Generator } from '../dist/infer/index.js';
import { alternate, pairedRatio, startPython, summary } from './rounds.mjs';

const { values } = parseArgs({
  options: {
    'batch-sizes': { type: 'string', default: '1,64,1024' },
    threads: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '15' },
  },
});
const batches = values['batch-sizes'].split(',').map(Number);
const [threads, rounds] = [Number(values.threads), Number(values.rounds)];
/** Samples of one round, so that rounds of all batch sizes take about as long. */
const ROUND_SAMPLES = 16384;

const gan = GANS['pytorch-gan']({ image: [1, 28, 28], latentSize: 100 });
const origin = { dataset: 'none', step: 0, version: '0' };
const model = buildGeneratorModel(gan, initialState(gan, 'adam', 1), origin);
const generator = await Generator.load(model, { threads });

let start = 0;
const ours = (batch) => ({
  name: `gan-onnx, ${threads} threads`,
  async run(count) {
    const times = [];
    for (let i = 0; i < count; i++) {
      const began = performance.now();
      await generator.sample({ count: batch, seed: 1, start });
      times.push(performance.now() - began);
      start += batch;
    }
    return times;
  },
});

const python = process.env.PYTHON ?? 'python3';
const hasPyTorch = spawnSync(python, ['-c', 'import torch']).status === 0;
const peers = [];
if (hasPyTorch) {
  for (const count of new Set([1, threads])) {
    peers.push(await startPython(python, 'pytorch_sample.py', ['--threads', count]));
  }
}
const ratios = [];
for (const batch of batches) {
  const others = peers.map(({ about, run }) => ({
    name: `PyTorch ${about.version}, ${about.threads} threads`,
    run: (count) => run(String(batch), count),
  }));
  const repeat = Math.max(8, Math.min(256, Math.round(ROUND_SAMPLES / batch)));
  const [mine, ...theirs] = await alternate([ours(batch), ...others], { rounds, repeat });
  for (const { name, times } of [mine, ...theirs]) {
    const { median, low, high } = summary(times);
    console.log(
      `batch ${String(batch).padEnd(5)} ${name.padEnd(28)} ${((batch / median) * 1000).toFixed(0).padStart(7)} samples/s` +
        `   ms: median ${median.toFixed(3)}  p10 ${low.toFixed(3)}  p90 ${high.toFixed(3)}`,
    );
  }
  if (hasPyTorch) ratios.push([batch, Math.min(...theirs.map((peer) => 1 / pairedRatio(mine, peer)))]);
}
for (const { stop } of peers) stop();
await generator.release();
for (const [batch, ratio] of ratios) console.log(`samples/s to pytorch, batch ${batch}: ${ratio.toFixed(2)}`);
if (!hasPyTorch)
  console.log(`no ratio: ${python} has no PyTorch (set PYTHON to an interpreter that has torch)`);
