import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { UserError } from '../../../src/system/user-error.js';
import type { Dataset } from '../../../src/train/data/dataset.js';
import { officialFashionMnist, openFashionMnist } from '../../../src/train/data/fashion-mnist.js';
import { type IdxSource, openIdxDataset } from '../../../src/train/data/idx-dataset.js';
import { officialMnist, openMnist } from '../../../src/train/data/mnist.js';

const IMAGES = 'train-images-idx3-ubyte';
const LABELS = 'train-labels-idx1-ubyte';
const OPTIONS = { imageSize: 28, channels: 1 };

const MNIST_DIR =
  process.env.MNIST_DIR ?? fileURLToPath(new URL('../../../../shared/data/mnist', import.meta.url));
const noMnist = !existsSync(join(MNIST_DIR, `${IMAGES}.gz`));
const WHY_NOT = `needs the real MNIST: ${MNIST_DIR} lacks ${IMAGES}.gz (set MNIST_DIR)`;

function idx(shape: number[], value: (i: number) => number): Buffer {
  const header = Buffer.from([0, 0, 8, shape.length, ...shape.flatMap((n) => [0, 0, n >> 8, n & 255])]);
  const length = shape.reduce((a, b) => a * b, 1);
  return Buffer.concat([header, Uint8Array.from({ length }, (_, i) => value(i))]);
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Twelve made-up images with labels, enough to be a MNIST of its own. */
const images = idx([12, 28, 28], (i) => (i * 7 + (i >> 8)) % 256);
const labels = idx([12], (i) => i % 10);

let folder: string;
let servers: Server[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gan-onnx-mnist-'));
  servers = [];
});
afterEach(async () => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
  await rm(folder, { recursive: true });
});

