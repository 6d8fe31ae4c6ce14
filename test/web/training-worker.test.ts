/** The playground's training worker in headless Chromium, on what `npm run build` makes. */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { unzipSync, zipSync } from 'fflate';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Generator } from '../../src/infer/node.js';
import { serveFolder } from '../../src/system/static-server.js';
import { readRunCheckpoint } from '../../src/train/resume.js';
import type { Settings } from '../../web/playground/protocol.js';
import { findChromium } from '../support/browser.js';
import { ganOnnx, temporaryFolder } from '../support/cli.js';
import { type OpenPlayground, openPlayground } from '../support/playground.js';
import { DIGITS, IMAGES, POINTS } from '../support/playground-settings.js';

const SOFTWARE_GPU = [
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  '--enable-features=Vulkan',
];

/** A file that was taken home. */
interface Taken {
  name: string;
  bytes: Uint8Array;
}

/** Files of a folder, as the page brings them. */
const brought = (files: Record<string, Uint8Array>): string =>
  `[${Object.entries(files)
    .map(
      ([name, bytes]) =>
        `{ name: ${JSON.stringify(name)}, bytes: Uint8Array.from(atob('${Buffer.from(bytes).toString('base64')}'), (c) => c.charCodeAt(0)) }`,
    )
    .join()}]`;

/** Writes the contents of a zip below a folder. */
function unpack({ bytes }: Taken, folder: string): string[] {
  const files = unzipSync(bytes);
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
  return Object.keys(files);
}

