/** Opens every step graph on webgpu, at full size; prints the nodes that would run elsewhere. */

import { InferenceSession } from 'onnxruntime-node';
import { buildStepGraph, GANS, GRAPH_TARGETS } from '../../dist/export/index.js';
import { placementOf } from '../../dist/train/device-probe.js';
import { DEFAULT_CONFIG } from '../../dist/train/index.js';

const constant = (value) => ({ kind: 'constant', value });
const OPTIMIZERS = {
  adam: {
    kind: 'adam',
    learningRate: { kind: 'exponential', initial: 2e-4, factor: 0.999, minimum: 1e-6 },
    b1: 0.5,
    b2: 0.999,
    eps: 1e-8,
  },
  sgd: {
    kind: 'sgd',
    learningRate: constant(0.1),
    momentum: { kind: 'linearByEpoch', from: 0.5, to: 0.7, epochs: 9, epochSteps: 100 },
  },
};

const found = {};
for (const network of Object.keys(GANS)) {
  const gan = GANS[network]({ image: [1, 32, 32], latentSize: 100 });
  for (const [kind, optimizer] of Object.entries(OPTIMIZERS)) {
    for (const name of ['joint', 'discriminator', 'generator']) {
      const graph = buildStepGraph(name, {
        gan,
        optimizer,
        generatorLoss: 'nonsaturating',
        lossSwitchStep: 1000,
        target: GRAPH_TARGETS.webgpu,
      });
      // ONNX Runtime refuses the session when a node is left for the CPU.
      const result = await InferenceSession.create(graph.bytes, {
        executionProviders: ['webgpu'],
        logSeverityLevel: 4,
        extra: { session: { disable_cpu_ep_fallback: '1' } },
      }).then(
        (session) => session.release().then(() => 'all on webgpu'),
        async () => {
          const config = { ...DEFAULT_CONFIG, gan: network, optimizer, imageSize: 32, batchSize: 4 };
          return `on the CPU: ${(await placementOf('webgpu', [graph], config)).elsewhere.join(', ')}`;
        },
      );
      found[`${network} ${kind} ${name}`] = result;
    }
  }
}
console.log(JSON.stringify(found));