/** Starts a mirror on this machine and returns its URL. */
async function mirror(answer: RequestListener): Promise<string> {
  const server = createServer(answer);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/mnist/`;
}

/** A mirror's answers: these files below /mnist/ and 404 for all else; `asked` collects the paths. */
function serving(files: Record<string, Uint8Array>, asked: string[] = []): RequestListener {
  return (request, response) => {
    asked.push(request.url!);
    const body = files[request.url!.replace('/mnist/', '')];
    response.writeHead(body ? 200 : 404).end(body);
  };
}

const good: Record<string, Uint8Array> = {
  [`${IMAGES}.gz`]: gzipSync(images),
  [`${LABELS}.gz`]: gzipSync(labels),
};

function source(...mirrors: string[]): IdxSource {
  return {
    name: 'mnist',
    title: 'MNIST',
    mirrors,
    cacheDir: join(folder, 'cache', 'mnist'),
    sha256: { [IMAGES]: sha256(images), [LABELS]: sha256(labels) },
    checked: 'unpacked',
    stallMs: 5000,
  };
}

/** Writes the files into a fresh folder and returns its path. */
async function dataDir(files: Record<string, Uint8Array>): Promise<string> {
  const path = await mkdtemp(join(folder, 'data-'));
  for (const [name, bytes] of Object.entries(files)) await writeFile(join(path, name), bytes);
  return path;
}

function expectMade(dataset: Dataset): void {
  const pixels = images.subarray(16);
  expect(dataset.description).toEqual({
    name: 'mnist',
    count: 12,
    shape: [1, 28, 28],
    sha256: sha256(pixels),
  });
  expect([...dataset.labels!]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]);
  const out = new Uint8Array(2 * 784);
  dataset.read(Uint32Array.of(11, 3), out);
  expect(Buffer.from(out.subarray(0, 784))).toEqual(pixels.subarray(11 * 784));
  expect(Buffer.from(out.subarray(784))).toEqual(pixels.subarray(3 * 784, 4 * 784));
}

async function expectRefusal(opening: Promise<unknown>, ...patterns: (RegExp | string)[]): Promise<void> {
  const error = await opening.catch((error: unknown) => error);
  expect(error).toBeInstanceOf(UserError);
  const { message } = error as Error;
  for (const pattern of patterns) expect(message).toMatch(pattern);
  expect(message).not.toContain('\n');
}

describe('mnist from a folder', () => {
  const open = (dataDir: string) => openMnist({ ...OPTIONS, dataDir });

  it('is the same from plain files, gzipped files, both, and links', async () => {
    const plain = await dataDir({ [IMAGES]: images, [LABELS]: labels });
    expectMade(await open(plain));
    expectMade(await open(await dataDir(good)));
    expectMade(await open(await dataDir({ [IMAGES]: gzipSync(images), [`${LABELS}.gz`]: labels })));
    await symlink(plain, join(folder, 'link'));
    expectMade(await open(join(folder, 'link')));
  });

  it('is delivered 28 x 28 with one channel, whatever is asked for, and nothing is written', async () => {
    const path = await dataDir(good);
    expectMade(await openMnist({ imageSize: 64, channels: 3, dataDir: path }));
    expect((await readdir(path)).sort()).toEqual(Object.keys(good).sort());
  });

  it('refuses a folder that does not exist, is a file, or lacks files', async () => {
    const gone = join(folder, 'gone');
    await expectRefusal(
      open(gone),
      `the data folder ${gone} does not exist: expected a folder with ${IMAGES}`,
    );
    const file = join(await dataDir({ file: labels }), 'file');
    await expectRefusal(open(file), `the data folder ${file} is not a folder`, /check --data-dir$/);
    await expectRefusal(open(join(file, 'x')), /lies below something that is not a folder/);
    const empty = await dataDir({});
    await expectRefusal(open(empty), `the data folder ${empty} lacks ${IMAGES} and ${LABELS}: expected`);
    const half = await dataDir({ [IMAGES]: images });
    await expectRefusal(open(half), `the data folder ${half} lacks ${LABELS}: expected`);
  });

  it.skipIf(process.getuid?.() === 0)(
    'refuses files that may not be read (cannot be tried by root)',
    async () => {
      const path = await dataDir(good);
      await writeFile(join(path, IMAGES), images, { mode: 0o000 });
      await expectRefusal(open(path), `${join(path, IMAGES)}: the file may not be used (permission denied)`);
    },
  );

  it('refuses a folder in place of a file', async () => {
    const path = await dataDir({ [LABELS]: labels });
    await mkdir(join(path, IMAGES));
    await expectRefusal(open(path), `${join(path, IMAGES)} is a folder: expected a dataset file`);
  });

  it.each([
    [
      'a label file for other images',
      images,
      idx([11], () => 0),
      /labels.*found dimensions 11, expected 12, one label/,
    ],
    [
      'labels with two dimensions',
      images,
      idx([12, 1], () => 0),
      /labels.*found 2 dimensions .*, expected 1:/,
    ],
    [
      'images that are not square',
      idx([12, 32, 30], () => 0),
      labels,
      /images.*12 x 32 x 30, expected N square images/,
    ],
    ['labels in place of images', labels, labels, /images.*found 1 dimensions .*, expected 3:/],
    ['no images', idx([0, 28, 28], () => 0), idx([0], () => 0), /found dimensions 0 x 28 x 28.*N at least 1/],
    ['truncated images', images.subarray(0, 5000), labels, /images.*found 5000 bytes, expected 9424/],
    [
      'images that are no IDX',
      Buffer.from('<!DOCTYPE html>'),
      labels,
      /images.*found first bytes 3c21444f, expected/,
    ],
    ['damaged gzip', gzipSync(images).subarray(0, 100), labels, /images.*found damaged gzip data/],
  ])('refuses %s', async (_, imageFile, labelFile, message) => {
    await expectRefusal(open(await dataDir({ [IMAGES]: imageFile, [LABELS]: labelFile })), message);
  });
});

describe('mnist from a mirror', () => {
  it('is downloaded once, announced in one line, and then taken from the cache', async () => {
    const asked: string[] = [];
    const from = source(await mirror(serving(good, asked)));
    const lines: string[] = [];
    const options = { ...OPTIONS, onProgress: (line: string) => lines.push(line) };
    expectMade(await openIdxDataset(from, options));
    expectMade(await openIdxDataset(from, options));
    expect(asked).toEqual([`/mnist/${IMAGES}.gz`, `/mnist/${LABELS}.gz`]);
    expect(lines).toEqual([
      `downloading ${IMAGES}.gz and ${LABELS}.gz from ${from.mirrors[0]} to ${from.cacheDir}`,
    ]);
    expect((await readdir(from.cacheDir)).sort()).toEqual(Object.keys(good).sort());
  });

  it('is completed when the cache holds one of the files', async () => {
    const asked: string[] = [];
    const from = source(await mirror(serving(good, asked)));
    await mkdir(from.cacheDir, { recursive: true });
    await writeFile(join(from.cacheDir, IMAGES), images);
    expectMade(await openIdxDataset(from, OPTIONS));
    expect(asked).toEqual([`/mnist/${LABELS}.gz`]);
  });

  it('comes from the second mirror when the first fails, even half-way', async () => {
    const half = await mirror(serving({ [`${IMAGES}.gz`]: good[`${IMAGES}.gz`]! }));
    const asked: string[] = [];
    const from = source(half, await mirror(serving(good, asked)));
    expectMade(await openIdxDataset(from, OPTIONS));
    expect(asked).toEqual([`/mnist/${LABELS}.gz`]);
  });

  it('is the same when the server unpacks it on the way', async () => {
    const from = source(
      await mirror((request, response) => {
        const body = good[request.url!.replace('/mnist/', '')]!;
        response.writeHead(200, { 'content-encoding': 'gzip' }).end(body);
      }),
    );
    expectMade(await openIdxDataset(from, OPTIONS));
    expect((await readdir(from.cacheDir)).sort()).toEqual([IMAGES, LABELS]);
  });

  it.each([
    ['other contents', gzipSync(labels), new RegExp(`has SHA-256 ${sha256(labels)}, expected SHA-256 `)],
    ['damaged gzip', gzipSync(images).subarray(0, 200), /has damaged gzip data, expected SHA-256/],
    [
      'a gzip bomb',
      gzipSync(new Uint8Array(67_200_000), { level: 1 }),
      /has damaged gzip data, expected SHA-256/,
    ],
  ])('is refused with %s, and nothing stays in the cache', async (_, body, message) => {
    const from = source(await mirror(serving({ [`${IMAGES}.gz`]: body, [`${LABELS}.gz`]: body })));
    await expectRefusal(openIdxDataset(from, OPTIONS), message, /MNIST could not be downloaded/);
    expect(await readdir(from.cacheDir)).toEqual([]);
  });

  it('is refused when the body has no end', async () => {
    const from = source(
      await mirror((_, response) => {
        const block = new Uint8Array(2 ** 20);
        response.on('drain', send);
        function send() {
          while (!response.destroyed && response.write(block));
        }
        send();
      }),
    );
    await expectRefusal(openIdxDataset(from, OPTIONS), /more than the expected 67108864 bytes/);
    expect(await readdir(from.cacheDir)).toEqual([]);
  });

  it('names files, checksums and places when no mirror can be reached', async () => {
    const from = source(await mirror(serving({})), 'http://127.0.0.1:1/');
    const lines: string[] = [];
    await expectRefusal(
      openIdxDataset(from, { ...OPTIONS, onProgress: (line) => lines.push(line) }),
      `${from.mirrors[0]}: HTTP 404; http://127.0.0.1:1/: `,
      `${IMAGES}.gz (SHA-256 unpacked: ${sha256(images)})`,
      `${LABELS}.gz (SHA-256 unpacked: ${sha256(labels)})`,
      `put them into ${from.cacheDir}, or`,
      /--data-dir/,
    );
    expect(lines).toHaveLength(2);
  });

  it('says that a server is down', async () => {
    const url = await mirror(serving(good));
    await new Promise((closed) => servers.pop()!.close(closed));
    await expectRefusal(openIdxDataset(source(url), OPTIONS), `${url}: connect ECONNREFUSED 127.0.0.1`);
  });

  it('gives up on a server that falls silent', async () => {
    const silent = await mirror(() => {});
    const stuck = await mirror((_, response) => response.writeHead(200).write('x'));
    const from = { ...source(silent, stuck), stallMs: 100 };
    const noData = 'no data for 0.1 s';
    await expectRefusal(openIdxDataset(from, OPTIONS), `${silent}: ${noData}; ${stuck}: ${noData}`);
  });

  it('refuses a cached file with the wrong checksum, and leaves it alone', async () => {
    const from = source();
    await mkdir(from.cacheDir, { recursive: true });
    await writeFile(join(from.cacheDir, IMAGES), labels);
    await writeFile(join(from.cacheDir, LABELS), labels);
    await expectRefusal(
      openIdxDataset(from, OPTIONS),
      `${join(from.cacheDir, IMAGES)}: found SHA-256 ${sha256(labels)} of its unpacked bytes, expected ${sha256(images)}`,
      /delete it/,
    );
    expect(await readFile(join(from.cacheDir, IMAGES))).toEqual(labels);
  });

  it('says that the cache cannot be written', async () => {
    const blocked = join(await dataDir({ file: labels }), 'file', 'mnist');
    const from = { ...source(await mirror(serving(good))), cacheDir: blocked };
    await expectRefusal(
      openIdxDataset(from, OPTIONS),
      `the cache folder ${blocked} lies below something that is not a folder`,
      /set XDG_CACHE_HOME/,
    );
  });
});

