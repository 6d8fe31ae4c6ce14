import { execFileSync } from 'node:child_process';
import { mkdirSync, realpathSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type ServedFolder, type ServeOptions, serveFolder } from '../../src/system/static-server.js';
import { UserError } from '../../src/system/user-error.js';
import { temporaryFolder } from '../support/cli.js';

const SECRET = 'the secret of another folder';

interface Site extends ServedFolder {
  /** The folder that is served, as `site` in one that holds secrets too. */
  folder: string;
  port: number;
}

/** A site with a page, beside what must not be served. */
async function site(options?: ServeOptions): Promise<Site> {
  const above = temporaryFolder();
  const folder = join(above, 'site');
  for (const path of ['site/sub', 'site/.git', 'site-secret', 'outside'])
    mkdirSync(join(above, path), { recursive: true });
  for (const path of [
    'secret.txt',
    'site-secret/secret.txt',
    'outside/secret.txt',
    'site/.env',
    'site/.git/config',
  ]) {
    writeFileSync(join(above, path), SECRET);
  }
  writeFileSync(join(folder, 'index.html'), '<!doctype html><title>home</title>');
  writeFileSync(join(folder, 'sub/index.html'), '<!doctype html><title>sub</title>');
  writeFileSync(join(folder, 'a b%20#é.txt'), 'odd name');
  const served = await serveFolder(folder, options);
  onTestFinished(() => served.close());
  return { ...served, folder, port: Number(new URL(served.url).port) };
}

function socketTo(port: number): Socket {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  onTestFinished(() => void socket.destroy());
  return socket;
}

/** What a server answers to bytes that no client would tidy up. */
function raw(port: number, bytes: string | Buffer): Promise<string> {
  const socket = socketTo(port);
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
  });
  socket.write(bytes);
  return new Promise((resolve) => socket.on('close', () => resolve(text)));
}

const request = (
  port: number,
  target: string,
  { method = 'GET', host = `127.0.0.1:${port}`, more = '' } = {},
) => raw(port, `${method} ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n${more}\r\n`);

const status = (answer: string) => Number(/^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1]);

async function expectAlive({ url }: ServedFolder): Promise<void> {
  expect(await (await fetch(url)).text()).toContain('<title>home</title>');
}

