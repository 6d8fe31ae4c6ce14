/** What goes home: generator.onnx, the checkpoint as a run folder, and a page that any static host shows. */

import { ELEMENT_FILES, PAGE_STYLE, pageText, RUNTIME_FILES } from '../../../src/embed/page-text.js';
import { buildGeneratorModel } from '../../../src/export/index.js';
import { sampleLatents } from '../../../src/infer/latents.js';
import { holdsPoints } from '../../../src/train/data/dataset.js';
import { sha256Base64 } from '../../../src/train/sha256.js';
import { type Dataset, UserError } from '../../../src/train/web.js';
import type { NamedFile, PlaygroundEvent, Requests } from '../protocol.js';
import { dataDrawing } from './images-of.js';
import { checkpointOf } from './keeper.js';
import type { OpenRun } from './open-run.js';
import { IMAGES, runFiles } from './run-files.js';
import { VERSION } from './version.js';
import { makeZip } from './zip.js';

export type What = Parameters<Requests['take']>[0];

type Emit = (event: PlaygroundEvent) => void;

/** Samples by which a model is compared with the networks that it was made from. */
const COMPARED = 8;
/** The most that the two may differ: normalisation is folded into the layers before it. */
const TOLERANCE = 1e-3;
/** Images encoded between two events of progress. */
const PROGRESS = 50;

const fileName = ({ request, trainer }: OpenRun): string => `${request.config.dataset}-${trainer.done}`;

/** @throws UserError when ONNX Runtime does not make of the model what the networks make */
async function checkModel(run: OpenRun, model: Uint8Array): Promise<void> {
  const { viewing } = run.chosen;
  const { latent } = run.gan;
  const latents = sampleLatents(latent, { count: COMPARED, seed: 0 });
  const session = await viewing.InferenceSession.create(model, { executionProviders: ['wasm'] });
  try {
    const z = new viewing.Tensor('float32', latents, [COMPARED, latent.size]);
    const [output] = Object.values(await session.run({ z }));
    const found = output!.data as Float32Array;
    const expected = await run.viewer.generate(await run.state(), latents);
    const apart = found.reduce((most, x, i) => Math.max(most, Math.abs(x - expected[i]!)), 0);
    if (!(apart <= TOLERANCE)) throw new UserError(`generator.onnx is not what G is (apart by ${apart})`);
  } finally {
    await session.release();
  }
}

async function generatorOf(run: OpenRun): Promise<Uint8Array> {
  const { state } = await checkpointOf(run);
  const model = buildGeneratorModel(run.gan, state, {
    dataset: run.request.config.dataset,
    step: run.trainer.done,
    version: VERSION,
  });
  await checkModel(run, model);
  return model;
}

/** The data as PNG files, whose names sort as the images do. */
async function pictures({ description, read }: Dataset, emit: Emit): Promise<[string, Uint8Array][]> {
  const { count, shape } = description;
  const [channels, height, width] = shape;
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext('2d', { colorSpace: 'srgb' })!;
  const bytes = new Uint8Array(channels * height * width);
  const files: [string, Uint8Array][] = [];
  for (let i = 0; i < count; i++) {
    read(Uint32Array.of(i), bytes);
    context.putImageData(new ImageData(dataDrawing(bytes, shape).rgba, width, height), 0, 0);
    const png = await (await canvas.convertToBlob({ type: 'image/png' })).arrayBuffer();
    files.push([`${IMAGES}/${String(i).padStart(5, '0')}.png`, new Uint8Array(png)]);
    if (i % PROGRESS === 0) emit({ kind: 'progress', message: 'writing images', done: i, total: count });
  }
  return files;
}

/** How to go on, for whoever finds the zip later. */
function goingOn(folder: string, withImages: boolean): string {
  const images = withImages ? ` --data-dir ${IMAGES}` : '';
  return `A run of gan-onnx. To go on with it, in the folder of this file:\n\ngan-onnx train --resume ${folder}${images}\n`;
}

async function checkpointZip(run: OpenRun, emit: Emit): Promise<NamedFile> {
  const { dataset } = run.request;
  const folder = fileName(run);
  const isImages = !holdsPoints(dataset) && dataset.description.name === 'images';
  const files = new Map<string, Uint8Array | string>([['README.txt', goingOn(folder, isImages)]]);
  for (const [path, content] of runFiles(await checkpointOf(run), dataset)) {
    files.set(`${folder}/${path}`, content);
  }
  if (isImages) for (const [path, png] of await pictures(dataset, emit)) files.set(path, png);
  return { name: `${folder}.zip`, bytes: makeZip(files) };
}

/** One of the server's own files, which lie beside the worker's script. */
async function fetchOwn(path: string): Promise<Uint8Array> {
  const url = new URL(path, (globalThis as unknown as { location: Location }).location.href);
  const response = await fetch(url).catch(() => undefined);
  if (!response?.ok)
    throw new UserError(`${path} cannot be had from this page's server: is it still running?`);
  return new Uint8Array(await response.arrayBuffer());
}

/** A page that draws on WASM: it works everywhere, and ONNX Runtime's files for GPUs are twice as large. */
async function pageZip(run: OpenRun, emit: Emit): Promise<NamedFile> {
  if ('points' in run.gan) {
    throw new UserError('a page shows images, and this G makes points: take generator.onnx instead');
  }
  const folder = `${fileName(run)}-page`;
  const files = new Map<string, Uint8Array | string>([[`${folder}/generator.onnx`, await generatorOf(run)]]);
  const wanted = [
    ...ELEMENT_FILES.map((name) => [name, `page/${name}`] as const),
    ...RUNTIME_FILES.wasm.map((name) => [name, `ort/${name}`] as const),
  ];
  for (const [i, [name, path]] of wanted.entries()) {
    emit({ kind: 'progress', message: 'putting the page together', done: i, total: wanted.length });
    files.set(`${folder}/${name}`, await fetchOwn(path));
  }
  const attributes = [
    ['src', 'generator.onnx'],
    ['count', '25'],
    ['seed', '1'],
    ['device', 'wasm'],
    ['sliders', String(Math.min(3, run.gan.latent.size))],
    ['controls', ''],
  ] as const;
  files.set(`${folder}/index.html`, pageText('Drawn by a GAN', attributes, sha256Base64(PAGE_STYLE)));
  return { name: `${folder}.zip`, bytes: makeZip(files) };
}

const TAKE: Readonly<Record<What, (run: OpenRun, emit: Emit) => Promise<NamedFile>>> = {
  generator: async (run) => ({ name: 'generator.onnx', bytes: await generatorOf(run) }),
  checkpoint: checkpointZip,
  page: pageZip,
};

/** @throws UserError when it cannot be made of this run */
export function take(what: What, run: OpenRun, emit: Emit): Promise<NamedFile> {
  if (!Object.hasOwn(TAKE, what)) throw new UserError(`${String(what)} cannot be taken home`);
  return TAKE[what](run, emit);
}
