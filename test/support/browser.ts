/** A real browser for tests: headless Chromium, on pages that a server on 127.0.0.1 gives out of this checkout. */

import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Path of a Chromium: CHROMIUM names it, else the one that the system has; undefined when there is none. */
export function findChromium(): string | undefined {
  const { CHROMIUM } = process.env;
  if (CHROMIUM !== undefined) return CHROMIUM;
  const names = ['chromium', 'chromium-browser', 'google-chrome'];
  const found = names.map((name) => spawnSync('which', [name], { encoding: 'utf8' }).stdout.trim());
  return found.find((path) => path !== '');
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
};

/** Where a page finds the packages that our modules import. */
const IMPORTS = {
  '@noble/hashes/': '/node_modules/@noble/hashes/',
  '@bufbuild/protobuf/wire': '/node_modules/@bufbuild/protobuf/dist/esm/wire/index.js',
  flatbuffers: '/node_modules/flatbuffers/mjs/flatbuffers.js',
  'onnxruntime-web/webgpu': '/node_modules/onnxruntime-web/dist/ort.webgpu.bundle.min.mjs',
  'onnxruntime-training/training': '/node_modules/onnxruntime-training/dist/ort.training.wasm.min.mjs',
};

const PAGE = `<!doctype html><meta charset="utf-8"><title>test</title><link rel="icon" href="data:,">
<script type="importmap">${JSON.stringify({ imports: IMPORTS })}</script>`;

/** Serves built modules, packages and what tests run in the page, and an empty page with an import map. */
async function serve(): Promise<Server> {
  const server = createServer(async (request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url!, 'http://localhost').pathname));
    try {
      if (!/^\/(dist|node_modules|test\/browser)\//.test(path) && path !== '/') throw new Error('not served');
      const body = path === '/' ? PAGE : await readFile(join(ROOT, path));
      response.writeHead(200, {
        'content-type': TYPES[path === '/' ? '.html' : extname(path)] ?? 'application/octet-stream',
        // Threads in WASM need a page that is isolated from others.
        'cross-origin-opener-policy': 'same-origin',
        'cross-origin-embedder-policy': 'require-corp',
      });
      response.end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

export interface OpenBrowser {
  page: Page;
  close(): Promise<void>;
}

/** Opens the empty page. Errors of the page reach the console of the test. */
export async function openPage(args: readonly string[] = []): Promise<OpenBrowser> {
  const server = await serve();
  let browser: Browser | undefined;
  const close = async (): Promise<void> => {
    await browser?.close();
    await new Promise((resolve) => server.close(resolve));
  };
  try {
    browser = await chromium.launch({
      executablePath: findChromium()!,
      // Chromium's own sandbox does not start as root, as CI runs.
      args: ['--no-sandbox', ...args],
    });
    const page = await browser.newPage();
    page.on('console', (message) => {
      if (message.type() === 'error') console.error(`page: ${message.text()}`);
    });
    page.on('pageerror', (error) => console.error(`page: ${error.message}`));
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    return { page, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Calls the default export of a module of the server in the page; arguments and result are JSON. */
export function runInPage<T>({ page }: OpenBrowser, module: string, argument: unknown): Promise<T> {
  // As text, because the test runner rewrites imports in functions.
  const call = `import(${JSON.stringify(module)}).then((m) => m.default(${JSON.stringify(argument)}))`;
  return page.evaluate<T>(call);
}