describe('serveFolder', () => {
  it('serves other folders below the names that they are mounted at, and nothing above them', async () => {
    const above = temporaryFolder();
    for (const path of ['other/deep', 'secret']) mkdirSync(join(above, path), { recursive: true });
    writeFileSync(join(above, 'secret/secret.txt'), SECRET);
    writeFileSync(join(above, 'other/a.wasm'), 'bytes');
    writeFileSync(join(above, 'other/deep/b.txt'), 'deep');
    symlinkSync(join(above, 'secret'), join(above, 'other/out'));
    const { url, port, folder } = await site({ mounts: { ort: join(above, 'other') } });
    mkdirSync(join(folder, 'ort'));
    writeFileSync(join(folder, 'ort/hidden.txt'), 'behind the mount');
    const wasm = await fetch(`${url}ort/a.wasm`);
    expect([await wasm.text(), wasm.headers.get('content-type')]).toEqual(['bytes', 'application/wasm']);
    expect(await (await fetch(`${url}ort/deep/b.txt`)).text()).toBe('deep');
    for (const path of ['ort/out/secret.txt', 'ort/hidden.txt', 'ort/', 'ort/../../secret/secret.txt'])
      expect((await fetch(`${url}${path}`)).status, path).toBe(404);
    for (const target of ['/ort/../secret/secret.txt', '/ort/%2e%2e/secret/secret.txt', '/ort//etc/passwd'])
      expect(await request(port, target), target).not.toContain(SECRET);
    await expectAlive({ url, close: async () => {} });
  });

  it('refuses a mount that is not there', async () => {
    await expect(site({ mounts: { ort: '/nowhere/at/all' } })).rejects.toThrow(UserError);
  });

  it('serves index.html for a path with a slash, and sends a folder without one there', async () => {
    const { url } = await site();
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/$/);
    expect(await (await fetch(url)).text()).toContain('<title>home</title>');
    expect(await (await fetch(`${url}sub/?query=1`)).text()).toContain('<title>sub</title>');
    const redirect = await fetch(`${url}sub`, { redirect: 'manual' });
    expect([redirect.status, redirect.headers.get('location')]).toEqual([301, '/sub/']);
  });

  it.each([
    ['page.html', /^text\/html/],
    ['script.js', /^text\/javascript/],
    ['module.mjs', /^text\/javascript/],
    ['style.css', /^text\/css/],
    ['data.json', /^application\/json/],
    ['ort.wasm', /^application\/wasm$/],
    ['generator.onnx', /^application\/octet-stream$/],
    ['picture.png', /^image\/png$/],
    ['figure.svg', /^image\/svg\+xml/],
    ['moving.gif', /^image\/gif$/],
    ['favicon.ico', /^image\/(x-icon|vnd\.microsoft\.icon)$/],
    ['unknown', /^application\/octet-stream$/],
  ])('serves %s as what it is', async (name, type) => {
    const { url, folder } = await site();
    writeFileSync(join(folder, name), Buffer.from([0, 255, 1]));
    const response = await fetch(url + name);
    expect(response.headers.get('content-type')).toMatch(type);
    expect(new Uint8Array(await response.arrayBuffer())).toEqual(Uint8Array.of(0, 255, 1));
  });

  it('isolates pages, lets nothing be guessed, and adds the headers of its caller, to errors too', async () => {
    const policy = "default-src 'self'";
    const { url } = await site({ headers: { 'Content-Security-Policy': policy } });
    for (const path of ['', 'missing']) {
      const { headers } = await fetch(url + path);
      expect(Object.fromEntries(headers)).toMatchObject({
        'content-security-policy': policy,
        'cross-origin-embedder-policy': 'require-corp',
        'cross-origin-opener-policy': 'same-origin',
        'x-content-type-options': 'nosniff',
        'cache-control': 'no-cache',
      });
    }
  });

  it('says that a file has not changed, or sends the new one', async () => {
    const { url, folder, port } = await site();
    const etag = (await fetch(url)).headers.get('etag')!;
    // Not by fetch, which then asks for a copy of no cache.
    const again = () => request(port, '/', { more: `If-None-Match: ${etag}\r\n` });
    expect(status(await again())).toBe(304);
    writeFileSync(join(folder, 'index.html'), 'another page');
    expect(await again()).toMatch(/^HTTP\/1\.1 200 [\s\S]*\r\n\r\nanother page$/);
  });

  it('answers HEAD without a body, and ranges', async () => {
    const { url, port } = await site();
    const head = await request(port, '/', { method: 'HEAD' });
    expect(head).toMatch(/content-length: 34\r\n/i);
    expect(head).toMatch(/\r\n\r\n$/);
    const part = await fetch(url, { headers: { range: 'bytes=2-8' } });
    expect([part.status, await part.text()]).toEqual([206, 'doctype']);
    expect((await fetch(url, { headers: { range: 'bytes=1000-' } })).status).toBe(416);
  });

  it('serves names with spaces and other characters', async () => {
    const { url } = await site();
    expect(await (await fetch(`${url}${encodeURIComponent('a b%20#é.txt')}`)).text()).toBe('odd name');
  });

  it.each([
    '/../secret.txt',
    '/sub/../../secret.txt',
    '/..%2fsecret.txt',
    '/%2e%2e/secret.txt',
    '/%2e%2e%2fsecret.txt',
    '/%252e%252e/secret.txt',
    '/%252e%252e%252fsecret.txt',
    '/..\\secret.txt',
    '/..%5csecret.txt',
    '/%c0%ae%c0%ae/secret.txt',
    '/../site-secret/secret.txt',
    '/index.html%00',
    '/index.html%00/../../secret.txt',
    '/%00',
    '//secret.txt',
    '//outside/secret.txt',
    '/sub//index.html',
    '/./index.html',
    '/.env',
    '/%2eenv',
    '/.git/config',
    '/sub/.../x',
    '/%',
    '/%zz',
    '/%ff',
    '/index.html/',
    '/index.html/x',
    `/${'a'.repeat(5000)}`,
    `/${'a/'.repeat(3000)}`,
    'secret.txt',
    '*',
    'http://127.0.0.1/index.html',
  ])('finds nothing at %s', async (target) => {
    const served = await site();
    const answer = await request(served.port, target);
    expect([400, 404]).toContain(status(answer));
    expect(answer).not.toContain(SECRET);
    await expectAlive(served);
  });

  it('follows links inside the folder, and no others', async () => {
    const { folder, url } = await site();
    const link = (target: string, name: string) => symlinkSync(target, join(folder, name));
    link('sub/index.html', 'inside.html');
    link('../secret.txt', 'file-out');
    link('../outside', 'folder-out');
    link('../site-secret', 'neighbour');
    link('/etc', 'etc');
    link('.env', 'hidden');
    link('loop', 'loop');
    link('nowhere', 'broken');
    expect(await (await fetch(`${url}inside.html`)).text()).toContain('<title>sub</title>');
    const paths = [
      'file-out',
      'folder-out/secret.txt',
      'neighbour/secret.txt',
      'etc/hostname',
      'hidden',
      'loop',
      'broken',
    ];
    for (const path of paths) {
      const response = await fetch(url + path);
      expect([path, response.status]).toEqual([path, 404]);
      expect(await response.text()).not.toContain(SECRET);
    }
  });

  it('serves a folder that is a link itself', async () => {
    const above = temporaryFolder();
    mkdirSync(join(above, 'real'));
    writeFileSync(join(above, 'real', 'index.html'), 'linked');
    symlinkSync('real', join(above, 'link'));
    const { url, close } = await serveFolder(join(above, 'link'));
    onTestFinished(close);
    expect(await (await fetch(url)).text()).toBe('linked');
  });

  it('does not wait for a pipe', async () => {
    const { folder, url } = await site();
    execFileSync('mkfifo', [join(folder, 'pipe')]);
    expect((await fetch(`${url}pipe`)).status).toBe(404);
  });

  it.each(['POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE', 'PATCH'])('refuses %s', async (method) => {
    const { port } = await site();
    const answer = await request(port, '/', { method, more: 'Content-Length: 3\r\n' });
    expect(status(answer)).toBe(405);
    expect(answer).toContain('Allow: GET, HEAD\r\n');
  });

  it('answers only to its own names', async () => {
    const { port } = await site();
    const of = async (host: string) => status(await request(port, '/', { host }));
    for (const host of ['127.0.0.1', 'localhost', 'LocalHost', '[::1]'])
      expect(await of(`${host}:${port}`)).toBe(200);
    const others = [
      'evil.example',
      `evil.example:${port}`,
      'localhost',
      `localhost:${port + 1}`,
      `localhost.evil.example:${port}`,
    ];
    for (const host of [...others, `127.0.0.1:${port}@evil.example`, `127.0.0.2:${port}`]) {
      expect([host, await of(host)]).toEqual([host, 403]);
    }
    expect(status(await raw(port, 'GET / HTTP/1.0\r\n\r\n'))).toBe(403);
    const twice = `Host: evil.example\r\nHost: localhost:${port}\r\n`;
    expect([400, 403]).toContain(
      status(await raw(port, `GET / HTTP/1.1\r\n${twice}Connection: close\r\n\r\n`)),
    );
  });

  it.each([
    ['no HTTP', 'hello\r\n\r\n'],
    ['TLS', Buffer.from('16030100c8010000c40303', 'hex')],
    ['zeros', Buffer.alloc(1000)],
    ['no host', 'GET / HTTP/1.1\r\n\r\n'],
    ['endless headers', `GET / HTTP/1.1\r\n${'X: y\r\n'.repeat(20_000)}`],
    ['a long line', `GET /${'x'.repeat(100_000)} HTTP/1.1\r\n\r\n`],
    ['CONNECT', 'CONNECT example.com:443 HTTP/1.1\r\nHost: example.com\r\n\r\n'],
    [
      'a strange expectation',
      'GET / HTTP/1.1\r\nHost: localhost\r\nExpect: nothing\r\nConnection: close\r\n\r\n',
    ],
    ['a chunk of nonsense', 'POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n'],
  ])('outlives %s', async (_, bytes) => {
    const served = await site();
    const answer = await raw(served.port, bytes);
    if (answer !== '') expect(status(answer)).toBeGreaterThanOrEqual(400);
    await expectAlive(served);
  });

  it('outlives readers that go away and files that do', async () => {
    const served = await site();
    const large = join(served.folder, 'large.bin');
    writeFileSync(large, '');
    truncateSync(large, 2 ** 28);
    for (let i = 0; i < 5; i++) {
      const socket = socketTo(served.port);
      socket.write(`GET /large.bin HTTP/1.1\r\nHost: localhost:${served.port}\r\n\r\n`);
      await new Promise((resolve) => socket.once('data', resolve));
      if (i === 3) truncateSync(large, 100);
      if (i === 4) rmSync(large);
      socket.destroy();
      if (i < 3) await expectAlive(served);
    }
    await wait(50);
    rmSync(join(served.folder, 'sub'), { recursive: true });
    expect((await fetch(`${served.url}sub/`)).status).toBe(404);
    await expectAlive(served);
  });

  it('ends at once, whoever keeps a connection open', async () => {
    const served = await site();
    const kept = socketTo(served.port);
    kept.write(`GET / HTTP/1.1\r\nHost: localhost:${served.port}\r\n\r\n`);
    await new Promise((resolve) => kept.once('data', resolve));
    const silent = socketTo(served.port);
    await new Promise((resolve) => silent.once('connect', resolve));
    const ended = Promise.all(
      [kept, silent].map((socket) => new Promise((resolve) => socket.once('close', resolve))),
    );
    const started = performance.now();
    await served.close();
    await ended;
    expect(performance.now() - started).toBeLessThan(10_000);
    await expect(fetch(served.url)).rejects.toThrow();
    await served.close();
  });

  it('refuses what is no folder, and a port that is taken', async () => {
    const refusal = async (folder: string, options?: ServeOptions) => {
      const error: unknown = await serveFolder(folder, options).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(UserError);
      return (error as Error).message;
    };
    expect(await refusal('/nowhere')).toBe('/nowhere does not exist: expected a folder to serve');
    expect(await refusal(process.execPath)).toMatch(/ is not a folder: expected one to serve$/);
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void other.close());
    const { port } = other.address() as { port: number };
    const folder = realpathSync(temporaryFolder());
    expect(await refusal(folder, { port })).toBe(
      `port ${port} of 127.0.0.1 is in use: choose another port, or 0 for any that is free`,
    );
    expect(await refusal(folder, { port: 70_000 })).toMatch(
      /^port 70000 of 127\.0\.0\.1 cannot be listened on/,
    );
    await expect(serveFolder(folder, { headers: { 'X-Bad': 'a\r\nb' } })).rejects.toThrow(TypeError);
  });
});
