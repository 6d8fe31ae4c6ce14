/** The playground's training worker in headless Chromium: its built files on a server of the test, and requests to it. */

import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import type { PlaygroundEvent, Requests } from '../../web/playground/protocol.js';
import { findChromium } from './browser.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** What the server shows below each path. */
const MOUNTS: readonly (readonly [path: string, folder: string])[] = [
  ['/ort/', 'node_modules/onnxruntime-web/dist'],
  ['/ort-training/', 'node_modules/onnxruntime-training/dist'],
  ['/page/', 'dist/page'],
  ['/', 'dist/playground'],
];

const TYPES: Readonly<Record<string, string>> = {
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm',
};

/** The worker in a browser that cannot write to its private file system. */
const OLD_BROWSER: Readonly<Record<string, string>> = {
  '/old-browser.js': "import './without-files.js';\nimport './training-worker.js';\n",
  '/without-files.js': 'delete FileSystemFileHandle.prototype.createWritable;\n',
};

/** A page that talks to the worker, and nothing else. Typed arrays travel to the test as lists, files in base 64. */
const PAGE = `<!doctype html><meta charset="utf-8"><title>test</title><link rel="icon" href="data:,">
<script type="module">
const name = new URLSearchParams(location.search).get('worker') ?? 'training-worker.js';
const worker = new Worker(name, { type: 'module' });
const waiting = new Map();
globalThis.events = [];
let next = 1;
worker.onerror = (event) => console.error('worker: ' + event.message);
worker.onmessage = ({ data }) => {
  if ('event' in data) {
    // Pictures are large, and nobody asks for those of the past.
    const { kind, look, ...rest } = data.event;
    return events.push({ kind, ...rest, ...(look && { step: look.step }), at: performance.now() });
  }
  waiting.get(data.id)(data);
  waiting.delete(data.id);
};
globalThis.ask = (request, argument) =>
  new Promise((resolve) => {
    waiting.set(next, resolve);
    worker.postMessage({ id: next++, request, argument });
  });
const base64 = (bytes) => {
  let text = '';
  for (let at = 0; at < bytes.length; at += 30000) text += String.fromCharCode(...bytes.subarray(at, at + 30000));
  return btoa(text);
};
globalThis.plain = (value) =>
  JSON.parse(JSON.stringify(value ?? null, (key, v) => {
    if (v instanceof File) return v.name;
    if (key === 'bytes') return base64(v);
    return ArrayBuffer.isView(v) ? Array.from(v) : v;
  }));
</script>`;

function serve(isolated: boolean): Promise<Server> {
  const server = createServer(async (request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url!, 'http://localhost').pathname));
    try {
      const [mount, folder] = MOUNTS.find(([prefix]) => path.startsWith(prefix))!;
      const body =
        path === '/'
          ? PAGE
          : (OLD_BROWSER[path] ?? (await readFile(join(ROOT, folder, path.slice(mount.length)))));
      response.writeHead(200, {
        'content-type': path === '/' ? 'text/html' : (TYPES[extname(path)] ?? 'application/octet-stream'),
        ...(isolated
          ? {
              'cross-origin-opener-policy': 'same-origin',
              'cross-origin-embedder-policy': 'require-corp',
              'cross-origin-resource-policy': 'same-origin',
            }
          : {}),
      });
      response.end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

export interface OpenPlayground {
  page: Page;
  /** Asks the worker; throws with its one line when it refuses. Typed arrays come back as lists, bytes of files in base 64. */
  ask<Name extends keyof Requests>(
    request: Name,
    argument?: Parameters<Requests[Name]>[0],
    // biome-ignore lint/suspicious/noExplicitAny: what comes back is JSON.
  ): Promise<any>;
  /** Asks with an argument that JavaScript in the page makes. */
  // biome-ignore lint/suspicious/noExplicitAny: what comes back is JSON.
  askWith(request: keyof Requests, argument: string): Promise<any>;
  /** All events so far; of looks only the step. */
  events(): Promise<(PlaygroundEvent & { at: number })[]>;
  reload(): Promise<void>;
  /** Ends the browser's GPU process, as a driver that crashes does. */
  loseGpu(): Promise<void>;
  close(): Promise<void>;
}

/**
 * @param options whether the page is cross-origin isolated, and the script of its worker: `old-browser.js` is one without a
 * private file system
 */
export async function openPlayground(
  args: readonly string[] = [],
  { isolated = true, worker = 'training-worker.js' } = {},
): Promise<OpenPlayground> {
  const server = await serve(isolated);
  let browser: Browser | undefined;
  const close = async (): Promise<void> => {
    await browser?.close();
    await new Promise((resolve) => server.close(resolve));
  };
  try {
    browser = await chromium.launch({ executablePath: findChromium()!, args: ['--no-sandbox', ...args] });
    const context: BrowserContext = await browser.newContext();
    const page = await context.newPage();
    page.on('console', (message) => {
      if (message.type() === 'error') console.error(`page: ${message.text()}`);
    });
    page.on('pageerror', (error) => console.error(`page: ${error.message}`));
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/?worker=${worker}`);
    const askWith = async (request: keyof Requests, argument: string) => {
      const call = `Promise.resolve(${argument}).then((argument) => ask(${JSON.stringify(request)}, argument)).then(plain)`;
      const { answer, error } = await page.evaluate<{ answer?: unknown; error?: string }>(call);
      if (error !== undefined) throw new Error(error);
      return answer;
    };
    return {
      page,
      askWith,
      ask: (request, argument) => askWith(request, JSON.stringify(argument) ?? 'undefined'),
      events: () => page.evaluate('plain(events)'),
      reload: async () => {
        await page.reload();
      },
      loseGpu: async () => {
        const session = await browser!.newBrowserCDPSession();
        const { processInfo } = await session.send('SystemInfo.getProcessInfo');
        process.kill(processInfo.find(({ type }) => type === 'GPU')!.id, 'SIGKILL');
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
