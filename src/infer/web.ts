/** `gan-onnx/infer` in a page: models from URLs or bytes, on onnxruntime-web; pictures are ImageData. */

import { type FetchOptions, fetchModel } from './fetch-model.js';
import { LoadedGenerator } from './generator.js';
import type { GeneratorOptions } from './generator-options.js';
import { type WebLoadOptions, webLoader } from './load-web.js';
import type { Picture } from './pixels.js';
import type { Samples as AnySamples } from './samples.js';

export * from './common.js';
export type { WebLoadOptions, WebOrt } from './load-web.js';
export { WEB_SAMPLE_DEVICES, type WebSampleDevice, type WebSampleDeviceEntry } from './web-devices.js';

/** A generator whose pictures are ImageData. */
export type Generator = LoadedGenerator<ImageData>;
export type Samples = AnySamples<ImageData>;

export interface LoadOptions extends WebLoadOptions, GeneratorOptions, FetchOptions {}

/** The picture as ImageData, opaque. */
export function toImageData({ width, height, channels, data }: Picture): ImageData {
  const image = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) image.data[i * 4 + c] = data[i * channels + (channels === 1 ? 0 : c)]!;
    image.data[i * 4 + 3] = 255;
  }
  return image;
}

async function readSource(source: string | URL | Uint8Array | ArrayBuffer, options: FetchOptions) {
  if (source instanceof Uint8Array) return source;
  if (source instanceof ArrayBuffer) return new Uint8Array(source);
  return fetchModel(String(source), options);
}

/**
 * Loads a generator.
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
  const platform = { load: webLoader(options), makePicture: toImageData };
  return LoadedGenerator.create(await readSource(source, options), platform, options);
}

export const Generator = { load };
