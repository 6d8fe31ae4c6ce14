/**
 * Times one preset's training step (gan.py's by default) of this project and, where Python with PyTorch is present, of the
 * same in PyTorch on the CPU, in short alternating rounds. The last line is the ratio: the median over rounds of our time by
 * PyTorch's in the same round, so that a machine whose speed drifts slows both sides alike.
 *
 *   npm run bench:step -- [--preset goodfellow-mnist] [--batch-size 64] [--img-size 28] [--threads 2] [--rounds 30]
 *     [--steps 20] [--warmup 30] [--steps-per-call 1]
 *
 * PYTHON names the interpreter (default: python3). PyTorch runs with 1 and with --threads threads, and the setting that
 * is harder to beat counts. Steps per call are those of `gan-onnx train` unless they are given.
 */

import { parseArgs } from 'node:util';
import { alternate, pairedRatio, summary } from './rounds.mjs';
import { benchConfig, findPyTorch, startOurs, startPyTorch } from './sides.mjs';

const { values } = parseArgs({
  options: {
    preset: { type: 'string', default: 'pytorch-gan' },
    'batch-size': { type: 'string' },
    'img-size': { type: 'string' },
    warmup: { type: 'string', default: '30' },
    'steps-per-call': { type: 'string' },
    threads: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '30' },
    steps: { type: 'string', default: '20' },
  },
});
const number = (text) => (text === undefined ? undefined : Number(text));
const [threads, rounds, steps, warmup] = ['threads', 'rounds', 'steps', 'warmup'].map((name) =>
  Number(values[name]),
);
const { preset } = values;
const config = benchConfig(preset, {
  batchSize: number(values['batch-size']),
  imageSize: number(values['img-size']),
});
const { batchSize, imageSize } = config;

const ours = await startOurs(config, { threads, warmup, stepsPerCall: number(values['steps-per-call']) });
const python = findPyTorch();
const peers = [];
if (python !== undefined)
  for (const count of new Set([1, threads]))
    peers.push(await startPyTorch(python, preset, { batchSize, imageSize, threads: count, warmup }));

const sides = await alternate([ours, ...peers], { rounds, repeat: steps, warmup: Math.min(5, warmup) });
console.log(
  `${preset}'s step, ${imageSize} pixels, batch ${batchSize}, ${threads} threads: ms per step over ${rounds} alternating rounds of ${steps} steps`,
);
for (const { name, times } of sides) {
  const { median, low, high } = summary(times);
  console.log(
    `${name.padEnd(34)} median ${median.toFixed(2)}  p10 ${low.toFixed(2)}  p90 ${high.toFixed(2)}`,
  );
}
const peak = process.resourceUsage().maxRSS / 1024;
console.log(`peak memory of gan-onnx: ${peak.toFixed(0)} MB, of which the dataset is 47 MB`);
for (const { stop } of sides) await stop();
if (python !== undefined) {
  const ratios = sides.slice(1).map((peer) => pairedRatio(sides[0], peer));
  console.log(`ratio to pytorch: ${Math.max(...ratios).toFixed(2)}`);
} else {
  console.log('no ratio: no Python with PyTorch (set PYTHON to an interpreter that has torch and numpy)');
}
