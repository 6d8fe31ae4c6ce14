/**
 * Serves a folder of pages to the browsers of this machine: regular files inside the folder, and nothing else. Pages are
 * cross-origin isolated, which threads in WASM need.
 */

import { realpath, stat } from 'node:fs/promises';
import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
  STATUS_CODES,
  validateHeaderValue,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, relative, sep } from 'node:path';
import send from 'send';
import { errorCode, fileProblem } from './files.js';
import { UserError } from './user-error.js';

export interface ServeOptions {
  /** Address or name to listen on, 127.0.0.1 by default: this machine only. */
  host?: string;
  /** 0, the default, is any that is free. */
  port?: number;
  /** For every answer, such as a Content-Security-Policy; they go before those that are set anyway. */
  headers?: Readonly<Record<string, string>>;
  /** Other folders by the first name in a path: with `{ ort: folder }`, /ort/a.wasm is the folder's a.wasm. */
  mounts?: Readonly<Record<string, string>>;
}

export interface ServedFolder {
  /** Of the folder, with its port and a slash at the end. */
  url: string;
  /** Ends all connections, also those that a browser keeps open or downloads on. */
  close(): Promise<void>;
}

/** Browsers ask again each time, and are told that nothing changed by an ETag. */
const HEADERS = {
  'Cache-Control': 'no-cache',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
};

/** Answers without a file, and closes the connection: what comes on it may make no sense either. */
function refuse(response: ServerResponse, status: number, more: Record<string, string> = {}): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  for (const name of ['Content-Length', 'ETag', 'Last-Modified']) response.removeHeader(name);
  response.writeHead(status, { ...more, 'Content-Type': 'text/plain; charset=utf-8', Connection: 'close' });
  response.end(`${STATUS_CODES[status]}\n`);
}

/** Names in the path of a request, decoded once; undefined where one is no name, is hidden, or leads elsewhere. */
function pathNames(target: string): string[] | undefined {
  const [path] = target.split('?', 1);
  if (!path!.startsWith('/')) return undefined;
  try {
    const names = path!.slice(1).split('/').map(decodeURIComponent);
    const folders = names.slice(0, -1);
    const sound = !folders.includes('') && names.every((name) => !/^\.|[\p{Cc}/\\]/u.test(name));
    return sound ? names : undefined;
  } catch {
    return undefined;
  }
}

type Found = { file: string } | { folder: true } | undefined;

/** The file that names lead to, relative to `root`, with all links followed; index.html after a slash. */
async function find(root: string, names: readonly string[]): Promise<Found> {
  try {
    const asked = names.at(-1) === '' ? [...names.slice(0, -1), 'index.html'] : names;
    const real = await realpath(join(root, ...asked));
    if (real !== root && !real.startsWith(root.endsWith(sep) ? root : root + sep)) return undefined;
    const found = await stat(real);
    if (found.isDirectory()) return { folder: true };
    return found.isFile() ? { file: relative(root, real) } : undefined;
  } catch {
    // Whatever cannot be reached is not there.
    return undefined;
  }
}

/** Lets the library answer, with ETag, ranges and type; it follows links once more, of which there are none left. */
function sendFile(request: IncomingMessage, response: ServerResponse, root: string, file: string): void {
  const path = file.split(sep).map(encodeURIComponent).join('/');
  send(request, path, { root, index: false, dotfiles: 'ignore', cacheControl: false })
    .on('error', ({ status = 500 }: { status?: number }) => refuse(response, status))
    .on('directory', () => refuse(response, 404))
    .pipe(response);
}

/** The real paths of the folder that is served, and of those mounted in it by name. */
interface Roots {
  home: string;
  mounts: ReadonlyMap<string, string>;
}

async function answer(request: IncomingMessage, response: ServerResponse, roots: Roots): Promise<void> {
  const { method, url = '' } = request;
  if (method !== 'GET' && method !== 'HEAD') return refuse(response, 405, { Allow: 'GET, HEAD' });
  const names = pathNames(url);
  const mounted = names && names.length > 1 ? roots.mounts.get(names[0]!) : undefined;
  const root = mounted ?? roots.home;
  const found = names && (await find(root, mounted === undefined ? names : names.slice(1)));
  if (found === undefined) return refuse(response, 404);
  if ('file' in found) return sendFile(request, response, root, found.file);
  // Relative addresses in its index.html need the slash. Names are not empty, so that it is no other host's.
  if (names!.at(-1) !== '')
    return refuse(response, 301, { Location: `/${names!.map(encodeURIComponent).join('/')}/` });
  refuse(response, 404);
}