describe.skipIf(findChromium() === undefined)('the training worker', () => {
  let browser: OpenPlayground;
  beforeAll(async () => {
    browser = await openPlayground(SOFTWARE_GPU);
  }, 60_000);
  afterAll(() => browser?.close());
  beforeEach(async () => {
    await browser.page.evaluate('events.length = 0');
  });

  const start = (settings: Settings) => browser.ask('start', settings);
  async function take(what: 'generator' | 'checkpoint' | 'page'): Promise<Taken> {
    const { name, bytes } = await browser.ask('take', what);
    return { name, bytes: Buffer.from(bytes, 'base64') };
  }
  /** SHA-256 of the checkpoint's zip, in which the same files are the same bytes. */
  const bits = (): Promise<string> =>
    browser.page.evaluate(`ask('take', 'checkpoint').then(async ({ answer: { bytes } }) =>
      String(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))))`);
  const kinds = async (kind: string) => (await browser.events()).filter((event) => event.kind === kind);

  it('trains digits 50 steps on WASM; generator.onnx samples in Node what the page draws', async () => {
    const info = await start({ ...DIGITS, batchSize: 8 });
    expect(info).toMatchObject({ step: 0, device: 'wasm', count: 60_000 });
    expect(info.threads).toBeGreaterThanOrEqual(1);
    expect((await browser.ask('step', 50)).step).toBe(50);
    const rows = (await kinds('steps')).flatMap((event) => (event.kind === 'steps' ? event.rows : []));
    expect(rows.map(({ step }) => step)).toEqual(Array.from({ length: 50 }, (_, i) => i + 1));
    await browser.ask('watch', { interval: 0, seed: 5, count: 4 });
    const look = await browser.ask('look');
    expect(look).toMatchObject({ step: 50, kind: 'images', samples: { count: 4, width: 28, height: 28 } });
    const { bytes } = await take('generator');
    const generator = await Generator.load(bytes, { threads: 1 });
    const { data } = await generator.sample({ count: 4, seed: 5 });
    const red = look.samples.rgba.filter((_: number, i: number) => i % 4 === 0);
    const apart = red.map((x: number, i: number) => Math.abs(x - (data[i]! + 1) * 127.5));
    expect(Math.max(...apart)).toBeLessThan(1);
    await generator.release();
  }, 300_000);

  it('trains on a while, answers meanwhile, and pauses', async () => {
    await start(POINTS);
    await browser.ask('watch', { interval: 0, seed: 0, count: 4 });
    await browser.ask('play');
    await browser.ask('play');
    const drawing = await browser.askWith('explore', 'new Float32Array([0, 1])');
    expect(drawing).toMatchObject({ kind: 'points', count: 2, dimension: 1 });
    await expect.poll(async () => (await kinds('look')).length, { timeout: 20_000 }).toBeGreaterThan(2);
    const { step } = await browser.ask('pause');
    expect(step).toBeGreaterThan(0);
    expect((await browser.ask('look')).step).toBe(step);
    expect((await kinds('saved')).at(-1)).toMatchObject({ step });
  }, 60_000);

  it('keeps its head when requests come all at once', async () => {
    await start(POINTS);
    const all = `(async () => {
      const settings = ${JSON.stringify({ ...POINTS, seed: 8 })};
      const asked = [
        ask('play'), ask('step', 2), ask('step', 2), ask('play'), ask('look'), ask('start', settings), ask('play'),
        ask('step', 1), ask('pause'), ask('step', 2), ask('step', 1),
      ];
      return plain(await Promise.all(asked));
    })()`;
    const answers = await browser.page.evaluate<{ error?: string }[]>(all);
    expect(answers.filter(({ error }) => error !== undefined)).toEqual([]);
    const { step, settings } = await browser.ask('pause');
    expect(settings.seed).toBe(8);
    // Nothing trains on behind the page's back.
    await browser.page.waitForTimeout(300);
    expect((await browser.ask('look')).step).toBe(step);
    expect(await kinds('stopped')).toEqual([]);
  }, 60_000);

  it.each([
    ['points', POINTS],
    ['digits', DIGITS],
  ] as const)(
    'goes on with %s after a reload as if there had been none, bit for bit',
    async (_, settings) => {
      await start(settings);
      await browser.ask('step', 6);
      const unbroken = await bits();
      await start(settings);
      await browser.ask('step', 4);
      await browser.reload();
      const { units: _units, ...decisive } = settings;
      expect(await browser.ask('restore')).toMatchObject({ step: 4, settings: decisive });
      await browser.ask('step', 2);
      expect(await bits()).toBe(unbroken);
    },
    120_000,
  );

  it('takes the save before when the last one is torn, and starts anew when there is none', async () => {
    await start(POINTS);
    await browser.ask('step', 2);
    await browser.ask('step', 2);
    await browser.page.evaluate(`(async () => {
      const root = await navigator.storage.getDirectory();
      const folder = await root.getDirectoryHandle('gan-onnx-playground');
      const files = [];
      for (const name of ['run-0', 'run-1']) {
        const handle = await folder.getFileHandle(name);
        const file = await handle.getFile();
        files.push({ handle, sequence: Number(/"sequence":(\\d+)/.exec(await file.slice(0, 200).text())[1]), file });
      }
      files.sort((a, b) => b.sequence - a.sequence);
      const writable = await files[0].handle.createWritable();
      await writable.write(await files[0].file.slice(0, files[0].file.size - 10).arrayBuffer());
      await writable.close();
    })()`);
    await browser.reload();
    expect(await browser.ask('restore')).toMatchObject({ step: 2 });
    await browser.ask('forget');
    await browser.reload();
    expect(await browser.ask('restore')).toBeUndefined();
  }, 60_000);

  it('trains on where the storage refuses, and says so once', async () => {
    const session = await browser.page.context().newCDPSession(browser.page);
    const origin = new URL(browser.page.url()).origin;
    await start(POINTS);
    await session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 1 });
    try {
      expect((await browser.ask('step', 2)).step).toBe(2);
      expect((await browser.ask('step', 2)).step).toBe(4);
      const notices = (await kinds('notice')).map((event) => (event.kind === 'notice' ? event.message : ''));
      expect(notices).toHaveLength(1);
      expect(notices[0]).toMatch(/^the run cannot be saved \(.+\): training goes on, but a reload loses it$/);
    } finally {
      await session.send('Storage.overrideQuotaForOrigin', { origin });
    }
    await browser.ask('step', 1);
    expect((await kinds('saved')).at(-1)).toMatchObject({ step: 5 });
  }, 60_000);

  it('leaves the save of another page alone', async () => {
    await start(POINTS);
    await browser.ask('step', 2);
    const other = await browser.page.context().newPage();
    try {
      await other.goto(browser.page.url());
      const asked = `(async () => {
        await ask('start', ${JSON.stringify({ ...POINTS, seed: 9 })});
        await ask('step', 1);
        return plain(events).filter(({ kind }) => kind === 'notice' || kind === 'saved');
      })()`;
      const told = await other.evaluate<{ kind: string; message: string }[]>(asked);
      expect(told.map(({ kind }) => kind)).toEqual(['notice']);
      expect(told[0]!.message).toContain('another page has the playground open');
    } finally {
      await other.close();
    }
    await browser.reload();
    expect(await browser.ask('restore')).toMatchObject({ step: 2, settings: { seed: POINTS.seed } });
  }, 60_000);

  it('gives a checkpoint with which the command line goes on, and goes on with one of its', async () => {
    const folder = temporaryFolder();
    await start(DIGITS);
    await browser.ask('step', 2);
    const taken = await take('checkpoint');
    expect(taken.name).toBe('digits-2.zip');
    unpack(taken, folder);
    const run = join(folder, 'digits-2');
    const resumed = await ganOnnx(['train', '--resume', run, '--max-steps', '4', '--threads', '1']);
    expect(resumed.stderr).toContain('going on after step 2');
    expect(resumed.code).toBe(0);

    const checkpoint = join(run, 'checkpoints', '4');
    const files = Object.fromEntries(
      ['generator.checkpoint', 'discriminator.checkpoint', 'SHA256SUMS'].map((name) => [
        `digits-2/checkpoints/4/${name}`,
        readFileSync(join(checkpoint, name)),
      ]),
    );
    await start(POINTS);
    expect(await browser.askWith('bring', brought(files))).toMatchObject({
      step: 4,
      settings: { data: { kind: 'digits' }, network: 'mlp' },
    });
    expect((await browser.ask('step', 1)).step).toBe(5);
  }, 120_000);

  it('takes points that were drawn by hand along', async () => {
    const folder = temporaryFolder();
    const settings = `{ ...${JSON.stringify(POINTS)}, data: { kind: 'drawn', dimension: 2, points: new Float32Array([-1, 0.5, 1, -0.25]) }, latentSize: 2 }`;
    await browser.askWith('start', settings);
    await browser.ask('step', 2);
    const look = await browser.ask('look');
    expect(look.kind).toBe('plane');
    expect(look.discriminator.length).toBe(look.cells ** 2);
    expect(look.manifold.length % (look.manifoldLines * 2)).toBe(0);
    unpack(await take('checkpoint'), folder);
    const run = join(folder, 'drawn-2');
    const { code, stderr } = await ganOnnx(['train', '--resume', run, '--max-steps', '3', '--threads', '1']);
    expect(stderr).toContain('points on drawn');
    expect(code).toBe(0);
    expect((await readRunCheckpoint(run)).record.config.drawn!.points).toEqual([-1, 0.5, 1, -0.25]);
  }, 60_000);

  /** An expression for `count` PNG files, and for what else was dropped. */
  const dropped = (count: number, others = ''): string => `(async () => {
    const files = [];
    for (let i = 0; i < ${count}; i++) {
      const canvas = new OffscreenCanvas(12, 9);
      const context = canvas.getContext('2d');
      context.fillStyle = 'rgb(' + [i * 12, 255 - i * 12, 90] + ')';
      context.fillRect(0, 0, 12, 9);
      context.fillStyle = '#fff';
      context.fillRect(i % 8, 1, 3, 3);
      files.push(new File([await canvas.convertToBlob()], 'picture ' + i + '.png'));
    }
    files.push(${others});
    return { ...${JSON.stringify(IMAGES)}, data: { kind: 'images', files } };
  })()`;

  it('trains on 20 dropped images, keeps them over a reload, and lets the command line go on', async () => {
    // The head of a PNG of 100,000 x 100,000 pixels.
    const bomb =
      'new Uint8Array([137, 80, 78, 71, 13, 10, 26, 10, 0, 0, 0, 13, 73, 72, 68, 82, 0, 1, 134, 160, 0, 1, 134, 160, 8, 0, 0, 0, 0, 0, 0, 0])';
    const others = `new File(['no image'], 'notes.txt'), new File([], 'empty.png'), new File([${bomb}], 'bomb.png')`;
    const info = await browser.askWith('start', dropped(20, others));
    expect(info).toMatchObject({ count: 20, settings: { batchSize: 20 } });
    expect(info.skipped.map(({ name }: { name: string }) => name)).toEqual([
      'notes.txt',
      'empty.png',
      'bomb.png',
    ]);
    expect(info.skipped[2].reason).toBe('10000000000 pixels, more than 33554432');
    expect(info.notices).toEqual(['20 images make no batches of 64: they have 20 each']);
    await browser.ask('step', 2);
    const before = await bits();
    await browser.reload();
    expect(await browser.ask('restore')).toMatchObject({ step: 2, count: 20, settings: { batchSize: 20 } });
    expect(await bits()).toBe(before);

    const folder = temporaryFolder();
    const taken = await take('checkpoint');
    const names = unpack(taken, folder);
    expect(names.filter((name) => /^images\/\d{5}\.png$/.test(name))).toHaveLength(20);
    const readme = readFileSync(join(folder, 'README.txt'), 'utf8');
    expect(readme).toContain('gan-onnx train --resume images-2 --data-dir images');
    const flags = ['--resume', join(folder, 'images-2'), '--data-dir', join(folder, 'images')];
    const { code, stderr } = await ganOnnx(['train', ...flags, '--max-steps', '3', '--threads', '1']);
    expect(stderr).toContain('going on after step 2');
    expect(code).toBe(0);

    await start(POINTS);
    const zip = brought({ 'run.zip': taken.bytes });
    expect(await browser.askWith('bring', zip)).toMatchObject({ step: 2, count: 20 });
  }, 120_000);

  it('refuses what cannot be, in one line, and the run goes on', async () => {
    await start(POINTS);
    await browser.ask('step', 3);
    const refusal = async (request: 'start' | 'bring' | 'view' | 'explore' | 'step', argument: string) => {
      const message = await browser.askWith(request, argument).then(
        () => 'no error',
        (error: Error) => error.message,
      );
      expect(message).not.toMatch(/[\n\r]| {4}at /);
      return message;
    };
    const settings = (changes: object) => JSON.stringify({ ...POINTS, ...changes });
    expect(await refusal('start', settings({ batchSize: 0 }))).toContain('batchSize is 0');
    expect(await refusal('start', settings({ units: 1e9 }))).toContain('of memory');
    expect(await refusal('start', settings({ network: 'mlp' }))).toContain('made of points');
    expect(await refusal('start', settings({ data: { kind: 'drawn', dimension: 1, points: [] } }))).toContain(
      '0 points are drawn',
    );
    expect(await refusal('start', dropped(0, `new File(['x'], 'a.txt')`))).toContain(
      'none of 1 files can be used',
    );
    expect(await refusal('step', '0')).toContain('expected a whole number');
    expect(await refusal('explore', 'new Float32Array([NaN])')).toContain('not a number');

    expect(await refusal('bring', '[]')).toContain('no checkpoint is among 0 files');
    const files = unzipSync((await take('checkpoint')).bytes);
    const [path, good] = Object.entries(files).find(([name]) => name.endsWith('/generator.checkpoint'))!;
    const bad = (bytes: Uint8Array) => brought({ 'run.zip': zipSync({ ...files, [path]: bytes }) });
    const sums = { [path.replace(/generator\.checkpoint$/, 'SHA256SUMS')]: new Uint8Array() };
    expect(await refusal('bring', bad(good.map((x, i) => (i === 300 ? x ^ 1 : x))))).toContain('is damaged');
    const cut = { 'run.zip': zipSync({ ...files, ...sums, [path]: good.subarray(0, 200) }) };
    expect(await refusal('bring', brought(cut))).toContain(
      'the checkpoint cannot be used: generator.checkpoint',
    );
    const whole = zipSync(files);
    expect(await refusal('bring', brought({ 'run.zip': whole.subarray(0, 700) }))).toContain(
      'cannot be used',
    );
    const model = brought({ 'generator.onnx': (await take('generator')).bytes });
    expect(await refusal('bring', model)).toContain('is a model, which can be looked at');
    expect(await refusal('view', `(${brought({ 'x.onnx': Buffer.from('nonsense') })})[0]`)).toContain(
      'x.onnx cannot be used',
    );
    expect((await browser.ask('step', 1)).step).toBe(4);
  }, 120_000);

  it('stops when training diverges, and is back at the last save', async () => {
    await start({ ...POINTS, optimizer: 'sgd', learningRate: 1e30, momentum: 0 });
    const { step } = await browser.ask('step', 20);
    expect(step).toBe(0);
    const stopped = (await kinds('stopped')).at(-1);
    expect((stopped as { message: string }).message).toMatch(
      /^training has diverged: step \d+: .* is .*: back at its start; a smaller learning rate may help$/,
    );
    expect((await browser.ask('look')).step).toBe(0);
  }, 60_000);

  it('draws with a generator that was brought, beside the run', async () => {
    await start(POINTS);
    const file = readFileSync(new URL('../../models/mnist/generator.onnx', import.meta.url));
    const info = await browser.askWith('view', `(${brought({ 'mnist.onnx': file })})[0]`);
    expect(info).toEqual({ source: 'mnist.onnx', latentSize: 64, distribution: 'normal' });
    const drawn = await browser.askWith('explore', 'new Float32Array(128)');
    expect(drawn).toMatchObject({ kind: 'images', count: 2, width: 28, height: 28 });
    expect(await browser.ask('view', null)).toMatchObject({ source: 'run', latentSize: 1 });
    expect((await browser.askWith('explore', 'new Float32Array(1)')).kind).toBe('points');
  }, 60_000);

  it('gives a page that draws from any static host', async () => {
    await start(DIGITS);
    const folder = temporaryFolder();
    const taken = await take('page');
    unpack(taken, folder);
    const served = await serveFolder(join(folder, taken.name.replace('.zip', '')));
    const page = await browser.page.context().newPage();
    try {
      await page.goto(served.url);
      const drawn = `document.querySelector('gan-sampler').shadowRoot.querySelector('canvas')?.width > 0`;
      await expect.poll(() => page.evaluate(drawn), { timeout: 30_000 }).toBe(true);
    } finally {
      await page.close();
      await served.close();
    }
  }, 60_000);

  it('trains digits 5 steps on WebGPU', async () => {
    const info = await start({ ...DIGITS, device: 'webgpu', batchSize: 4 });
    expect(info).toMatchObject({ device: 'webgpu', notices: [] });
    expect((await browser.ask('step', 5)).step).toBe(5);
    expect((await browser.ask('look')).step).toBe(5);
  }, 240_000);

  it('goes on from the last save, on WASM, when the GPU is lost', async () => {
    await start({ ...POINTS, device: 'webgpu' });
    expect((await browser.ask('step', 3)).device).toBe('webgpu');
    await browser.ask('play');
    await browser.loseGpu();
    await expect.poll(async () => (await kinds('stopped')).length, { timeout: 60_000 }).toBe(1);
    const [stopped] = await kinds('stopped');
    expect(stopped).toMatchObject({
      message: expect.stringMatching(
        /^the GPU was lost \(.*\): back at the last save, step \d+, on WASM from now on$/,
      ),
    });
    expect(await browser.ask('pause')).toMatchObject({ device: 'wasm', settings: { device: 'wasm' } });
    await browser.ask('step', 1);
  }, 120_000);

  it('trains by the training API', async () => {
    const info = await start({ ...DIGITS, device: 'training-api', batchSize: 4 });
    expect(info).toMatchObject({ device: 'training-api', threads: 1 });
    expect((await browser.ask('step', 3)).step).toBe(3);
    expect((await browser.ask('look')).step).toBe(3);
  }, 120_000);
});

describe.skipIf(findChromium() === undefined)('the training worker of an older browser, not isolated', () => {
  it('trains with one thread, and keeps its run in IndexedDB', async () => {
    const browser = await openPlayground([], { isolated: false, worker: 'old-browser.js' });
    try {
      expect(await browser.ask('restore')).toBeUndefined();
      expect(await browser.ask('start', { ...POINTS, device: 'webgpu' })).toMatchObject({
        device: 'wasm',
        threads: 1,
        notices: ['this browser offers no GPU (WebGPU), so training goes on WASM'],
      });
      await browser.ask('step', 2);
      await browser.ask('step', 2);
      const names = `indexedDB.databases().then((all) => all.map(({ name }) => name))`;
      expect(await browser.page.evaluate(names)).toEqual(['gan-onnx-playground']);
      await browser.reload();
      expect(await browser.ask('restore')).toMatchObject({ step: 4 });
      await browser.ask('forget');
      await browser.reload();
      expect(await browser.ask('restore')).toBeUndefined();
    } finally {
      await browser.close();
    }
  }, 120_000);
});
