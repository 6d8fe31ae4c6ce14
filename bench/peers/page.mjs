/** What the bench of the page loads into Chromium: a peer's step, run on demand. */

const steps = {};

/** Deterministic bytes: the same batch for everybody. */
function bytes(count, seed) {
  let word = seed;
  return Uint8Array.from({ length: count }, () => {
    word = (Math.imul(word, 1664525) + 1013904223) >>> 0;
    return word >>> 24;
  });
}

/** Opens a side; gives its losses in the first steps. */
export async function open(name, { module, takesBytes, state, batchSize, ...options }) {
  const typed = Object.fromEntries(
    Object.entries(state).map(([key, { shape, dtype, data }]) => [
      key,
      { shape, data: dtype === 'int32' ? Int32Array.from(data) : decode(data) },
    ]),
  );
  const parameters = Object.fromEntries(
    Object.entries(typed).filter(([key]) => /\.(weight|bias)$/.test(key)),
  );
  const { createStep } = await module();
  const step = await createStep({ state: typed, parameters, ...options });
  const images = bytes(batchSize * 784, 1);
  const real = takesBytes ? images : Float32Array.from(images, (pixel) => pixel / 127.5 - 1);
  const z = Float32Array.from(bytes(batchSize * 100, 2), (byte) => byte / 127.5 - 1);
  steps[name] = () => step(real, z, batchSize);
  const losses = [];
  for (let i = 0; i < 4; i++) losses.push(await steps[name]());
  return losses;
}

/** float32 numbers in base64. */
function decode(text) {
  const raw = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  return new Float32Array(raw.buffer);
}

/** Milliseconds of each of `count` steps. */
export async function run(name, count) {
  const times = [];
  for (let i = 0; i < count; i++) {
    const began = performance.now();
    await steps[name]();
    times.push(performance.now() - began);
  }
  return times;
}

const MODULES = {
  'gan-onnx': { module: () => import('./gan-onnx.mjs'), takesBytes: true },
  'jax-js': { module: () => import('./jax-js.mjs'), takesBytes: false },
  tfjs: { module: () => import('./tfjs.mjs'), takesBytes: false },
};
globalThis.bench = {
  open: (name, { library, ...options }) => open(name, { ...MODULES[library], ...options }),
  run,
};