describe('fashion-mnist', () => {
  it('is read from a folder in the same layout, under its own name', async () => {
    const path = await dataDir(good);
    const { description } = await openFashionMnist({ ...OPTIONS, dataDir: path });
    expect(description).toMatchObject({
      name: 'fashion-mnist',
      count: 12,
      sha256: sha256(images.subarray(16)),
    });
  });

  it('is checked as it is downloaded, gzipped, where those are the checksums that its makers gave', async () => {
    const packed = { [IMAGES]: sha256(good[`${IMAGES}.gz`]!), [LABELS]: sha256(good[`${LABELS}.gz`]!) };
    const from = { ...source(await mirror(serving(good))), checked: 'gzipped', sha256: packed } as const;
    expectMade(await openIdxDataset(from, OPTIONS));
    expectMade(await openIdxDataset({ ...from, mirrors: [] }, OPTIONS));
    const other = gzipSync(images, { level: 1 });
    await writeFile(join(from.cacheDir, `${IMAGES}.gz`), other);
    await expectRefusal(
      openIdxDataset(from, OPTIONS),
      `found SHA-256 ${sha256(other)} of its gzipped bytes, expected ${packed[IMAGES]}`,
    );
  });

  it('has a cache folder of its own', () => {
    expect(officialFashionMnist({ XDG_CACHE_HOME: '/caches' }).cacheDir).toBe(
      '/caches/gan-onnx/fashion-mnist',
    );
  });
});

