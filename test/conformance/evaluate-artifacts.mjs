/** Runs a folder of artifacts' evaluation models, and its generator.onnx, in this project's own ONNX Runtime. */

import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { FLAT_DISCRIMINATOR, networkParameters } from '../../dist/export/index.js';

async function run(path, feeds) {
  const session = await InferenceSession.create(path);
  try {
    return await session.run(Object.fromEntries(session.inputNames.map((name) => [name, feeds[name]])));
  } finally {
    await session.release();
  }
}

function parameterFeeds(network, state) {
  const specs = networkParameters(network);
  return Object.fromEntries(
    specs.map(({ name, shape }) => [name, new Tensor('float32', state.get(name), shape)]),
  );
}

/** All parameters of a network in order, float32 [P]. */
function flatParameters(network, state) {
  const parts = networkParameters(network).map(({ name }) => state.get(name));
  const flat = Float32Array.from(parts.flatMap((part) => [...part]));
  return new Tensor('float32', flat, [flat.length]);
}

/**
 * Both networks' evaluation models on one step's inputs, D's on what G's makes there.
 *
 * @param state parameters and running statistics by name
 * @returns the scalars by name
 */
export async function evaluate(artifacts, gan, state, { batchSize, real, noise }) {
  const model = (network) => join(artifacts, network, 'eval_model.onnx');
  const ofGenerator = await run(model('generator'), {
    z: new Tensor('float32', noise.z, [batchSize, gan.latent.size]),
    [FLAT_DISCRIMINATOR]: flatParameters(gan.discriminator, state),
    ...parameterFeeds(gan.generator, state),
  });
  const ofDiscriminator = await run(model('discriminator'), {
    real: new Tensor('uint8', real, [batchSize, ...gan.image]),
    fake: ofGenerator.generated,
    ...parameterFeeds(gan.discriminator, state),
  });
  const outputs = Object.entries({ ...ofGenerator, ...ofDiscriminator });
  const scalars = outputs.filter(([, { dims }]) => dims.length === 0);
  return Object.fromEntries(scalars.map(([name, { data }]) => [name, data[0]]));
}

/** The images of a generator.onnx from one step's latents. */
export async function generate(path, gan, { batchSize, noise }) {
  const z = new Tensor('float32', noise.z, [batchSize, gan.latent.size]);
  const { image } = await run(path, { z });
  return image.data;
}
