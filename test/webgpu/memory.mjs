/**
 * Trains a tiny GAN on webgpu for many steps; prints the process's memory and the number of live GPU tensors on the way.
 *
 *   node memory.mjs <steps>
 */

import { buildStepGraph, GRAPH_TARGETS, initialState } from '../../dist/export/index.js';
import { drawNoise } from '../../dist/train/feed.js';
import { createResidentEngine } from '../../dist/train/index.js';
import { ORT_NODE } from '../../dist/train/ort-node.js';

const steps = Number(process.argv[2] ?? 5000);
const image = [1, 4, 4];
const gan = {
  name: 'tiny',
  latent: { size: 4, distribution: { kind: 'normal' } },
  image,
  range: [-1, 1],
  generator: { name: 'generator', inputs: 4, layers: [{ kind: 'linear', units: 16 }, { kind: 'tanh' }] },
  discriminator: { name: 'discriminator', inputs: 16, layers: [{ kind: 'linear', units: 1 }] },
};
const constant = (value) => ({ kind: 'constant', value });
const optimizer = { kind: 'sgd', learningRate: constant(0.01), momentum: constant(0.5) };
const options = { gan, optimizer, generatorLoss: 'nonsaturating', target: GRAPH_TARGETS.webgpu };
const graph = buildStepGraph('joint', options);

/** Counts the GPU tensors that sessions gave out and nobody has disposed of. */
let live = 0;
const counted = (tensor) => {
  if (tensor.location !== 'gpu-buffer') return;
  live += 1;
  const { dispose } = tensor;
  tensor.dispose = () => {
    live -= 1;
    dispose.call(tensor);
  };
};
const ort = {
  Tensor: ORT_NODE.Tensor,
  InferenceSession: {
    async create(...args) {
      const session = await ORT_NODE.InferenceSession.create(...args);
      const { run } = session;
      session.run = async (...feeds) => {
        const results = await run.apply(session, feeds);
        for (const tensor of Object.values(results)) counted(tensor);
        return results;
      };
      return session;
    },
  },
};

const state = initialState(gan, 'sgd', 1);
const engine = await createResidentEngine({ ort, provider: 'webgpu', graphs: [graph], state, image });
const report = [];
for (let step = 0; step < steps; step++) {
  const noise = drawNoise(graph.noise, { run: step, batchSize: 4, size: 4, seed: 1 });
  const real = new Uint8Array(4 * 16).fill(step % 256);
  await engine.run('joint', { batchSize: 4, noise, real }, { generated: false, metrics: step % 20 === 0 });
  if ((step + 1) % Math.ceil(steps / 10) === 0) {
    const rss = Math.round(process.memoryUsage().rss / 2 ** 20);
    console.log(`after ${step + 1} steps: ${rss} MB, ${live} live GPU tensors`);
    report.push({ step: step + 1, rss, live });
  }
}
await engine.close();
console.log(JSON.stringify({ report, after: live, stateTensors: state.size }));
