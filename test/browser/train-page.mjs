/** What the test of the engines of a page runs inside it. */

import * as ort from 'onnxruntime-web/webgpu';
import { createTrainer, datasetInMemory, WEB_TARGETS, webEngine } from '/dist/train/web.js';

/** Trains on a device; gives the losses, G's first weights, and what a lost device says. */
export default async function ({ device, config, description, images, steps, threads, lose }) {
  ort.env.logLevel = 'error';
  ort.env.wasm.numThreads = threads;
  const dataset = datasetInMemory(description, Uint8Array.from(images));
  const engine = webEngine(ort, device);
  const trainer = await createTrainer({ config, dataset, engine, target: WEB_TARGETS[device] });
  const losses = [];
  for (let step = 0; step < steps; step++) {
    const { metrics, generated } = await trainer.step({ generated: step === 1, metrics: step % 4 === 0 });
    if (metrics !== undefined) losses.push([step, metrics.d_loss, metrics.g_loss]);
    if (step === 1 && generated.length !== config.batchSize * 64) throw new Error('no picture');
  }
  const weights = Array.from((await trainer.readState()).get('generator.0.weight').data);
  if (!lose) {
    await trainer.close();
    return { losses, weights, isolated: globalThis.crossOriginIsolated };
  }
  const gpu = await ort.env.webgpu.device;
  gpu.destroy();
  await gpu.lost;
  const message = await trainer.step().then(
    () => 'no error',
    (error) => `${error.name}: ${error.message}`,
  );
  return { losses, weights, message };
}