describe('the official MNIST', () => {
  it('is cached below $XDG_CACHE_HOME, or ~/.cache when that is no absolute path', () => {
    expect(officialMnist({ XDG_CACHE_HOME: '/caches' }).cacheDir).toBe('/caches/gan-onnx/mnist');
    for (const env of [{}, { XDG_CACHE_HOME: '' }, { XDG_CACHE_HOME: 'here' }]) {
      expect(officialMnist(env).cacheDir).toBe(join(homedir(), '.cache/gan-onnx/mnist'));
    }
  });

  it('passes the checksums and holds 60,000 digits as its authors wrote them', async ({ skip }) => {
    if (noMnist) console.log(`skipped: ${WHY_NOT}`);
    skip(noMnist, WHY_NOT);
    const names = [`${IMAGES}.gz`, `${LABELS}.gz`];
    const files = Object.fromEntries(names.map((name) => [name, readFileSync(join(MNIST_DIR, name))]));
    const from = {
      ...officialMnist(),
      mirrors: [await mirror(serving(files))],
      cacheDir: join(folder, 'new'),
    };
    const dataset = await openIdxDataset(from, OPTIONS);
    expect(dataset.description).toMatchObject({ name: 'mnist', count: 60_000, shape: [1, 28, 28] });
    const perLabel = new Array(10).fill(0);
    for (const label of dataset.labels!) perLabel[label]++;
    expect(perLabel).toEqual([5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]);
    const all = new Uint8Array(60_000 * 784);
    dataset.read(
      Uint32Array.from({ length: 60_000 }, (_, i) => i),
      all,
    );
    expect(all.reduce((a, b) => a + b, 0) / all.length).toBeCloseTo(33.318, 3);
    expect(sha256(all)).toBe(dataset.description.sha256);
  });
});
