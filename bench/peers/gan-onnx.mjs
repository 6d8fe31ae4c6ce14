/** gan.py's joint step of this project in a page: the engine alone, on the same batches and latents as the peers. */

import * as ort from 'onnxruntime-web/webgpu';
import { buildStepGraph } from '../../dist/export/index.js';
import { configGan, DEFAULT_CONFIG, WEB_TARGETS, webEngine } from '../../dist/train/web.js';

/**
 * @param state of both networks, by name
 * @returns a function from a batch (images in [0, 255], latents) to the losses, read
 */
export async function createStep({ state, device, threads }) {
  ort.env.logLevel = 'error';
  ort.env.wasm.numThreads = threads;
  const gan = configGan(DEFAULT_CONFIG);
  const { optimizer, loss: generatorLoss } = DEFAULT_CONFIG;
  const options = { gan, optimizer, generatorLoss, target: WEB_TARGETS[device] };
  const graph = buildStepGraph('joint', options);
  const engine = await webEngine(
    ort,
    device,
  )({
    options,
    graphs: [graph],
    order: ['joint'],
    image: gan.image,
    state: new Map(Object.entries(state)),
  });
  const [latents] = graph.noise;
  return async (real, z, batchSize) => {
    const { metrics } = await engine.run('joint', { batchSize, real, noise: { [latents.name]: z } });
    return { dLoss: metrics.d_loss, gLoss: metrics.g_loss };
  };
}
