/**
 * Times gan.py's training step of this project and, where Python with PyTorch is present, of gan.py in PyTorch on the
 * CPU, in short alternating rounds. The last line is the ratio: the median over rounds of our time by PyTorch's in the
 * same round, so that a machine whose speed drifts slows both sides alike.
 *
 *   npm run bench -- [--batch-size 64] [--threads 2] [--rounds 30] [--steps 20]
 *
 * PYTHON names the interpreter (default: python3). PyTorch runs with 1 and with --threads threads, and the setting that
 * is harder to beat counts.
 */

import { spawn, spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createSessionEngine, createTrainer, DEFAULT_CONFIG, openDataset } from '../dist/train/index.js';

const WARMUP = 30;
/** Worker threads of both sides spin for a while when they run out of work; a pause keeps them off each other. */
const PAUSE_MS = 100;

const { values } = parseArgs({
  options: {
    'batch-size': { type: 'string', default: '64' },
    threads: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '30' },
    steps: { type: 'string', default: '20' },
  },
});
const [batchSize, threads, rounds, steps] = ['batch-size', 'threads', 'rounds', 'steps'].map((name) =>
  Number(values[name]),
);

const quantile = (sorted, q) => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];
const summary = (times) => {
  const sorted = [...times].sort((a, b) => a - b);
  return { median: quantile(sorted, 0.5), low: quantile(sorted, 0.1), high: quantile(sorted, 0.9) };
};

/** This project: the whole of one step, drawing of batch and latents included. */
async function startOurs() {
  const dataset = await openDataset('digits', { imageSize: 28, channels: 1 });
  const trainer = await createTrainer({
    config: { ...DEFAULT_CONFIG, batchSize },
    dataset,
    engine: (options) => createSessionEngine({ ...options, threads }),
  });
  const run = async (count) => {
    const times = [];
    for (let i = 0; i < count; i++) {
      const began = performance.now();
      await trainer.step();
      times.push(performance.now() - began);
    }
    return times;
  };
  await run(WARMUP);
  return { name: `gan-onnx, ${threads} threads`, run, stop: () => trainer.close() };
}

/** gan.py in PyTorch, in a process of its own that runs steps when it is told to. */
async function startPyTorch(python, count) {
  const script = fileURLToPath(new URL('pytorch_step.py', import.meta.url));
  const flags = ['--batch-size', batchSize, '--threads', count, '--warmup', WARMUP, '--serve'].map(String);
  const child = spawn(python, [script, ...flags], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const read = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error('pytorch_step.py ended early');
    return JSON.parse(value);
  };
  const { version } = await read();
  return {
    name: `PyTorch ${version ?? ''}, ${count} thread${count === 1 ? '' : 's'}`,
    run: async (wanted) => {
      child.stdin.write(`run ${wanted}\n`);
      return (await read()).ms;
    },
    stop: () => child.stdin.end('quit\n'),
  };
}

const python = process.env.PYTHON ?? 'python3';
const hasPyTorch = spawnSync(python, ['-c', 'import torch, numpy']).status === 0;
const ours = await startOurs();
const peers = [];
if (hasPyTorch) for (const count of new Set([1, threads])) peers.push(await startPyTorch(python, count));

const sides = [ours, ...peers].map((side) => ({ ...side, times: [], rounds: [] }));
for (let round = 0; round < rounds; round++) {
  for (const side of sides) {
    await sleep(PAUSE_MS);
    await side.run(5);
    const times = await side.run(steps);
    side.times.push(...times);
    side.rounds.push(summary(times).median);
  }
}
console.log(
  `gan.py's step, batch ${batchSize}: ms per step over ${rounds} alternating rounds of ${steps} steps`,
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
  const ratios = sides.slice(1).map((peer) => {
    const pairs = sides[0].rounds.map((ms, round) => ms / peer.rounds[round]);
    return summary(pairs).median;
  });
  console.log(`ratio to pytorch: ${Math.max(...ratios).toFixed(2)}`);
} else {
  console.log(`no ratio: ${python} has no PyTorch (set PYTHON to an interpreter that has torch and numpy)`);
}