const bracketed = (host: string) => (host.includes(':') ? `[${host}]` : host);

/** What a browser that means this server calls it. Others mean a name that somebody points here (DNS rebinding). */
function ownNames(host: string, port: number): ReadonlySet<string> {
  const hosts = ['127.0.0.1', 'localhost', '[::1]', bracketed(host.toLowerCase())];
  return new Set(hosts.flatMap((name) => [`${name}:${port}`, ...(port === 80 ? [name] : [])]));
}

function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const fail = (error: unknown) => {
      const place = `port ${port} of ${host}`;
      const inUse = errorCode(error) === 'EADDRINUSE';
      const problem = inUse ? 'is in use' : `cannot be listened on (${(error as Error).message})`;
      reject(new UserError(`${place} ${problem}: choose another port, or 0 for any that is free`));
    };
    try {
      server.once('error', fail).listen(port, host, () => {
        // A connection that fails is no reason to end the others.
        server.off('error', fail).on('error', () => {});
        resolve((server.address() as AddressInfo).port);
      });
    } catch (error) {
      fail(error);
    }
  });
}

async function realFolder(folder: string): Promise<string> {
  const root = await realpath(folder).catch((error: unknown) => {
    throw new UserError(`${folder} ${fileProblem(error)}: expected a folder to serve`);
  });
  if ((await stat(root)).isDirectory()) return root;
  throw new UserError(`${folder} is not a folder: expected one to serve`);
}

/** Listens, and lets `answer` see the requests that name this server as their host. */
async function serve(
  { host = '127.0.0.1', port = 0, headers = {} }: ServeOptions,
  answer: (request: IncomingMessage, response: ServerResponse) => Promise<void>,
): Promise<ServedFolder> {
  const all = Object.entries({ ...HEADERS, ...headers });
  for (const [name, value] of all) validateHeaderValue(name, value);
  let names: ReadonlySet<string> = new Set();
  const server = createServer((request, response) => {
    for (const [name, value] of all) response.setHeader(name, value);
    const hosts = request.headersDistinct.host ?? [];
    if (hosts.length !== 1 || !names.has(hosts[0]!.toLowerCase())) return refuse(response, 403);
    answer(request, response).catch(() => refuse(response, 500));
  });
  const actual = await listen(server, host, port);
  names = ownNames(host, actual);
  return {
    url: `http://${bracketed(host)}:${actual}/`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/**
 * Serves the regular files below a folder over HTTP, to GET and HEAD requests that name this server as their host. A
 * link is followed if it ends inside the folder; names that begin with a dot are hidden. A path that ends with a slash
 * is its index.html.
 *
 * @throws UserError when a folder is none, or the port cannot be had
 *
 * @example
 * const { url, close } = await serveFolder('site', { headers: { 'Content-Security-Policy': "default-src 'self'" } });
 */
export async function serveFolder(
  folder: string,
  { host = '127.0.0.1', port = 0, headers = {}, mounts = {} }: ServeOptions = {},
): Promise<ServedFolder> {
  const home = await realFolder(folder);
  const others = Object.entries(mounts).map(async ([name, path]) => [name, await realFolder(path)] as const);
  const roots = { home, mounts: new Map(await Promise.all(others)) };
  return serve({ host, port, headers }, (request, response) => answer(request, response, roots));
}

/** What is answered with, beside files. */
export interface Made {
  /** For example `image/svg+xml`. */
  type: string;
  body: string | Uint8Array;
}

/**
 * Serves what functions make, by path (`/` among them), as `serveFolder` serves files. One that makes nothing is not
 * there.
 *
 * @throws UserError when the port cannot be had
 */
export function serveMade(
  pages: Readonly<Record<string, () => Promise<Made | undefined> | Made | undefined>>,
  options: ServeOptions = {},
): Promise<ServedFolder> {
  return serve(options, async ({ method, url = '' }, response) => {
    if (method !== 'GET' && method !== 'HEAD') return refuse(response, 405, { Allow: 'GET, HEAD' });
    const [path] = url.split('?', 1);
    const made = Object.hasOwn(pages, path!) ? await pages[path!]!() : undefined;
    if (made === undefined) return refuse(response, 404);
    const bytes = typeof made.body === 'string' ? Buffer.from(made.body) : made.body;
    response.writeHead(200, { 'Content-Type': made.type, 'Content-Length': bytes.length });
    response.end(method === 'HEAD' ? undefined : bytes);
  });
}
