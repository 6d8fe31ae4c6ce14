/**
 * Times training on one and on two ranks with one thread each, and from the measured terms computes how it would scale to
 * more machines. CPU time is given beside wall-clock time: on a busy machine it says more.
 *
 *   npm run bench:parallel -- [--batch-size 256] [--rounds 5] [--steps 10] [--mpirun mpiexec.hydra]
 */

import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { alone } from '../dist/parallel/communicator.js';
import { launchOf } from '../dist/parallel/launcher.js';
import { shareOf } from '../dist/parallel/shard.js';
import { DEFAULT_CONFIG } from '../dist/train/config.js';
import { openDataset } from '../dist/train/data/index.js';
import { createParallelEngine } from '../dist/train/parallel-engine.js';
import { PRESETS } from '../dist/train/presets.js';
import { createSessionEngine } from '../dist/train/session-engine.js';
import { createTrainer } from '../dist/train/trainer.js';

const { values } = parseArgs({
  options: {
    'batch-size': { type: 'string', default: '256' },
    rounds: { type: 'string', default: '5' },
    steps: { type: 'string', default: '10' },
    mpirun: { type: 'string', default: 'mpiexec.hydra' },
    /** What a process that this one starts does. */
    worker: { type: 'string' },
    preset: { type: 'string', default: 'pytorch-gan' },
  },
});
const [batchSize, rounds, steps] = ['batch-size', 'rounds', 'steps'].map((name) => Number(values[name]));
const WARMUP = 3;
const NETWORKS = ['goodfellow-mnist', 'pytorch-gan'];
/** Sums measured alone, after all ranks have met. */
const SUMS = 20;

const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];

/** A group that notes how long its sums take, and how many numbers they have. */
function timed(group) {
  const sums = [];
  const { rank, size, library } = group;
  return {
    sums,
    group: {
      ...{ rank, size, library },
      async sum(array) {
        const began = performance.now();
        await group.sum(array);
        sums.push({ ms: performance.now() - began, length: array.length });
      },
      broadcast: (bytes) => group.broadcast(bytes),
      gather: (bytes) => group.gather(bytes),
      barrier: () => group.barrier(),
    },
  };
}

/** One process: trains, and rank 0 prints what it measured. */
async function work(kind) {
  const launch = launchOf();
  const joined =
    launch === undefined ? alone() : await (await import('../dist/parallel/mpi.js')).joinMpi(launch);
  const { group, sums } = timed(joined);
  const config = { ...DEFAULT_CONFIG, ...PRESETS[values.preset].settings, dataset: 'digits', batchSize };
  const dataset = await openDataset('digits', { imageSize: 28, channels: 1 });
  const engine = kind === 'fused' ? createSessionEngine : createParallelEngine;
  const trainer = await createTrainer({
    config,
    dataset,
    engine: (request) => engine({ ...request, group, threads: 1 }),
    share: (size) => shareOf(size, group, 2),
  });
  for (let i = 0; i < WARMUP; i++) await trainer.step();
  sums.length = 0;
  const [walls, cpus] = [[], []];
  for (let i = 0; i < steps; i++) {
    const [began, cpu] = [performance.now(), process.cpuUsage()];
    await trainer.step();
    walls.push(performance.now() - began);
    const { user, system } = process.cpuUsage(cpu);
    cpus.push((user + system) / 1000);
  }
  const inStep = sums.map(({ ms }) => ms);
  const length = sums[0]?.length ?? 0;
  const alones = [];
  const array = new Float32Array(length);
  for (let i = 0; i < SUMS && length > 0; i++) {
    await group.barrier();
    const began = performance.now();
    await joined.sum(array);
    alones.push(performance.now() - began);
  }
  await trainer.close();
  await joined.finalize();
  if (group.rank > 0) return;
  const found = { wall: median(walls), cpu: median(cpus), library: joined.library, numbers: length };
  const sum = length === 0 ? {} : { inStep: median(inStep), sum: median(alones), best: Math.min(...alones) };
  console.log(JSON.stringify({ ...found, ...sum }));
}

function start(ranks, kind, preset, batch) {
  const own = [fileURLToPath(import.meta.url), '--worker', kind, '--preset', preset];
  const args = [...own, '--batch-size', String(batch), '--steps', String(steps)];
  const command = [process.execPath, ...args];
  const [program, ...rest] = ranks === 1 ? command : [values.mpirun, '-n', String(ranks), ...command];
  return JSON.parse(execFileSync(program, rest, { encoding: 'utf8' }).trim().split('\n').at(-1));
}

