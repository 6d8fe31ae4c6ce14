/**
 * The table of training steps: this project's beside PyTorch, TensorFlow.js and jax-js on the same step, in alternating
 * rounds, and beside the machine's floor. It ends with one line a ratio: `ratio {...}`, JSON after the first word; below 1
 * this project is faster.
 *
 *   npm run bench -- [--threads 2] [--rounds 8] [--only gan.py] [--sweep]
 *
 * --sweep adds how cost grows: ms against batch size, parameters and dataset size, and memory against steps. PYTHON names
 * the interpreter with PyTorch (default: python3); without it, and without the npm registry for the JavaScript peers
 * (bench/peers), those rows are left out, with a word. PyTorch is eager, with one and with --threads threads, of which the one
 * that is harder to beat counts, and compiled where that works.
 */

import { parseArgs } from 'node:util';
import { ganState } from '../dist/export/index.js';
import { firstImages } from '../dist/train/data/first-images.js';
import { configGan } from '../dist/train/index.js';
import { measureBreakdown } from './breakdown.mjs';
import { startFloor } from './floor.mjs';
import { alternate, pairedRatio, summary } from './rounds.mjs';
import {
  benchConfig,
  digits,
  findPyTorch,
  installPeers,
  startLibrary,
  startOurs,
  startPyTorch,
} from './sides.mjs';

const { values } = parseArgs({
  options: {
    threads: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '8' },
    only: { type: 'string' },
    sweep: { type: 'boolean', default: false },
  },
});
const [threads, rounds] = [Number(values.threads), Number(values.rounds)];

/** What is timed: steps in a round, and which peers there are beside PyTorch. */
const CASES = [
  {
    name: 'gan.py',
    preset: 'pytorch-gan',
    batchSize: 64,
    steps: 16,
    floor: true,
    engines: true,
    libraries: true,
  },
  { name: 'gan.py', preset: 'pytorch-gan', batchSize: 256, steps: 8, floor: true },
  { name: 'goodfellow-mnist', preset: 'goodfellow-mnist', batchSize: 100, steps: 8 },
  { name: 'dcgan', preset: 'dcgan', batchSize: 64, imageSize: 28, steps: 2, warmup: 3 },
  { name: 'dcgan', preset: 'dcgan', batchSize: 64, imageSize: 32, steps: 2, warmup: 3 },
];
/** Sizes of the sweep. */
const BATCHES = [16, 64, 256, 1024];
const IMAGE_SIZES = [14, 28, 56];
const IMAGE_COUNTS = [1000, 10_000, 60_000];
const MEMORY_STEPS = [100, 500, 1000, 2000];

const ratios = [];
const ratio = (of, to, value) => ratios.push({ ...of, to, value: Number(value.toFixed(3)) });

/** A side that cannot be had is left out. */
async function orNone(label, start) {
  try {
    return [await start()];
  } catch (error) {
    console.log(`  ${label} left out: ${error.message.split('\n', 1)[0]}`);
    return [];
  }
}

const python = findPyTorch();
if (python === undefined) console.log('no PyTorch: set PYTHON to an interpreter that has torch and numpy');
const hasLibraries = installPeers();
if (!hasLibraries) console.log('no JavaScript peers: npm ci in bench/peers failed');

