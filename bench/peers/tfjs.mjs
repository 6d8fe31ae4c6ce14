/** gan.py's joint step in TensorFlow.js: its own Adam, and gradients by name. */

import * as tf from '@tensorflow/tfjs';
import { setThreadsCount, setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import '@tensorflow/tfjs-backend-webgpu';
import { ADAM, DISCRIMINATOR, GENERATOR, NORM_EPS, SLOPE } from './networks.mjs';

function forward(layers, variables, input) {
  let x = input;
  for (const [i, { linear, norm }] of layers.entries()) {
    x = tf.add(tf.matMul(x, variables[`${linear}.weight`], false, true), variables[`${linear}.bias`]);
    if (norm !== undefined) {
      const { mean, variance } = tf.moments(x, 0);
      const scale = tf.mul(variables[`${norm}.weight`], tf.rsqrt(tf.add(variance, NORM_EPS)));
      x = tf.add(tf.mul(tf.sub(x, mean), scale), variables[`${norm}.bias`]);
    }
    if (i < layers.length - 1) x = tf.leakyRelu(x, SLOPE);
  }
  return x;
}

/**
 * @param wasm address of the folder with TensorFlow.js's .wasm files
 * @returns a function from a batch (images in [-1, 1], latents) to the losses, read
 */
export async function createStep({ parameters, device, threads, wasm }) {
  if (wasm !== undefined) setWasmPaths(wasm);
  setThreadsCount(threads);
  if (!(await tf.setBackend(device))) throw new Error(`TensorFlow.js has no ${device} here`);
  await tf.ready();
  const variables = Object.fromEntries(
    Object.entries(parameters).map(([name, { shape, data }]) => [
      name,
      tf.variable(tf.tensor(data, [...shape]), true, name),
    ]),
  );
  const of = (network) => Object.values(variables).filter(({ name }) => name.startsWith(network));
  const [g, d] = [of('generator'), of('discriminator')];
  const { rate, b1, b2, eps } = ADAM;
  const [gAdam, dAdam] = [tf.train.adam(rate, b1, b2, eps), tf.train.adam(rate, b1, b2, eps)];
  return async (real, z, batchSize) => {
    const losses = tf.tidy(() => {
      const batch = tf.tensor(real, [batchSize, 784]);
      const latents = tf.tensor(z, [batchSize, 100]);
      let images;
      const forG = tf.variableGrads(() => {
        images = tf.keep(tf.tanh(forward(GENERATOR, variables, latents)));
        return tf.mean(tf.softplus(tf.neg(forward(DISCRIMINATOR, variables, images))));
      }, g);
      const forD = tf.variableGrads(() => {
        const onReal = tf.mean(tf.softplus(tf.neg(forward(DISCRIMINATOR, variables, batch))));
        const onFake = tf.mean(tf.softplus(forward(DISCRIMINATOR, variables, images)));
        return tf.div(tf.add(onReal, onFake), 2);
      }, d);
      gAdam.applyGradients(forG.grads);
      dAdam.applyGradients(forD.grads);
      images.dispose();
      return [forD.value, forG.value];
    });
    const [dLoss, gLoss] = await Promise.all(losses.map((loss) => loss.data()));
    for (const loss of losses) loss.dispose();
    return { dLoss: dLoss[0], gLoss: gLoss[0] };
  };
}
