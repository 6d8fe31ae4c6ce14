/** Where a training step's time goes: ONNX Runtime's own profile of the step graph, by operator. */

import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as ort from 'onnxruntime-node';
import { buildStepGraph, ganState, initialState, nextName, widened } from '../dist/export/index.js';
import { drawNoise } from '../dist/train/feed.js';
import { configGan } from '../dist/train/index.js';
import { hostFeeds, stateTensor } from '../dist/train/ort.js';

const WARMUP = 10;
const RUNS = 30;

const median = (numbers) => numbers.sort((a, b) => a - b)[Math.floor(numbers.length / 2)];

/** Runs the joint step graph with profiling on, step after step; gives the path of the profile. */
async function profile(config, threads, folder) {
  // As the session engine has it on the CPU.
  const gan = widened(configGan(config));
  const graph = buildStepGraph('joint', { gan, optimizer: config.optimizer, generatorLoss: config.loss });
  const session = await ort.InferenceSession.create(graph.bytes, {
    intraOpNumThreads: threads,
    enableProfiling: true,
    profileFilePrefix: join(folder, 'step'),
  });
  const initial = initialState(gan, config.optimizer.kind, 0);
  const specs = ganState(gan, config.optimizer.kind);
  let state = Object.fromEntries(
    specs.map((spec) => [spec.name, stateTensor(ort, spec, initial.get(spec.name).data)]),
  );
  const { batchSize } = config;
  const real = Uint8Array.from(
    { length: batchSize * gan.image.reduce((a, b) => a * b, 1) },
    (_, i) => i % 251,
  );
  for (let run = 0; run < WARMUP + RUNS; run++) {
    const noise = drawNoise(graph.noise, { run, batchSize, size: batchSize, seed: 0 });
    const host = hostFeeds(ort, graph, { batchSize, noise, real }, gan.image);
    const read = Object.fromEntries(graph.reads.map(({ name }) => [name, state[name]]));
    const results = await session.run({ ...host, ...read });
    state = {
      ...state,
      ...Object.fromEntries(graph.writes.map(({ name }) => [name, results[nextName(name)]])),
    };
  }
  session.endProfiling();
  await session.release();
}

/**
 * @returns for each operator the median over steps of the milliseconds that its nodes take, most first, and how many there are;
 *   profiling itself adds some microseconds a node
 */
export async function measureBreakdown(config, threads) {
  const folder = await mkdtemp(join(tmpdir(), 'gan-onnx-profile-'));
  try {
    await profile(config, threads, folder);
    const [file] = await readdir(folder);
    const events = JSON.parse(await readFile(join(folder, file), 'utf8'));
    const byNode = new Map();
    for (const { cat, name, dur, args } of events) {
      if (cat !== 'Node' || !name.endsWith('_kernel_time')) continue;
      const node = byNode.get(name) ?? { op: args.op_name, times: [] };
      node.times.push(dur / 1e3);
      byNode.set(name, node);
    }
    const byOperator = new Map();
    for (const { op, times } of byNode.values()) {
      const { ms, nodes } = byOperator.get(op) ?? { ms: 0, nodes: 0 };
      byOperator.set(op, { ms: ms + median(times.slice(WARMUP)), nodes: nodes + 1 });
    }
    return [...byOperator].map(([op, found]) => ({ op, ...found })).sort((a, b) => b.ms - a.ms);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
