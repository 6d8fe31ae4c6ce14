/** `Generator` in Node: models from files, URLs or bytes, on onnxruntime-node; pictures are PNG bytes. */

import { fileURLToPath } from 'node:url';
import { readBounded } from '../system/files.js';
import { describeGenerator } from './description.js';
import { type FetchOptions, fetchModel } from './fetch-model.js';
import { LoadedGenerator } from './generator.js';
import type { GeneratorOptions } from './generator-options.js';
import { type NodeLoadOptions, nodeLoader } from './load-node.js';
import { MAX_MODEL_BYTES } from './model-file.js';
import { encodePng } from './png.js';
import type { Samples as AnySamples } from './samples.js';

/** A generator whose pictures are PNG bytes. */
export type Generator = LoadedGenerator<Promise<Buffer>>;
export type Samples = AnySamples<Promise<Buffer>>;

export interface LoadOptions extends NodeLoadOptions, GeneratorOptions, FetchOptions {}

async function readSource(source: string | URL | Uint8Array | ArrayBuffer, options: FetchOptions) {
  if (source instanceof Uint8Array) return source;
  if (source instanceof ArrayBuffer) return new Uint8Array(source);
  const text = String(source);
  if (/^https?:\/\//i.test(text)) return fetchModel(text, options);
  const path = /^file:\/\//i.test(text) ? fileURLToPath(text) : text;
  return readBounded(path, options.maxBytes ?? MAX_MODEL_BYTES, 'a generator.onnx');
}

/**
 * Loads a generator.
 *
 * @param source path of a file, a file:, http: or https: URL, or the bytes
 * @param options device and threads; for generators of other tools what their files do not say
 * @throws InvalidModelError when it is not a generator; DeviceError when the device cannot be used; UserError when the
 *   file cannot be read or downloaded; RangeError when an option is impossible
 *
 * @example
 * const generator = await Generator.load('generator.onnx', { device: 'auto' });
 * console.log(generator.placement); // { device: 'webgpu', reason: 'webgpu takes 0.9 ms for 64 samples; ...', ... }
 * const samples = await generator.sample({ count: 16, seed: 1 });
 * await writeFile('first.png', await samples.image(0));
 *
 * @example
 * // A generator that PyTorch exported, with a sigmoid at its end.
 * const generator = await Generator.load('dcgan.onnx', { range: [0, 1], layout: 'NCHW' });
 */
async function load(
  source: string | URL | Uint8Array | ArrayBuffer,
  options: LoadOptions = {},
): Promise<Generator> {
  const loadModel = nodeLoader(options);
  const bytes = await readSource(source, options);
  const description = describeGenerator(bytes, options);
  return new LoadedGenerator(description, await loadModel(bytes, description), encodePng);
}

export const Generator = { load };
