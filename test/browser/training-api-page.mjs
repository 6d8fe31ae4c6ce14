/** What the test of the training-api engine runs inside the page. */

import * as api from 'onnxruntime-training/training';
import { buildStepGraph, GANS, initialState } from '/dist/export/index.js';
import { drawNoise } from '/dist/train/feed.js';
import { createTrainingApiEngine } from '/dist/train/training-api-engine.js';

/** Trains joint steps on the given batches; gives the losses and G's first weights. */
export default async function ({ options, batches, batchSize, seed }) {
  api.env.wasm.numThreads = 1;
  const gan = GANS.mlp(options.size);
  const given = { gan, optimizer: options.optimizer, generatorLoss: options.generatorLoss };
  const { noise: specs } = buildStepGraph('joint', given);
  const state = initialState(gan, 'adam', seed);
  const engine = await createTrainingApiEngine({ api, options: given, state });
  const losses = [];
  for (const [run, real] of batches.entries()) {
    const noise = drawNoise(specs, { run, batchSize, size: batchSize, seed });
    const { metrics } = await engine.run('joint', { batchSize, noise, real: Uint8Array.from(real) });
    losses.push(metrics.d_loss, metrics.g_loss);
  }
  const weights = Array.from((await engine.readState()).get('generator.0.weight').data);
  await engine.close();
  return { losses, weights };
}