async function timeCase({ name, preset, steps, warmup = 20, engines, libraries, floor, ...given }) {
  const config = benchConfig(preset, given);
  const { batchSize, imageSize } = config;
  console.log(`\n${name}, batch ${batchSize}, ${imageSize} pixels, ${threads} threads: ms a step`);
  const ours = await startOurs(config, { threads, warmup });
  const peers = [];
  if (python !== undefined) {
    const common = { batchSize, imageSize, warmup };
    for (const count of new Set([1, threads])) {
      const eager = await startPyTorch(python, preset, { ...common, threads: count });
      peers.push({ ...eager, group: 'pytorch eager' });
    }
    const compiled = await orNone('PyTorch compiled', () =>
      startPyTorch(python, preset, { ...common, threads, compile: true }),
    );
    peers.push(...compiled.map((side) => ({ ...side, group: 'pytorch compiled' })));
  }
  if (engines) {
    const api = await startOurs(config, { threads, warmup: 3, engine: 'training-api' });
    peers.push({ ...api, group: 'training-api', slow: true });
  }
  if (libraries && hasLibraries) {
    for (const library of ['jax-js', 'tfjs']) {
      const side = await orNone(library, () => startLibrary(library, { batchSize, threads }));
      peers.push(...side.map((one) => ({ ...one, group: library, slow: true })));
    }
  }
  if (floor) peers.push({ ...(await startFloor(config, threads)), group: 'floor' });
  // What takes a second a step is not repeated as often.
  const gently = peers.map(({ slow, run, ...peer }) => ({
    ...peer,
    run: (count) => run(slow ? Math.min(count, 2) : count),
  }));
  const sides = await alternate([ours, ...gently], { rounds, repeat: steps, warmup: Math.min(5, warmup) });
  for (const side of sides) {
    const { median, low, high } = summary(side.times);
    const beside = side === sides[0] ? '' : `  ratio ${pairedRatio(sides[0], side).toFixed(2)}`;
    console.log(
      `  ${side.name.padEnd(34)} ${median.toFixed(2).padStart(9)}  (p10 ${low.toFixed(2)}, p90 ${high.toFixed(2)})${beside}`,
    );
  }
  const { gflop, megabytes, rate, copy } = sides.at(-1).about?.() ?? {};
  if (floor) {
    console.log(
      `    ${gflop.toFixed(2)} GFLOP at ${rate.toFixed(0)} GFLOP/s, ${megabytes.toFixed(0)} MB at ${copy.toFixed(1)} GB/s`,
    );
  }
  const groups = groupBy(sides.slice(1));
  const of = { of: name, batch: batchSize, pixels: imageSize };
  for (const [group, members] of groups)
    ratio(of, group, Math.max(...members.map((side) => pairedRatio(sides[0], side))));
  for (const { stop } of sides) await stop();
  if (floor) await tellBreakdown(config);
}

/** Prints where our step's time goes. */
async function tellBreakdown(config) {
  const operators = await measureBreakdown(config, threads);
  const total = operators.reduce((sum, { ms }) => sum + ms, 0);
  console.log(`  by operator, as ONNX Runtime profiles a single step: ${total.toFixed(2)} ms`);
  for (const { op, ms, nodes } of operators.filter((one) => one.ms >= 0.01 * total)) {
    console.log(
      `    ${op.padEnd(32)} ${ms.toFixed(2).padStart(9)}  ${((100 * ms) / total).toFixed(0).padStart(3)} %, ${nodes} nodes`,
    );
  }
}

function groupBy(sides) {
  const groups = new Map();
  for (const side of sides) groups.set(side.group, [...(groups.get(side.group) ?? []), side]);
  return groups;
}

/** Median ms of our own step. */
async function timeOurs(config, { steps = 30, warmup = 20, dataset } = {}) {
  const side = await startOurs(config, { threads, warmup, dataset });
  const { median } = summary(await side.run(steps));
  await side.stop();
  return median;
}

function parameterCount(config) {
  return ganState(configGan(config), config.optimizer.kind)
    .filter(({ role }) => role === 'parameter')
    .reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
}

async function sweep() {
  console.log("\nHow gan.py's step grows (gan-onnx)");
  for (const batchSize of BATCHES) {
    const ms = await timeOurs(benchConfig('pytorch-gan', { batchSize }));
    console.log(
      `  batch ${String(batchSize).padStart(5)}: ${ms.toFixed(2)} ms, ${((1e3 * ms) / batchSize).toFixed(0)} us an image`,
    );
  }
  for (const imageSize of IMAGE_SIZES) {
    const config = benchConfig('pytorch-gan', { imageSize });
    const ms = await timeOurs(config);
    const millions = parameterCount(config) / 1e6;
    console.log(`  ${imageSize} pixels, ${millions.toFixed(2)} million parameters: ${ms.toFixed(2)} ms`);
  }
  for (const count of IMAGE_COUNTS) {
    const dataset = firstImages(await digits(28), count);
    const ms = await timeOurs(benchConfig('pytorch-gan'), { dataset });
    console.log(`  ${count} images: ${ms.toFixed(2)} ms`);
  }
  const side = await startOurs(benchConfig('pytorch-gan'), { threads });
  let done = 30;
  for (const until of MEMORY_STEPS) {
    await side.run(until - done);
    done = until;
    console.log(`  after ${done} steps: ${(process.memoryUsage.rss() / 2 ** 20).toFixed(0)} MiB resident`);
  }
  await side.stop();
}

for (const one of CASES) if (values.only === undefined || one.name === values.only) await timeCase(one);
if (values.sweep) await sweep();
console.log();
for (const line of ratios) console.log(`ratio ${JSON.stringify(line)}`);
