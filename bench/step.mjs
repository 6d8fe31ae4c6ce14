/**
 * Times a preset's training step (gan.py's by default) of this project and, where Python with PyTorch is present, of the
 * same in PyTorch on the CPU, in short alternating rounds. The last line is the ratio: the median over rounds of our time by
 * PyTorch's in the same round, so that a machine whose speed drifts slows both sides alike.
 *
 *   npm run bench -- [--preset goodfellow-mnist] [--batch-size 64] [--img-size 28] [--threads 2] [--rounds 30]
 *     [--steps 20] [--warmup 30] [--steps-per-call 16]
 *
 * PYTHON names the interpreter (default: python3). PyTorch runs with 1 and with --threads threads, and the setting that
 * is harder to beat counts.
 */

import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { chooseEngine } from '../dist/train/engines.js';
import { createTrainer, DEFAULT_CONFIG, openDataset } from '../dist/train/index.js';
import { PRESETS } from '../dist/train/presets.js';
import { alternate, pairedRatio, startPython, summary } from './rounds.mjs';

const { values } = parseArgs({
  options: {
    preset: { type: 'string', default: 'pytorch-gan' },
    'batch-size': { type: 'string' },
    'img-size': { type: 'string' },
    warmup: { type: 'string', default: '30' },
    'steps-per-call': { type: 'string', default: '1' },
    threads: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '30' },
    steps: { type: 'string', default: '20' },
  },
});
const numbers = ['threads', 'rounds', 'steps', 'steps-per-call', 'warmup'];
const [threads, rounds, steps, stepsPerCall, warmup] = numbers.map((name) => Number(values[name]));
const { preset } = values;
const settings = { ...DEFAULT_CONFIG, ...PRESETS[preset].settings };
const batchSize = Number(values['batch-size'] ?? settings.batchSize);
const imageSize = Number(values['img-size'] ?? settings.imageSize);
const config = { ...settings, dataset: 'digits', batchSize, imageSize };

/** This project: the whole of one step, drawing of batch and latents included. */
async function startOurs() {
  const dataset = await openDataset('digits', { imageSize, channels: 1 });
  const { create: engine, target } = chooseEngine('session', config.optimizer, { threads, stepsPerCall });
  const trainer = await createTrainer({ config, dataset, engine, target });
  const run = async (count) => {
    const times = [];
    while (times.length < count) {
      const began = performance.now();
      const reports = await trainer.steps(stepsPerCall);
      times.push(...reports.map(() => (performance.now() - began) / reports.length));
    }
    return times;
  };
  await run(warmup);
  return { name: `gan-onnx, ${threads} threads, ${stepsPerCall} a call`, run, stop: () => trainer.close() };
}

/** The same in PyTorch, in a process of its own that runs steps when it is told to. */
async function startPyTorch(python, count) {
  const sizes = ['--preset', preset, '--batch-size', batchSize, '--img-size', imageSize];
  const flags = [...sizes, '--threads', count, '--warmup', warmup, '--serve'];
  const peer = await startPython(python, 'pytorch_step.py', flags);
  return {
    name: `PyTorch ${peer.about.version ?? ''}, ${count} thread${count === 1 ? '' : 's'}`,
    run: (wanted) => peer.run('run', wanted),
    stop: peer.stop,
  };
}

const python = process.env.PYTHON ?? 'python3';
const hasPyTorch = spawnSync(python, ['-c', 'import torch, numpy']).status === 0;
const ours = await startOurs();
const peers = [];
if (hasPyTorch) for (const count of new Set([1, threads])) peers.push(await startPyTorch(python, count));

const sides = await alternate([ours, ...peers], { rounds, repeat: steps, warmup: Math.min(5, warmup) });
console.log(
  `${preset}'s step, ${imageSize} pixels, batch ${batchSize}: ms per step over ${rounds} alternating rounds of ${steps} steps`,
);
for (const { name, times } of sides) {
  const { median, low, high } = summary(times);
  console.log(
    `${name.padEnd(28)} median ${median.toFixed(2)}  p10 ${low.toFixed(2)}  p90 ${high.toFixed(2)}`,
  );
}
const peak = process.resourceUsage().maxRSS / 1024;
console.log(`peak memory of gan-onnx: ${peak.toFixed(0)} MB, of which the dataset is 47 MB`);
for (const { stop } of sides) await stop();
if (hasPyTorch) {
  const ratios = sides.slice(1).map((peer) => pairedRatio(sides[0], peer));
  console.log(`ratio to pytorch: ${Math.max(...ratios).toFixed(2)}`);
} else {
  console.log(`no ratio: ${python} has no PyTorch (set PYTHON to an interpreter that has torch and numpy)`);
}
