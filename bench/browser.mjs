/**
 * Times gan.py's step in a page, beside TensorFlow.js and jax-js on the same networks, batch and backend, in alternating
 * rounds in one headless Chromium. Before that the losses of the first steps are compared: they must agree.
 *
 *   npm run bench:browser -- [--device wasm] [--batch-size 64] [--threads 2] [--rounds 5] [--steps 5]
 *
 * CHROMIUM names the browser; by default the one on the PATH. `--device webgpu` needs a browser that has a GPU. The peers
 * are installed into bench/peers, apart from the project's own packages.
 */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';
import { build } from 'vite';
import { initialState } from '../dist/export/index.js';
import { serveFolder } from '../dist/system/static-server.js';
import { configGan, DEFAULT_CONFIG } from '../dist/train/index.js';
import { alternate, pairedRatio, summary } from './rounds.mjs';
import { installPeers } from './sides.mjs';

const { values } = parseArgs({
  options: {
    device: { type: 'string', default: 'wasm' },
    'batch-size': { type: 'string', default: '64' },
    threads: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '5' },
    steps: { type: 'string', default: '5' },
  },
});
const { device } = values;
const [batchSize, threads, rounds, steps] = ['batch-size', 'threads', 'rounds', 'steps'].map((name) =>
  Number(values[name]),
);
const peers = fileURLToPath(new URL('peers/', import.meta.url));
/** Losses of the same step may differ by rounding alone. */
const TOLERANCE = 1e-3;

/** The state as JSON: float32 numbers in base64. */
function stateAsText() {
  const entries = [...initialState(configGan(DEFAULT_CONFIG), 'adam', 0)].map(([name, { shape, data }]) => {
    if (data instanceof Int32Array) return [name, { shape, dtype: 'int32', data: [...data] }];
    const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    return [name, { shape, dtype: 'float32', data: bytes.toString('base64') }];
  });
  return Object.fromEntries(entries);
}

if (!installPeers()) throw new Error(`npm ci in ${peers} failed`);
const folder = mkdtempSync(join(tmpdir(), 'gan-onnx-'));
await build({
  configFile: false,
  root: peers,
  logLevel: 'error',
  build: {
    outDir: folder,
    emptyOutDir: true,
    target: 'es2022',
    // jax-js sends the text of its functions to its threads.
    minify: false,
    rollupOptions: {
      input: join(peers, 'page.mjs'),
      // Its threads load its own file again, which must not be the bench.
      external: ['onnxruntime-web/webgpu'],
      output: { entryFileNames: 'page.js', paths: { 'onnxruntime-web/webgpu': '/ort/ort.webgpu.min.mjs' } },
    },
  },
});
writeFileSync(
  join(folder, 'index.html'),
  '<!doctype html><title>bench</title><script type="module" src="page.js"></script>',
);
const server = await serveFolder(folder, {
  mounts: {
    ort: dirname(fileURLToPath(import.meta.resolve('onnxruntime-web/ort-wasm-simd-threaded.wasm'))),
    tfjs: join(peers, 'node_modules/@tensorflow/tfjs-backend-wasm/dist'),
  },
});
const executablePath =
  process.env.CHROMIUM ?? execFileSync('which', ['chromium'], { encoding: 'utf8' }).trim();
const flags = device === 'webgpu' ? ['--enable-unsafe-webgpu', '--enable-features=Vulkan'] : [];
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', ...flags] });
try {
  const page = await browser.newPage();
  page.on('console', (message) => message.type() === 'error' && console.error(`page: ${message.text()}`));
  page.on('pageerror', (error) => console.error(`page: ${error.message}`));
  await page.goto(server.url);
  await page.waitForFunction(() => globalThis.bench !== undefined);
  if (!(await page.evaluate(() => crossOriginIsolated)))
    throw new Error('the page is not isolated: no threads');
  const state = stateAsText();
  const sides = [];
  const losses = {};
  for (const library of ['gan-onnx', 'jax-js', 'tfjs']) {
    const options = { library, device, batchSize, threads, state, wasm: '/tfjs/' };
    losses[library] = await page.evaluate(([name, given]) => bench.open(name, given), [library, options]);
    sides.push({
      name: library,
      run: (count) => page.evaluate(([name, n]) => bench.run(name, n), [library, count]),
    });
  }
  for (const { name } of sides.slice(1)) {
    const worst = Math.max(
      ...losses[name].flatMap((row, i) =>
        ['dLoss', 'gLoss'].map((key) => Math.abs(row[key] - losses['gan-onnx'][i][key])),
      ),
    );
    console.log(
      `${name}: losses of the first ${losses[name].length} steps differ by ${worst.toExponential(1)} from ours`,
    );
    if (!(worst < TOLERANCE)) throw new Error(`${name} does not compute the same step`);
  }
  const found = await alternate(sides, { rounds, repeat: steps, warmup: 1 });
  const { version } = browser;
  console.log(
    `gan.py's step, batch ${batchSize}, ${device}, ${threads} threads, Chromium ${version.call(browser)}:`,
  );
  for (const { name, times } of found) {
    const { median, low, high } = summary(times);
    console.log(
      `${name.padEnd(10)} median ${median.toFixed(1)} ms  p10 ${low.toFixed(1)}  p90 ${high.toFixed(1)}`,
    );
  }
  for (const peer of found.slice(1))
    console.log(`ratio to ${peer.name} (${device}): ${pairedRatio(found[0], peer).toFixed(3)}`);
} finally {
  await browser.close();
  await server.close();
  rmSync(folder, { recursive: true });
}
