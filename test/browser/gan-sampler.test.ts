import { copyFileSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Graph } from '../../src/export/index.js';
import { Generator, imageGrid } from '../../src/infer/index.js';
import { DATA_TYPES, decodeModel, encodeModel, type NodeProto, tensorProto } from '../../src/onnx/index.js';
import { type ServedFolder, serveFolder } from '../../src/system/static-server.js';
import { findChromium } from '../support/browser.js';
import { ganOnnx } from '../support/cli.js';

const MODEL = 'models/mnist/generator.onnx';
const temporary = mkdtempSync(join(tmpdir(), 'gan-onnx-test-'));
const folder = join(temporary, 'page');
afterAll(() => rmSync(temporary, { recursive: true, force: true }));

/** A model of the given nodes from `z` float32 [N, 4] to `image`. */
function model(nodes: NodeProto[], constants: Record<string, number[]>): Uint8Array {
  const value = (name: string, dims: (number | string)[]) => ({
    name,
    type: {
      tensor_type: {
        elem_type: DATA_TYPES.float32,
        shape: { dim: dims.map((d) => (typeof d === 'number' ? { dim_value: d } : { dim_param: d })) },
      },
    },
  });
  return encodeModel({
    ir_version: 8,
    opset_import: [{ domain: '', version: 18 }],
    graph: {
      name: 'g',
      node: nodes,
      input: [value('z', ['N', 4])],
      output: [value('image', ['N', 1, 'H', 'W'])],
      initializer: Object.entries(constants).map(([name, values]) =>
        tensorProto(name, 'int64', [values.length], BigInt64Array.from(values, BigInt)),
      ),
    },
  });
}

/** Images of 60,000 x 60,000 for every latent. */
const absurd = model(
  [
    { op_type: 'Reshape', input: ['z', 'small'], output: ['s'] },
    { op_type: 'Expand', input: ['s', 'large'], output: ['image'] },
  ],
  { small: [-1, 1, 2, 2].map((d, i) => (i > 1 ? 1 : d)), large: [1, 1, 60_000, 60_000] },
);

/** A loop of 2^60 rounds. */
function endless(): Uint8Array {
  const scalar = (name: string, type: number) => ({
    name,
    type: { tensor_type: { elem_type: type, shape: { dim: [] } } },
  });
  const body = {
    name: 'body',
    input: [
      scalar('i', DATA_TYPES.int64),
      scalar('go', DATA_TYPES.bool),
      { name: 'x', type: { tensor_type: { elem_type: DATA_TYPES.float32 } } },
    ],
    output: [
      scalar('on', DATA_TYPES.bool),
      { name: 'y', type: { tensor_type: { elem_type: DATA_TYPES.float32 } } },
    ],
    node: [
      { op_type: 'Identity', input: ['go'], output: ['on'] },
      { op_type: 'Sin', input: ['x'], output: ['y'] },
    ],
  };
  return model(
    [
      { op_type: 'Reshape', input: ['z', 'small'], output: ['s'] },
      { op_type: 'Squeeze', input: ['rounds'], output: ['m'] },
      {
        op_type: 'Loop',
        input: ['m', '', 's'],
        output: ['image'],
        attribute: [{ name: 'body', type: 5, g: body }],
      },
    ],
    { small: [-1, 1, 2, 2], rounds: [2 ** 60] },
  );
}

/** A batch that nobody can draw. */
function absurdBatch(): Uint8Array {
  const decoded = decodeModel(readFileSync(MODEL));
  decoded.graph!.input![0]!.type!.tensor_type!.shape!.dim![0] = { dim_value: 5_000_000 };
  return encodeModel(decoded);
}

/** Weights in a file beside it. */
function external(): Uint8Array {
  const decoded = decodeModel(readFileSync(MODEL));
  const weight = decoded.graph!.initializer!.find(({ dims }) => dims!.length === 2)!;
  delete weight.raw_data;
  weight.data_location = 1;
  weight.external_data = [{ key: 'location', value: '../../etc/passwd' }];
  return encodeModel(decoded);
}

function twoOutputs(): Uint8Array {
  const graph = new Graph('two');
  const z = graph.input('z', 'float32', ['N', 4]);
  graph.output('a', z.tanh());
  graph.output('b', z.sigmoid());
  return graph.toBytes();
}

