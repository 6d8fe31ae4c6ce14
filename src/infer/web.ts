/** `gan-onnx/infer` in a page: models from URLs or bytes, on onnxruntime-web; pictures are ImageData. */

import { type FetchOptions, fetchModel } from './fetch-model.js';
import { LoadedGenerator } from './generator.js';
import type { GeneratorOptions } from './generator-options.js';
import { type Picture, toRgba } from './pixels.js';
import { readGenerator } from './read-generator.js';
import type { Samples as AnySamples } from './samples.js';
import { WEB_SAMPLE_DEVICES, type WebSampleDevice } from './web-devices.js';
import { loadInWorker, type WorkerOptions } from './worker-host.js';

export * from './common.js';
export { WEB_SAMPLE_DEVICES, type WebSampleDevice, type WebSampleDeviceEntry } from './web-devices.js';

/** A generator whose pictures are ImageData. */
export type Generator = LoadedGenerator<ImageData>;
export type Samples = AnySamples<ImageData>;

export interface WebLoadOptions {
  /**
   * Where it runs: `wasm` by default (`cpu` is the same, so that code runs in Node too); `webgpu`; `auto` tries the
   * GPU, where the browser has one, and takes the faster.
   */
  device?: WebSampleDevice | 'cpu' | 'auto';
  /** Threads of WASM, in a page that is cross-origin isolated. */
  threads?: number;
  /** Address of the folder with ONNX Runtime's files, for a page without a bundler. */
  ort?: string | URL;
}

export interface LoadOptions extends WebLoadOptions, WorkerOptions, GeneratorOptions, FetchOptions {}

function chosenDevice({ device = 'wasm' }: WebLoadOptions): WebSampleDevice | 'auto' {
  if (device === 'cpu') return 'wasm';
  if (device === 'auto' || Object.hasOwn(WEB_SAMPLE_DEVICES, device)) return device;
  const known = Object.keys(WEB_SAMPLE_DEVICES).join(', ');
  throw new RangeError(`device is ${device}: expected one of ${known}, cpu, auto`);
}

/** The picture as ImageData, opaque. */
export function toImageData(picture: Picture): ImageData {
  return new ImageData(toRgba(picture), picture.width, picture.height);
}

async function readSource(source: string | URL | Uint8Array | ArrayBuffer, options: FetchOptions) {
  if (source instanceof Uint8Array) return source;
  if (source instanceof ArrayBuffer) return new Uint8Array(source);
  return fetchModel(String(source), options);
}

/**
 * Loads a generator. Its model runs in a worker, so that the page goes on while images are drawn.
 *
 * @param source its URL, relative to the page, or its bytes
 * @param options device; for generators of other tools what their files do not say
 * @throws InvalidModelError when it is not a generator; DeviceError when the device cannot be used; UserError when the
 *   file cannot be downloaded; RangeError when an option is impossible
 *
 * @example
 * const generator = await Generator.load('generator.onnx', { device: 'auto' });
 * const samples = await generator.sample({ count: 16, seed: 1 });
 * canvas.getContext('2d').putImageData(samples.grid({ columns: 4 }), 0, 0);
 */
async function load(
  source: string | URL | Uint8Array | ArrayBuffer,
  options: LoadOptions = {},
): Promise<Generator> {
  const device = chosenDevice(options);
  const bytes = await readSource(source, options);
  const { ports, describe } = readGenerator(bytes, options);
  const ort = options.ort === undefined ? undefined : `${new URL(options.ort, document.baseURI).href}/`;
  const settings = {
    device,
    ...(options.threads === undefined ? {} : { threads: options.threads }),
    ...(ort === undefined ? {} : { ort }),
  };
  const { model, shape } = await loadInWorker(bytes, ports, settings, options);
  try {
    return new LoadedGenerator(describe(shape), model, toImageData);
  } catch (error) {
    await model.release();
    throw error;
  }
}

export const Generator = { load };
