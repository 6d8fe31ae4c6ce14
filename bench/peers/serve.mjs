/**
 * A JavaScript library's step of gan.py on WASM in Node, run on demand: prints a JSON line when it is ready, answers each
 * line "run N" with {"ms": [N times]}, and ends at "quit".
 *
 *   node bench/peers/serve.mjs jax-js|tfjs <batch size> <threads>
 */

import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { initialState } from '../../dist/export/index.js';
import { configGan, DEFAULT_CONFIG } from '../../dist/train/index.js';

const [library, batchSize, threads] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];
// Only JSON lines go to stdout; libraries say hello there.
const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);
console.log = console.error;
const state = initialState(configGan(DEFAULT_CONFIG), 'adam', 0);
const parameters = Object.fromEntries([...state].filter(([name]) => /\.(weight|bias)$/.test(name)));
const { createStep } = await import(`./${library}.mjs`);
const wasm = fileURLToPath(new URL('node_modules/@tensorflow/tfjs-backend-wasm/dist/', import.meta.url));
const step = await createStep({ parameters, device: 'wasm', threads, wasm });
const fill = (count) => Float32Array.from({ length: count }, (_, i) => Math.sin(i * 12.9898));
const [real, z] = [fill(batchSize * 784), fill(batchSize * 100)];
for (let i = 0; i < 2; i++) await step(real, z, batchSize);
say({ ready: true, library });
for await (const line of createInterface({ input: process.stdin })) {
  const [command, count] = line.split(' ');
  if (command === 'quit') break;
  const ms = [];
  for (let i = 0; i < Number(count); i++) {
    const began = performance.now();
    await step(real, z, batchSize);
    ms.push(performance.now() - began);
  }
  say({ ms });
}
process.exit();