let browser: Browser;
let server: ServedFolder;
const violations: string[] = [];

async function open(path = '', viewport = { width: 1000, height: 800 }): Promise<Page> {
  const page = await browser.newPage({ viewport });
  page.on('console', (message) => {
    if (/Content Security Policy/.test(message.text())) violations.push(message.text());
  });
  page.on('pageerror', (error) => violations.push(error.message));
  await page.goto(new URL(path, server.url).href);
  return page;
}

/** Waits until the element has drawn, or has said what is wrong. */
function settled(page: Page): Promise<{ error: string; status: string; label: string | null }> {
  return page.evaluate(async () => {
    const element = document.querySelector('gan-sampler') as HTMLElement & { whenDrawn(): Promise<void> };
    await customElements.whenDefined('gan-sampler');
    await element.whenDrawn();
    const text = (role: string): string => element.shadowRoot!.querySelector(`[role=${role}]`)!.textContent!;
    const label = element.shadowRoot!.querySelector('canvas')!.getAttribute('aria-label');
    return { error: text('alert'), status: text('status'), label };
  });
}

/** Red of every pixel of the canvas, and its size. */
function pixels(page: Page): Promise<{ width: number; height: number; red: number[] }> {
  return page.evaluate(() => {
    const canvas = document.querySelector('gan-sampler')!.shadowRoot!.querySelector('canvas')!;
    const { width, height } = canvas;
    const { data } = canvas.getContext('2d')!.getImageData(0, 0, width, height);
    return { width, height, red: Array.from({ length: width * height }, (_, i) => data[4 * i]!) };
  });
}

async function setAttributes(page: Page, attributes: Record<string, string | null>): Promise<void> {
  await page.evaluate((values) => {
    const element = document.querySelector('gan-sampler')!;
    for (const [name, value] of Object.entries(values)) {
      if (value === null) element.removeAttribute(name);
      else element.setAttribute(name, value);
    }
  }, attributes);
}

/** A GPU that two cores play. */
const SOFTWARE_GPU = [
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  '--enable-features=Vulkan',
];

/** Where the model runs, and why there. */
function placement(page: Page): Promise<{ device: string; reason: string }> {
  return page.evaluate(() => {
    const element = document.querySelector('gan-sampler') as unknown as {
      generator: { placement: { device: string; reason: string } };
    };
    const { device, reason } = element.generator.placement;
    return { device, reason };
  });
}

/** What Node draws. */
async function expectedGrid(seed: number): Promise<number[]> {
  const generator = await Generator.load(MODEL);
  const samples = await generator.sample({ count: 25, seed });
  await generator.release();
  return [...imageGrid(samples, { columns: 5 }).data];
}

function furthest(a: readonly number[], b: readonly number[]): number {
  expect(a.length).toBe(b.length);
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);
}

const chromiumPath = findChromium();

