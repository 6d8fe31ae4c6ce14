/** The sides of a bench of training steps: this project's engines, PyTorch, and JavaScript libraries, each run on demand. */

import { spawn, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { callLength } from '../dist/train/call-length.js';
import { chooseEngine, createTrainer, DEFAULT_CONFIG, openDataset, PRESETS } from '../dist/train/index.js';
import { peerProcess, startPython } from './rounds.mjs';

const path = (name) => fileURLToPath(new URL(name, import.meta.url));

/** The configuration of a preset on the embedded digits, with what is given in its place. */
export function benchConfig(preset, given = {}) {
  const known = Object.entries(given).filter(([, value]) => value !== undefined);
  return { ...DEFAULT_CONFIG, ...PRESETS[preset].settings, dataset: 'digits', ...Object.fromEntries(known) };
}

const datasets = new Map();

/** The digits in a size; drawn once. */
export function digits(imageSize) {
  if (!datasets.has(imageSize)) datasets.set(imageSize, openDataset('digits', { imageSize, channels: 1 }));
  return datasets.get(imageSize);
}

/**
 * This project: the whole of a step, drawing of batch and latents included, in calls as long as `gan-onnx train` makes them.
 *
 * @param stepsPerCall steps in a call, in the place of what the engine likes
 */
export async function startOurs(config, { engine = 'session', threads, stepsPerCall, dataset, warmup = 30 }) {
  const settings = { threads, ...(stepsPerCall === undefined ? {} : { stepsPerCall }) };
  const { create, target, calls } = chooseEngine(engine, config.optimizer, settings);
  const data = dataset ?? (await digits(config.imageSize));
  const trainer = await createTrainer({ config, dataset: data, engine: create, target });
  const length = callLength(calls);
  const run = async (count) => {
    const times = [];
    while (times.length < count) {
      const began = performance.now();
      const reports = await trainer.steps(length.steps);
      const ms = performance.now() - began;
      length.learn(reports.length, ms);
      times.push(...reports.map(() => ms / reports.length));
    }
    return times;
  };
  await run(warmup);
  return { name: `gan-onnx, ${engine}`, run, stop: () => trainer.close() };
}

/** Interpreter with PyTorch: PYTHON, by default python3; undefined where it has none. */
export function findPyTorch() {
  const python = process.env.PYTHON ?? 'python3';
  return spawnSync(python, ['-c', 'import torch, numpy']).status === 0 ? python : undefined;
}

/** The same step in PyTorch, in a process of its own. */
export async function startPyTorch(
  python,
  preset,
  { batchSize, imageSize, threads, warmup, compile = false },
) {
  const sizes = ['--preset', preset, '--batch-size', batchSize, '--img-size', imageSize];
  const flags = [
    ...sizes,
    '--threads',
    threads,
    '--warmup',
    warmup,
    '--serve',
    ...(compile ? ['--compile'] : []),
  ];
  const peer = await startPython(python, 'pytorch_step.py', flags);
  const kind = compile ? 'compiled' : 'eager';
  return {
    name: `PyTorch ${peer.about.version ?? ''} ${kind}, ${threads} thread${threads === 1 ? '' : 's'}`,
    run: (wanted) => peer.run('run', wanted),
    stop: peer.stop,
  };
}

/** Installs the JavaScript peers into their own folder; false where that is not possible. */
export function installPeers() {
  const flags = ['ci', '--ignore-scripts', '--silent', '--no-audit', '--no-fund'];
  return spawnSync('npm', flags, { cwd: path('peers/'), stdio: 'ignore' }).status === 0;
}

/** gan.py's step in a JavaScript library (`jax-js` or `tfjs`) on WASM, in a process of its own. */
export async function startLibrary(library, { batchSize, threads }) {
  const flags = [path('peers/serve.mjs'), library, String(batchSize), String(threads)];
  const peer = await peerProcess(
    spawn(process.execPath, flags, { stdio: ['pipe', 'pipe', 'inherit'] }),
    library,
  );
  return { name: `${library}, WASM`, run: (count) => peer.run('run', count), stop: peer.stop };
}
