/**
 * Trains a small GAN on webgpu and on cpu from the same state and batches; prints how far they are apart, where the
 * nodes of the graphs ran, and whether anything grew.
 *
 *   node train.mjs <network> <steps> <graph>...
 */

import { buildStepGraph, GANS, GRAPH_TARGETS, initialState } from '../../dist/export/index.js';
import { drawNoise } from '../../dist/train/feed.js';
import { createResidentEngine, createSessionEngine } from '../../dist/train/index.js';
import { ORT_NODE } from '../../dist/train/ort-node.js';

const [network, steps, ...order] = process.argv.slice(2);
const BATCH = 16;
const image = [1, 8, 8];
const gan = GANS[network]({ image, latentSize: 8 });
const optimizer = {
  kind: 'adam',
  learningRate: { kind: 'constant', value: 5e-4 },
  b1: 0.5,
  b2: 0.999,
  eps: 1e-8,
};
const options = { gan, optimizer, generatorLoss: 'nonsaturating' };
const names = [...new Set(order)];
const state = initialState(gan, 'adam', 1);
const graphs = names.map((name) => buildStepGraph(name, { ...options, target: GRAPH_TARGETS.webgpu }));
const gpu = await createResidentEngine({ ort: ORT_NODE, provider: 'webgpu', graphs, state, image });
const cpu = await createSessionEngine({
  graphs: names.map((name) => buildStepGraph(name, options)),
  state,
  image,
  threads: 1,
});

let worstLoss = 0;
for (let step = 0; step < Number(steps); step++) {
  for (const [i, name] of order.entries()) {
    const run = step * order.length + i;
    const graph = graphs.find((candidate) => candidate.name === name);
    const noise = drawNoise(graph.noise, { run, batchSize: BATCH, size: BATCH, seed: 3 });
    const real = Uint8Array.from({ length: BATCH * 64 }, (_, k) => (k * 7919 + run * 31) % 256);
    const inputs = { batchSize: BATCH, noise, ...(graph.takesBatch ? { real } : {}) };
    // Losses come down every fifth step, a picture once.
    const wants = { generated: step === 2, metrics: step % 5 === 0 };
    const here = await gpu.run(name, inputs, wants);
    const there = await cpu.run(name, inputs, { generated: true });
    if (wants.metrics !== Object.keys(here.metrics).length > 0)
      throw new Error('metrics without being asked');
    for (const [metric, value] of Object.entries(here.metrics))
      worstLoss = Math.max(worstLoss, Math.abs(value / there.metrics[metric] - 1));
    if (wants.generated && here.generated.some((x, k) => Math.abs(x - there.generated[k]) > 1e-3))
      throw new Error('the pictures differ');
  }
}
const [found, expected] = [await gpu.readState(), await cpu.readState()];
const norm = (data) => Math.sqrt(data.reduce((sum, x) => sum + x * x, 0));
let worstParameter = 0;
for (const [name, { data }] of expected) {
  const layer = /^(generator|discriminator)\.(\d+)\.bias/.exec(name);
  // The gradient of a bias in front of BatchNorm is rounding noise.
  if (layer !== null && gan[layer[1]].layers[Number(layer[2]) + 1]?.kind === 'batchNorm') continue;
  if (name.endsWith('running_mean')) continue;
  const difference = Array.from(data, (x, i) => x - found.get(name).data[i]);
  worstParameter = Math.max(worstParameter, norm(difference) / (norm(data) || 1));
}
await gpu.close();
await cpu.close();
console.log(JSON.stringify({ worstLoss, worstParameter, tensors: found.size }));