describe.runIf(chromiumPath !== undefined)('<gan-sampler> in a page', () => {
  beforeAll(async () => {
    const options = ['--controls', '--sliders', '2', '--interpolate', 'spherical'];
    const { code, stderr } = await ganOnnx(['embed', MODEL, '--out', folder, ...options]);
    expect(stderr).not.toContain('gan-onnx:');
    expect(code).toBe(0);
    copyFileSync('examples/embed/index.html', join(folder, 'smallest.html'));
    writeFileSync(join(folder, 'corrupt.onnx'), readFileSync(MODEL).subarray(0, 5000));
    writeFileSync(join(folder, 'text.onnx'), 'not a model at all');
    writeFileSync(join(folder, 'two.onnx'), twoOutputs());
    writeFileSync(join(folder, 'absurd.onnx'), absurd);
    writeFileSync(join(folder, 'endless.onnx'), endless());
    writeFileSync(join(folder, 'batch.onnx'), absurdBatch());
    writeFileSync(join(folder, 'external.onnx'), external());
    writeFileSync(join(folder, 'huge.onnx'), '');
    truncateSync(join(folder, 'huge.onnx'), 600 * 2 ** 20);
    server = await serveFolder(folder);
    browser = await chromium.launch({ executablePath: chromiumPath!, args: ['--no-sandbox'] });
  });

  afterAll(async () => {
    await browser?.close();
    await server?.close();
    expect(violations).toEqual([]);
  });

  it('of ten lines draws 25 digits, those that Node draws within one level', async () => {
    expect(readFileSync('examples/embed/index.html', 'utf8').trim().split('\n').length).toBeLessThanOrEqual(
      10,
    );
    const page = await open('smallest.html');
    expect(await settled(page)).toEqual({
      error: '',
      status: '',
      label: 'Images drawn by a generator: samples 0 to 24 of seed 1',
    });
    const { width, height, red } = await pixels(page);
    expect([width, height]).toEqual([152, 152]);
    expect(furthest(red, await expectedGrid(1))).toBeLessThanOrEqual(1);
    await page.close();
  });

  it('works under the policy that its page sets, and where the page is not cross-origin isolated', async () => {
    const plain = await serveFolder(folder, {
      headers: { 'Cross-Origin-Opener-Policy': 'unsafe-none', 'Cross-Origin-Embedder-Policy': 'unsafe-none' },
    });
    const page = await browser.newPage();
    page.on('console', (message) => violations.push(message.text()));
    await page.goto(plain.url);
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(false);
    expect((await settled(page)).error).toBe('');
    expect(furthest((await pixels(page)).red, await expectedGrid(1))).toBeLessThanOrEqual(1);
    await page.close();
    await plain.close();
  });

  it.each([
    ['on a phone', 360, 640, {}],
    ['on a desktop', 1280, 800, {}],
    ['when it says what is wrong', 1280, 800, { src: 'missing.onnx' }],
  ])('has nothing for axe to find, %s', async (_, width, height, attributes) => {
    const page = await open('', { width, height });
    await settled(page);
    await setAttributes(page, attributes as Record<string, string>);
    await settled(page);
    // Not as a script of the page, whose policy would refuse it.
    await page.evaluate(readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8'));
    const found = await page.evaluate(async () => {
      const { axe } = globalThis as unknown as {
        axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
      };
      return (await axe.run()).violations.map(({ id, nodes }) => `${id}: ${nodes[0]!.html}`);
    });
    expect(found).toEqual([]);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
    await page.close();
  });

  it('is worked by keyboard alone: sliders move the images, the button draws others', async () => {
    const page = await open();
    await settled(page);
    const before = (await pixels(page)).red;
    await page.keyboard.press('Tab');
    for (let i = 0; i < 15; i++) await page.keyboard.press('ArrowRight');
    await settled(page);
    const moved = (await pixels(page)).red;
    expect(furthest(moved, before)).toBeGreaterThan(50);
    for (let i = 0; i < 15; i++) await page.keyboard.press('ArrowLeft');
    await settled(page);
    expect((await pixels(page)).red).toEqual(before);
    await page.keyboard.press('Tab');
    await page.keyboard.press('Tab');
    await page.keyboard.press('End');
    await settled(page);
    // All the way to the samples of the next seed.
    expect(furthest((await pixels(page)).red, await expectedGrid(2))).toBeLessThanOrEqual(1);
    await page.keyboard.press('Home');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    expect((await settled(page)).label).toContain('of seed 2');
    expect(furthest((await pixels(page)).red, await expectedGrid(2))).toBeLessThanOrEqual(1);
    await page.close();
  });

  it.each([
    [{ src: 'missing.onnx' }, /missing\.onnx cannot be loaded \(HTTP 404\): check the address/],
    [{ src: 'text.onnx' }, /text\.onnx is no generator that can be drawn: not an ONNX model, or damaged/],
    [
      { src: 'corrupt.onnx' },
      /corrupt\.onnx is no generator that can be drawn: not an ONNX model, or damaged/,
    ],
    [{ src: 'index.html' }, /index\.html is no generator that can be drawn: not an ONNX model, or damaged/],
    [
      { src: 'two.onnx' },
      /two\.onnx is no generator that can be drawn: .* it has 2 outputs, expected one \(a, b\)/,
    ],
    [{ src: 'huge.onnx' }, /huge\.onnx is larger than 536870912 bytes, expected a generator/],
    [
      { src: 'absurd.onnx' },
      /absurd\.onnx is no generator .*: ONNX Runtime cannot run it \(Tensor shape is too large\)/,
    ],
    [{ src: 'batch.onnx' }, /batch\.onnx is no generator .* batches of 5000000 latents of 64 components/],
    [{ range: '0 ' }, /attribute range="0 " is not possible: expected two numbers, black and white/],
    [{ src: 'external.onnx' }, /external\.onnx is no generator .* keeps its data in another file/],
    [
      { src: 'endless.onnx', timeout: '1' },
      /endless\.onnx is no generator .* it took longer than 1 s and was stopped/,
    ],
    [{ src: '' }, /attribute src is missing: expected the address of a generator\.onnx/],
    [
      { src: 'http://127.0.0.1:1/x.onnx' },
      /x\.onnx cannot be loaded \(.*\): check the address and the connection/,
    ],
    [{ device: 'webgpu' }, /device webgpu is not offered by this browser: it needs a browser with WebGPU/],
    [{ device: 'npu' }, /attribute device="npu" is not possible: expected one of auto, wasm, webgpu, cpu/],
    [{ count: '0' }, /attribute count="0" is not possible: expected a whole number from 1 to 10000/],
    [{ seed: '-1' }, /attribute seed="-1" is not possible: expected a whole number from 0/],
    [{ range: '1 0' }, /range is \[1,0\]: expected two numbers, \[black, white\]/],
  ])('says in plain words that %j cannot be, and goes on', async (attributes, message) => {
    const page = await open('smallest.html');
    await settled(page);
    await setAttributes(page, attributes as Record<string, string>);
    expect((await settled(page)).error).toMatch(message);
    const good = {
      src: 'generator.onnx',
      device: 'wasm',
      count: '25',
      seed: '1',
      range: null,
      timeout: null,
    };
    await setAttributes(page, good);
    expect((await settled(page)).error).toBe('');
    expect(furthest((await pixels(page)).red, await expectedGrid(1))).toBeLessThanOrEqual(1);
    await page.close();
  });

  it('draws the same on a GPU', async () => {
    const gpu = await chromium.launch({
      executablePath: chromiumPath!,
      args: ['--no-sandbox', ...SOFTWARE_GPU],
    });
    const page = await gpu.newPage();
    await page.goto(new URL('smallest.html', server.url).href);
    await settled(page);
    await setAttributes(page, { device: 'webgpu' });
    expect((await settled(page)).error).toBe('');
    expect((await placement(page)).device).toBe('webgpu');
    expect(furthest((await pixels(page)).red, await expectedGrid(1))).toBeLessThanOrEqual(1);
    await gpu.close();
  });

  it('shows no picture of a generator that is gone', async () => {
    const page = await open('smallest.html');
    await settled(page);
    const visible = (): Promise<boolean> => page.locator('gan-sampler canvas').isVisible();
    expect(await visible()).toBe(true);
    await setAttributes(page, { src: 'missing.onnx' });
    await settled(page);
    expect(await visible()).toBe(false);
    await page.close();
  });

  it('does without the files of WebGPU when it may choose', async () => {
    const wasmOnly = join(temporary, 'wasm');
    await ganOnnx(['embed', MODEL, '--out', wasmOnly, '--device', 'wasm']);
    copyFileSync('examples/embed/index.html', join(wasmOnly, 'index.html'));
    const plain = await serveFolder(wasmOnly);
    const gpu = await chromium.launch({
      executablePath: chromiumPath!,
      args: ['--no-sandbox', ...SOFTWARE_GPU],
    });
    const page = await gpu.newPage();
    await page.goto(plain.url);
    expect((await settled(page)).error).toBe('');
    expect(await placement(page)).toMatchObject({
      device: 'wasm',
      reason: expect.stringMatching(/^webgpu cannot be used \(Failed to fetch dynamically imported module/),
    });
    await gpu.close();
    await plain.close();
  });

  it('lets its model go when it is taken out of the page', async () => {
    const page = await open('smallest.html');
    await settled(page);
    expect(page.workers()).toHaveLength(1);
    await page.evaluate(() => document.querySelector('gan-sampler')!.remove());
    await expect.poll(() => page.workers().length).toBe(0);
    await page.close();
  });
});

describe('the files of <gan-sampler>', () => {
  it('are at most 20 kB gzipped, all together', () => {
    const files = ['gan-sampler.js', 'gan-sampler-worker.js'];
    const sizes = files.map((name) => gzipSync(readFileSync(join('dist/page', name))).length);
    expect(sizes.reduce((a, b) => a + b, 0)).toBeLessThanOrEqual(20_000);
  });
});
