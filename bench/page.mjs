/**
 * How long a page takes from its address to its first picture: what `gan-onnx embed` writes for models/mnist, served from
 * 127.0.0.1, on WASM, in a fresh headless Chromium each time (nothing cached).
 *
 *   npm run bench:page -- [--runs 5]
 *
 * CHROMIUM names the browser; by default the one on the PATH.
 */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';
import { serveFolder } from '../dist/system/static-server.js';
import { summary } from './rounds.mjs';

const { values } = parseArgs({ options: { runs: { type: 'string', default: '5' } } });
const path = (name) => fileURLToPath(new URL(name, import.meta.url));
const executablePath =
  process.env.CHROMIUM ?? execFileSync('which', ['chromium'], { encoding: 'utf8' }).trim();
const temporary = mkdtempSync(join(tmpdir(), 'gan-onnx-'));
const folder = join(temporary, 'page');
const model = path('../models/mnist/generator.onnx');
execFileSync(
  process.execPath,
  [path('../dist/cli/main.js'), 'embed', model, '--out', folder, '--device', 'wasm'],
  {
    stdio: 'ignore',
  },
);
const server = await serveFolder(folder);
const times = [];
for (let run = 0; run < Number(values.runs); run++) {
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
  const page = await browser.newPage();
  await page.goto(server.url);
  times.push(
    await page.evaluate(async () => {
      await customElements.whenDefined('gan-sampler');
      await document.querySelector('gan-sampler').whenDrawn();
      return performance.now();
    }),
  );
  await browser.close();
}
await server.close();
rmSync(temporary, { recursive: true });
const { median, low, high } = summary(times);
console.log(
  `ms from the page's address to 25 images: median ${median.toFixed(0)}, ${low.toFixed(0)} to ${high.toFixed(0)}`,
);