/** a + c b through measured times at several batch sizes, by least squares. */
function leastSquares(points) {
  const mean = (of) => points.reduce((sum, point) => sum + of(point), 0) / points.length;
  const [x, y] = [mean(([b]) => b), mean(([, t]) => t)];
  const c = mean(([b, t]) => (b - x) * (t - y)) / mean(([b]) => (b - x) ** 2);
  return { a: y - c * x, c };
}

const LINKS = { '10 Gbit/s': 10e9 / 8, '100 Gbit/s': 100e9 / 8 };
/** Seconds of one message over TCP. */
const LATENCY = 50e-6;
/** The part of a link's rate that TCP delivers. */
const DELIVERED = 0.9;

/** ms of an all-reduce of `bytes` over p machines: reduce-scatter and all-gather, 2 (p - 1) / p of the bytes. */
function reduceMs(bytes, p, link) {
  if (p === 1) return 0;
  return 1000 * ((2 * (p - 1) * bytes) / (p * link * DELIVERED) + 2 * Math.ceil(Math.log2(p)) * LATENCY);
}

function predict({ a, c }, bytes) {
  for (const [name, link] of Object.entries(LINKS)) {
    for (const p of [2, 4, 8, 16, 32, 64]) {
      const r = reduceMs(bytes, p, link);
      const strong = a + (c * batchSize) / p + r;
      const weak = a + c * batchSize + r;
      const [whole] = [a + c * batchSize];
      console.log(
        `  ${name.padEnd(11)} ${String(p).padStart(2)} machines: all-reduce ${r.toFixed(1)} ms; batch ${batchSize} in all: ` +
          `${strong.toFixed(1)} ms a step, speed-up ${(whole / strong).toFixed(2)}; ${batchSize} each: efficiency ${((100 * whole) / weak).toFixed(0)} %`,
      );
    }
  }
}

if (values.worker !== undefined) await work(values.worker);
else {
  for (const preset of NETWORKS) {
    const kinds = [
      ['1 rank, one graph', 1, 'fused', batchSize],
      ['1 rank, two graphs', 1, 'split', batchSize],
      ['1 rank, half the batch', 1, 'split', batchSize / 2],
      ['1 rank, a quarter', 1, 'split', batchSize / 4],
      ['2 ranks', 2, 'split', batchSize],
    ];
    const found = kinds.map(() => []);
    for (let round = 0; round < rounds; round++) {
      for (const [i, [, ranks, kind, batch]] of kinds.entries())
        found[i].push(start(ranks, kind, preset, batch));
    }
    const of = (i, name) => median(found[i].map(({ [name]: value }) => value));
    const bytes = 4 * of(4, 'numbers');
    console.log(`${preset}, batch ${batchSize} in all, one thread a rank, ${found[4][0].library}`);
    for (const [i, [name]] of kinds.entries()) {
      console.log(
        `  ${name.padEnd(24)} ${of(i, 'wall').toFixed(1)} ms a step, ${of(i, 'cpu').toFixed(1)} ms of CPU time`,
      );
    }
    const efficiency = median(found[4].map(({ wall }, round) => found[0][round].wall / (2 * wall)));
    const fromCpu = median(found[4].map(({ cpu }, round) => found[0][round].cpu / (2 * cpu)));
    console.log(
      `  efficiency of 2 ranks: ${(100 * efficiency).toFixed(0)} % (by CPU time ${(100 * fromCpu).toFixed(0)} %)`,
    );
    console.log(
      `  all-reduce: ${of(4, 'inStep').toFixed(1)} ms in a step with waiting, ${of(4, 'sum').toFixed(1)} ms alone (best ${of(4, 'best').toFixed(1)}); ` +
        `each of 2 ranks sends ${bytes.toLocaleString('en')} bytes a step`,
    );
    const terms = leastSquares([1, 2, 3].map((i) => [kinds[i][3], of(i, 'cpu')]));
    console.log(
      `  a step of b samples on one rank: ${terms.a.toFixed(2)} + ${terms.c.toFixed(4)} b ms of CPU time; so, on paper:`,
    );
    predict(terms, bytes);
  }
}
