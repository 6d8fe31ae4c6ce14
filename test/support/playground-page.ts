/** The built page of the playground on a server of the test, with the content security policy that it must obey. */

import { copyFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { serveFolder } from '../../src/system/static-server.js';
import { findChromium } from './browser.js';

const POLICY = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self'",
  "connect-src 'self'",
  "style-src 'self'",
  "img-src 'self' data: blob:",
].join('; ');

/** What of ONNX Runtime the page loads for WASM. */
const RUNTIME = ['ort.wasm.min.mjs', 'ort-wasm-simd-threaded.mjs', 'ort-wasm-simd-threaded.wasm'];

export interface Playground {
  /** A page of its own browser context, whose storage goes with it. */
  open(options?: BrowserContextOptions): Promise<Page>;
  /** What broke the policy or was thrown in any page so far; each test expects nothing. */
  problems: string[];
  url: string;
  close(): Promise<void>;
}

/** Needs `npm run build` and a Chromium. */
export async function servePlayground(): Promise<Playground> {
  const folder = mkdtempSync(join(tmpdir(), 'gan-onnx-'));
  cpSync('dist/playground', folder, { recursive: true });
  mkdirSync(join(folder, 'ort'));
  for (const name of RUNTIME)
    copyFileSync(join('node_modules/onnxruntime-web/dist', name), join(folder, 'ort', name));
  const server = await serveFolder(folder, { headers: { 'Content-Security-Policy': POLICY } });
  // Chromium's own sandbox does not start as root, as CI runs.
  const browser: Browser = await chromium.launch({ executablePath: findChromium()!, args: ['--no-sandbox'] });
  const problems: string[] = [];
  return {
    problems,
    url: server.url,
    async open(options = {}) {
      const context = await browser.newContext(options);
      const page = await context.newPage();
      page.on('console', (message) => {
        if (message.type() === 'error') problems.push(message.text());
      });
      page.on('pageerror', (error) => problems.push(error.message));
      return page;
    },
    async close() {
      await browser.close();
      await server.close();
      rmSync(folder, { recursive: true });
    },
  };
}

const AXE = readFileSync('node_modules/axe-core/axe.min.js', 'utf8');

/** What axe-core finds in the page: a line for each rule that is broken. */
export async function violations(page: Page): Promise<string[]> {
  // By the protocol, past the page's own policy.
  await page.evaluate(AXE);
  return page.evaluate<string[]>(`axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) =>
    violations.map(({ id, nodes }) => id + ': ' + nodes.map(({ target }) => target.join(' ')).join(', ')))`);
}
