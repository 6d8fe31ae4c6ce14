/** What a generator is, and that running it is safe, before it meets ONNX Runtime. */

import { dryRun } from '../onnx/index.js';
import type { GeneratorOptions } from './generator-options.js';
import { type GeneratorDescription, readGenerator } from './read-generator.js';

/**
 * Reads what a generator file says about itself, and goes through a run of it without computing it, which bounds the
 * memory and the time that it can take.
 *
 * @param bytes a generator file, as `readGenerator` takes it
 * @param options what the file does not say
 * @throws InvalidModelError when the bytes are no model, the model is no generator, or running it would take memory or
 *   time out of all proportion to its size; RangeError when an option is impossible
 */
export function describeGenerator(bytes: Uint8Array, options: GeneratorOptions = {}): GeneratorDescription {
  const { model, ports, describe } = readGenerator(bytes, options);
  const { input, output, batch, latentShape } = ports;
  const outlines = dryRun(model, new Map([[input, [batch, ...latentShape]]]), bytes.length);
  return describe(outlines.get(output)!.shape);
}
