/**
 * Takes the pictures of the embedded page: what `gan-onnx embed` writes for models/mnist, in headless Chromium, in a
 * window as large as a phone's and one as large as a desktop's.
 *
 *   npm run build && node docs/embed.mjs
 */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { serveFolder } from '../dist/system/static-server.js';

const path = (name) => fileURLToPath(new URL(name, import.meta.url));
const executablePath =
  process.env.CHROMIUM ?? execFileSync('which', ['chromium'], { encoding: 'utf8' }).trim();
const folder = join(mkdtempSync(join(tmpdir(), 'gan-onnx-')), 'page');
const options = [
  '--title',
  'Digits that nobody wrote',
  '--sliders',
  '3',
  '--interpolate',
  'spherical',
  '--controls',
];
execFileSync(process.execPath, [
  path('../dist/cli/main.js'),
  'embed',
  path('../models/mnist/generator.onnx'),
  ...['--out', folder],
  ...options,
]);
const server = await serveFolder(folder);
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
for (const [name, width, height] of [
  ['phone', 360, 720],
  ['desktop', 1280, 800],
]) {
  const page = await browser.newPage({ viewport: { width, height }, colorScheme: 'dark' });
  await page.goto(server.url);
  await page.evaluate(async () => {
    await customElements.whenDefined('gan-sampler');
    await document.querySelector('gan-sampler').whenDrawn();
  });
  await page.screenshot({ path: path(`embed-${name}.png`) });
}
await browser.close();
await server.close();
rmSync(join(folder, '..'), { recursive: true });
