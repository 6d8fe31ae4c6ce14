/** Opens the generator that a command samples. */

import { drawSize } from '../infer/draw-batches.js';
import { DeviceError, Generator, InvalidModelError, type SampleDevice } from '../infer/index.js';
import { MAX_MODEL_BYTES } from '../infer/model-file.js';
import { readBounded } from '../system/files.js';
import { availableMemory, gibibytes } from '../system/memory.js';
import { UserError } from '../system/user-error.js';
import { type GeneratorFlags, generatorSettings } from './generator-flags.js';

const EXPECTED = 'a generator.onnx of gan-onnx train';

/** What the device or the model is to blame for, with its name in front. */
export function samplingProblem(path: string, error: unknown): unknown {
  if (error instanceof DeviceError) return new UserError(`--${error.message}`);
  if (!(error instanceof InvalidModelError)) return error;
  return new UserError(`${path}: ${error.message}: expected ${EXPECTED}`);
}

/**
 * Reads the bytes of a generator's file; what they say is not looked at.
 *
 * @param maxBytes most bytes that it may hold
 * @throws UserError when it cannot be read, is not a regular file, or is too large
 */
export function readGeneratorFile(path: string, maxBytes: number = MAX_MODEL_BYTES): Promise<Uint8Array> {
  return readBounded(path, maxBytes, EXPECTED);
}

/** Loads a generator, and says on stderr what `auto` chose. */
export async function openGenerator(
  path: string,
  bytes: Uint8Array,
  flags: GeneratorFlags & { device: SampleDevice | 'auto' },
): Promise<Generator> {
  const { device } = flags;
  try {
    const generator = await Generator.load(bytes, { device, ...generatorSettings(flags) });
    const { device: chosen, reason } = generator.placement;
    if (device === 'auto') process.stderr.write(`sampling on ${chosen}: ${reason}\n`);
    return generator;
  } catch (error) {
    // An option that came from a flag.
    if (error instanceof RangeError) throw new UserError(`--${error.message}`);
    throw samplingProblem(path, error);
  }
}

/** Batches that are held at once: one is drawn, one is written, with its bytes. */
const BATCHES = 3;

/** Refuses what cannot be held in memory: a run's images, and the batches at hand. */
export function checkSampleMemory(
  { description }: Generator,
  { batchSize, count }: { batchSize: number; count: number },
): void {
  const pixels = description.image.reduce((a, b) => a * b, 1);
  const samples = description.batch + BATCHES * Math.min(drawSize(description, batchSize), count);
  const needed = samples * (pixels + description.latentSize) * 4;
  const available = availableMemory();
  if (needed <= available) return;
  throw new UserError(
    `these samples need about ${gibibytes(needed)} of memory and the machine has ${gibibytes(available)}: ` +
      'use a smaller --batch-size or a generator of smaller images',
  );
}
