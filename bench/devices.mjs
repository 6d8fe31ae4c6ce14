/**
 * Times gan.py's training step and sampling on every device that works here, and, where Python has PyTorch and a CUDA
 * GPU, the same step in PyTorch eager and as a CUDA graph, in the same run. The last lines are ratios to PyTorch.
 *
 *   npm run bench:devices -- [--batch-sizes 64,1024] [--counts 1,64,4096] [--steps 200] [--devices cpu,webgpu]
 *
 * PYTHON names the interpreter (default: python3). Losses are read every 10 steps on both sides.
 */

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { buildGeneratorModel, initialState } from '../dist/export/index.js';
import {
  chooseEngine,
  configGan,
  createTrainer,
  DEFAULT_CONFIG,
  DEVICES,
  openDataset,
} from '../dist/train/index.js';

const { values } = parseArgs({
  options: {
    'batch-sizes': { type: 'string', default: '64,1024' },
    counts: { type: 'string', default: '1,64,4096' },
    steps: { type: 'string', default: '200' },
    devices: { type: 'string', default: Object.keys(DEVICES).join(',') },
  },
});
const numbers = (text) => text.split(',').map(Number);
const steps = Number(values.steps);
const LOG_INTERVAL = 10;
const WARMUP = 2 * LOG_INTERVAL;

const summary = (times) => {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (q) => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];
  return { median: at(0.5), low: at(0.1), high: at(0.9) };
};
const show = ({ median, low, high }) =>
  `median ${median.toFixed(2)} ms  p10 ${low.toFixed(2)}  p90 ${high.toFixed(2)}`;

const dataset = await openDataset('digits', { imageSize: 28, channels: 1 });

/** Milliseconds of a step on a device, each the mean over the steps between two readings of the losses. */
async function timeSteps(device, batchSize) {
  const config = { ...DEFAULT_CONFIG, batchSize };
  const { create, target } = chooseEngine('session', config.optimizer, { device });
  const trainer = await createTrainer({ config, dataset, engine: create, target });
  const round = async () => {
    const began = performance.now();
    for (let i = 1; i <= LOG_INTERVAL; i++)
      await trainer.step({ generated: false, metrics: i === LOG_INTERVAL });
    return (performance.now() - began) / LOG_INTERVAL;
  };
  for (let i = 0; i < WARMUP / LOG_INTERVAL; i++) await round();
  const times = [];
  for (let i = 0; i < steps / LOG_INTERVAL; i++) times.push(await round());
  await trainer.close();
  return summary(times);
}

/** Milliseconds of one run of gan.py's generator for `count` samples, images in JavaScript's memory. */
async function timeSamples(device, count) {
  const gan = configGan(DEFAULT_CONFIG);
  const origin = { dataset: 'none', step: 0, version: 'bench' };
  const bytes = buildGeneratorModel(gan, initialState(gan, 'adam', 1), origin);
  const session = await InferenceSession.create(bytes, { executionProviders: [device], logSeverityLevel: 4 });
  const z = new Tensor('float32', new Float32Array(count * 100).fill(0.1), [count, 100]);
  const times = [];
  for (let i = 0; i < 25; i++) {
    const began = performance.now();
    await session.run({ z });
    if (i >= 5) times.push(performance.now() - began);
  }
  await session.release();
  return summary(times);
}

/** PyTorch's step on a CUDA GPU, or undefined where there is none. */
function timePyTorch(batchSize, graph) {
  const script = fileURLToPath(new URL('pytorch_gpu_step.py', import.meta.url));
  const flags = ['--batch-size', batchSize, '--steps', 2 * steps, ...(graph ? ['--graph'] : [])].map(String);
  const { status, stdout, stderr } = spawnSync(python, [script, ...flags], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`pytorch_gpu_step.py: ${stderr}`);
  return JSON.parse(stdout);
}

const python = process.env.PYTHON ?? 'python3';
const probe = 'import torch, numpy, sys; sys.exit(0 if torch.cuda.is_available() else 1)';
const hasGpu = spawnSync(python, ['-c', probe]).status === 0;
const ratios = [];
for (const batchSize of numbers(values['batch-sizes'])) {
  console.log(`gan.py's step, batch ${batchSize}, losses read every ${LOG_INTERVAL} steps`);
  const ours = new Map();
  for (const device of values.devices.split(',')) {
    const found = await timeSteps(device, batchSize).catch((error) => error.message);
    console.log(`  gan-onnx ${device.padEnd(14)} ${typeof found === 'string' ? found : show(found)}`);
    if (typeof found !== 'string') ours.set(device, found.median);
  }
  for (const graph of hasGpu ? [false, true] : []) {
    const peer = graph ? 'CUDA graph' : 'eager';
    const found = timePyTorch(batchSize, graph);
    console.log(`  PyTorch ${peer.padEnd(15)} ${show(found)} (${found.version}, ${found.device})`);
    for (const [device, median] of ours)
      ratios.push(
        `ratio of ${device} to PyTorch ${peer}, batch ${batchSize}: ${(median / found.median).toFixed(2)}`,
      );
  }
}
for (const count of numbers(values.counts)) {
  for (const device of values.devices.split(',')) {
    const found = await timeSamples(device, count).catch((error) => error.message.split('\n', 1)[0]);
    const text =
      typeof found === 'string'
        ? found
        : `${show(found)}, ${((found.median / count) * 1000).toFixed(1)} us a sample`;
    console.log(`${count} samples on ${device.padEnd(8)} ${text}`);
  }
}
console.log(hasGpu ? ratios.join('\n') : `no ratio: ${python} has no PyTorch with a CUDA GPU`);
