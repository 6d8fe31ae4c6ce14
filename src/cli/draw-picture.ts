/** What commands share that draw one picture with a generator: flags, checks, and the file written whole or not at all. */

import { extname } from 'node:path';
import { Option } from 'commander';
import { type Generator, SAMPLE_DEVICES, type SampleDevice } from '../infer/index.js';
import { outputTarget } from '../infer/writers/target.js';
import { writeFileAtomically } from '../system/files.js';
import { UserError } from '../system/user-error.js';
import { integerOption } from './arguments.js';
import { choiceOption } from './config-flags.js';
import { type GeneratorFlags, generatorOptions } from './generator-flags.js';
import { openGenerator, readGeneratorFile, samplingProblem } from './open-generator.js';

export interface PictureFlags extends GeneratorFlags {
  out: string;
  scale?: number;
  device: SampleDevice | 'auto';
  force?: boolean;
}

/** Pixels of the largest picture, or of all frames of the largest animation. */
const MAX_PIXELS = 2 ** 26;

/** Options of every such command, beside `--out`. */
export function pictureOptions(scale: string): Option[] {
  return [
    integerOption('--scale <n>', `enlarges every pixel (default: ${scale})`, { min: 1, max: 64 }),
    choiceOption('--device <name>', 'what runs the generator', { ...SAMPLE_DEVICES, auto: true }).default(
      'cpu',
    ),
    new Option('--force', 'replace an existing output'),
    ...generatorOptions(),
  ];
}

/**
 * What the table has for the ending of a file's name, which the flag gave.
 *
 * @throws UserError when it has nothing
 */
export function byEnding<T>(out: string, table: Readonly<Record<string, T>>, flag = '--out'): T {
  const entry = table[extname(out).toLowerCase()];
  if (entry !== undefined) return entry;
  throw new UserError(`${flag} ${out}: expected a name that ends with ${Object.keys(table).join(' or ')}`);
}

/**
 * Refuses pictures that are too large.
 *
 * @param fewer the flags that would make it smaller
 */
export function checkPixels(
  images: number,
  { description }: Generator,
  scale: number,
  fewer = 'fewer --steps',
): void {
  const [, height, width] = description.image;
  const pixels = images * height * width * scale ** 2;
  if (pixels <= MAX_PIXELS) return;
  throw new UserError(
    `${images} images would have ${pixels} pixels, expected at most ${MAX_PIXELS}: use ${fewer} or a smaller --scale`,
  );
}

/** Opens the generator, and writes to --out what `draw` makes of it. */
export async function drawPicture(
  path: string,
  flags: PictureFlags,
  draw: (generator: Generator) => Promise<Uint8Array>,
): Promise<void> {
  const target = outputTarget('--out', flags.out, 'file', flags.force ?? false);
  const generator = await openGenerator(path, await readGeneratorFile(path), flags);
  try {
    writeFileAtomically(target.path, await draw(generator));
  } catch (error) {
    throw samplingProblem(path, error);
  } finally {
    await generator.release();
  }
}
