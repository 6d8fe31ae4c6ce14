/** gan.py's joint step in jax-js: one jitted function from parameters, moments and batch to the next ones. */

import { blockUntilReady, defaultDevice, init, jit, nn, numpy as np, valueAndGrad } from '@jax-js/jax';
import { ADAM, DISCRIMINATOR, GENERATOR, NORM_EPS, SLOPE } from './networks.mjs';

export const DEVICES = { wasm: 'wasm', webgpu: 'webgpu' };

/** Every array is used up by what it is given to, but for those taken by `.ref`. */
function forward(layers, parameters, input) {
  let x = input;
  for (const [i, { linear, norm }] of layers.entries()) {
    x = np.matmul(x, parameters[`${linear}.weight`].ref.transpose()).add(parameters[`${linear}.bias`].ref);
    if (norm !== undefined) {
      const centred = x.ref.sub(np.mean(x, 0));
      const variance = np.mean(np.square(centred.ref), 0);
      const scale = parameters[`${norm}.weight`].ref.div(np.sqrt(variance.add(NORM_EPS)));
      x = centred.mul(scale).add(parameters[`${norm}.bias`].ref);
    }
    if (i < layers.length - 1) x = nn.leakyRelu(x, SLOPE);
  }
  return x;
}

const release = (tree) => {
  for (const array of Object.values(tree)) array.dispose();
};

function generatorLoss(g, d, z) {
  const images = np.tanh(forward(GENERATOR, g, z));
  const loss = np.mean(nn.softplus(np.negative(forward(DISCRIMINATOR, d, images.ref))));
  release(g);
  release(d);
  return [loss, images];
}

function discriminatorLoss(d, real, fake) {
  const onReal = np.mean(nn.softplus(np.negative(forward(DISCRIMINATOR, d, real))));
  const onFake = np.mean(nn.softplus(forward(DISCRIMINATOR, d, fake)));
  release(d);
  return onReal.add(onFake).div(2);
}

/** Adam on a tree of parameters; `rate` has both bias corrections in it. */
function adam(parameters, gradients, first, second, rate, eps) {
  const next = { parameters: {}, first: {}, second: {} };
  for (const name of Object.keys(parameters)) {
    const gradient = gradients[name];
    const m = first[name].mul(ADAM.b1).add(gradient.ref.mul(1 - ADAM.b1));
    const v = second[name].mul(ADAM.b2).add(np.square(gradient).mul(1 - ADAM.b2));
    const update = m.ref.mul(rate.ref).div(np.sqrt(v.ref).add(eps.ref));
    next.parameters[name] = parameters[name].sub(update);
    next.first[name] = m;
    next.second[name] = v;
  }
  return next;
}

const trainStep = jit((g, gFirst, gSecond, d, dFirst, dSecond, real, z, rate, eps) => {
  const copy = (tree) => Object.fromEntries(Object.entries(tree).map(([name, array]) => [name, array.ref]));
  const [[gLoss, images], gGradients] = valueAndGrad(generatorLoss, { hasAux: true })(copy(g), copy(d), z);
  const [dLoss, dGradients] = valueAndGrad(discriminatorLoss)(copy(d), real, images);
  const nextG = adam(g, gGradients, gFirst, gSecond, rate, eps);
  const nextD = adam(d, dGradients, dFirst, dSecond, rate, eps);
  rate.dispose();
  eps.dispose();
  return { nextG, nextD, gLoss, dLoss };
});

/**
 * @param parameters float32 arrays with their shapes by name
 * @returns a function from a batch (images in [-1, 1], latents) to the losses, read
 */
export async function createStep({ parameters, device }) {
  await init(device);
  defaultDevice(device);
  const tree = (network, fill) =>
    Object.fromEntries(
      Object.entries(parameters)
        .filter(([name]) => name.startsWith(network))
        .map(([name, { shape, data }]) => [
          name,
          fill === 0 ? np.zeros(shape) : np.array(data, { shape: [...shape] }),
        ]),
    );
  let g = { parameters: tree('generator'), first: tree('generator', 0), second: tree('generator', 0) };
  let d = {
    parameters: tree('discriminator'),
    first: tree('discriminator', 0),
    second: tree('discriminator', 0),
  };
  let updates = 0;
  return async (real, z, batchSize) => {
    updates += 1;
    const root = Math.sqrt(1 - ADAM.b2 ** updates);
    const result = trainStep(
      g.parameters,
      g.first,
      g.second,
      d.parameters,
      d.first,
      d.second,
      np.array(real, { shape: [batchSize, 784] }),
      np.array(z, { shape: [batchSize, 100] }),
      np.array((ADAM.rate * root) / (1 - ADAM.b1 ** updates)),
      np.array(ADAM.eps * root),
    );
    ({ nextG: g, nextD: d } = result);
    await blockUntilReady([g, d]);
    const [dLoss, gLoss] = await Promise.all([result.dLoss.data(), result.gLoss.data()]);
    return { dLoss: dLoss[0], gLoss: gLoss[0] };
  };
}
