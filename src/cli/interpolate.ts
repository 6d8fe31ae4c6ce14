/** `gan-onnx interpolate`: the images on the way from one latent to another, as a strip or an animated GIF. */

import { extname } from 'node:path';
import { Command, Option } from 'commander';
import {
  encodeGif,
  encodePng,
  enlarge,
  INTERPOLATIONS,
  type Interpolation,
  imageGrid,
  imagePicture,
  SAMPLE_DEVICES,
  type SampleDevice,
  type Samples,
} from '../infer/index.js';
import { outputTarget } from '../infer/writers/target.js';
import { writeFileAtomically } from '../system/files.js';
import { UserError } from '../system/user-error.js';
import { integerOption, numberOption } from './arguments.js';
import { choiceOption } from './config-flags.js';
import { type GeneratorFlags, generatorOptions } from './generator-flags.js';
import { openGenerator, readGeneratorFile, samplingProblem } from './open-generator.js';

interface InterpolateFlags extends GeneratorFlags {
  from: number;
  to: number;
  seed: number;
  steps: number;
  mode: Interpolation;
  out: string;
  columns?: number;
  scale?: number;
  fps: number;
  back?: boolean;
  device: SampleDevice | 'auto';
  force?: boolean;
}

/** Pixels of all frames of the largest animation, or of the largest strip. */
const MAX_PIXELS = 2 ** 26;
/** Small images are enlarged to about this size in an animation, which nobody can zoom. */
const ANIMATION_PIXELS = 160;

type Writer = (samples: Samples, flags: InterpolateFlags) => Promise<Uint8Array>;

async function strip(samples: Samples, { columns, scale = 1 }: InterpolateFlags): Promise<Uint8Array> {
  return encodePng(enlarge(imageGrid(samples, { columns: columns ?? samples.count }), scale));
}

async function animation(samples: Samples, { scale, fps, back }: InterpolateFlags): Promise<Uint8Array> {
  const fitting = Math.max(1, Math.round(ANIMATION_PIXELS / Math.max(...samples.shape.slice(1))));
  const there = Array.from({ length: samples.count }, (_, i) =>
    enlarge(imagePicture(samples, i), scale ?? fitting),
  );
  const frames = back ? [...there, ...there.slice(1, -1).reverse()] : there;
  return encodeGif(frames, { delayMs: 1000 / fps });
}

/** What the ending of --out asks for. */
const WRITERS: Readonly<Record<string, Writer>> = { '.png': strip, '.gif': animation };

async function interpolate(path: string, flags: InterpolateFlags): Promise<void> {
  const { from, to, seed, steps, mode, out, force = false } = flags;
  const write = WRITERS[extname(out).toLowerCase()];
  if (write === undefined) {
    throw new UserError(`--out ${out}: expected a name that ends with ${Object.keys(WRITERS).join(' or ')}`);
  }
  const target = outputTarget('--out', out, 'file', force);
  const generator = await openGenerator(path, await readGeneratorFile(path), flags);
  try {
    const [, height, width] = generator.description.image;
    const pixels = steps * height * width * (flags.scale ?? 1) ** 2;
    if (pixels > MAX_PIXELS) {
      throw new UserError(
        `${steps} images would have ${pixels} pixels, expected at most ${MAX_PIXELS}: use fewer --steps or a smaller --scale`,
      );
    }
    const samples = await generator.interpolate({ from, to, steps, mode, seed });
    writeFileAtomically(target.path, await write(samples, flags));
  } catch (error) {
    throw samplingProblem(path, error);
  } finally {
    await generator.release();
  }
  process.stdout.write(`${steps} images from sample ${from} to sample ${to} of seed ${seed}: ${out}\n`);
}

export function interpolateCommand(): Command {
  const command = new Command('interpolate')
    .description(
      'Draws the images on the way from one sample to another: a strip (.png) or an animation (.gif).',
    )
    .argument('<generator.onnx>', 'an exported generator')
    .addOption(integerOption('--from <n>', 'number of the sample where it begins', { min: 0 }).default(0))
    .addOption(integerOption('--to <n>', 'number of the sample where it ends', { min: 0 }).default(1))
    .addOption(integerOption('--seed <n>', 'seed of the samples', { min: 0 }).default(0))
    .addOption(
      integerOption('--steps <n>', 'images, both ends among them', { min: 2, max: 10_000 }).default(16),
    )
    .addOption(
      choiceOption(
        '--mode <mode>',
        'linear, as in the 2014 paper, or spherical, which keeps the length of normal latents',
        INTERPOLATIONS,
      ).default('linear'),
    )
    .addOption(new Option('--out <file>', 'a .png or .gif to write').default('interpolation.png'))
    .addOption(integerOption('--columns <n>', 'images a row of a strip (default: all of them)', { min: 1 }))
    .addOption(
      integerOption('--scale <n>', 'enlarges every pixel (default: 1; in a .gif to about 160 pixels)', {
        min: 1,
        max: 64,
      }),
    )
    .addOption(numberOption('--fps <n>', 'images a second of a .gif', { min: 0.1, max: 50 }).default(12))
    .option('--back', 'let a .gif go back to where it began')
    .addOption(
      choiceOption('--device <name>', 'what runs the generator', { ...SAMPLE_DEVICES, auto: true }).default(
        'cpu',
      ),
    )
    .option('--force', 'replace an existing output')
    .action(interpolate);
  for (const option of generatorOptions()) command.addOption(option);
  return command;
}
