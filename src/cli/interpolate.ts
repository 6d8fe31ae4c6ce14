/** `gan-onnx interpolate`: the images on the way from one latent to another, as a strip or an animated GIF. */

import { Command, Option } from 'commander';
import {
  encodeGif,
  encodePng,
  enlarge,
  INTERPOLATIONS,
  type Interpolation,
  imageGrid,
  imagePicture,
  type Samples,
} from '../infer/index.js';
import { integerOption, numberOption } from './arguments.js';
import { choiceOption } from './config-flags.js';
import { byEnding, checkPixels, drawPicture, type PictureFlags, pictureOptions } from './draw-picture.js';

interface InterpolateFlags extends PictureFlags {
  from: number;
  to: number;
  seed: number;
  steps: number;
  mode: Interpolation;
  columns?: number;
  fps: number;
  back?: boolean;
}

/** Small images are enlarged to about this size in an animation, which nobody can zoom. */
const ANIMATION_PIXELS = 160;

interface Writer {
  /** By how much pixels are enlarged when --scale does not say. */
  scale(image: readonly [number, number, number]): number;
  /** How many images are drawn, those on the way back too. */
  images(flags: InterpolateFlags): number;
  write(samples: Samples, scale: number, flags: InterpolateFlags): Promise<Uint8Array>;
}

const strip: Writer = {
  scale: () => 1,
  images: ({ steps }) => steps,
  async write(samples, scale, { columns = samples.count }) {
    return encodePng(enlarge(imageGrid(samples, { columns }), scale));
  },
};

const animation: Writer = {
  scale: ([, height, width]) => Math.max(1, Math.round(ANIMATION_PIXELS / Math.max(height, width))),
  images: ({ steps, back }) => (back ? 2 * steps - 2 : steps),
  async write(samples, scale, { fps, back }) {
    const there = Array.from({ length: samples.count }, (_, i) => enlarge(imagePicture(samples, i), scale));
    const frames = back ? [...there, ...there.slice(1, -1).reverse()] : there;
    return encodeGif(frames, { delayMs: 1000 / fps });
  },
};

/** What the ending of --out asks for. */
const WRITERS: Readonly<Record<string, Writer>> = { '.png': strip, '.gif': animation };

async function interpolate(path: string, flags: InterpolateFlags): Promise<void> {
  const { from, to, seed, steps, mode, out } = flags;
  const writer = byEnding(out, WRITERS);
  await drawPicture(path, flags, async (generator) => {
    const scale = flags.scale ?? writer.scale(generator.description.image);
    checkPixels(writer.images(flags), generator, scale);
    return writer.write(await generator.interpolate({ from, to, steps, mode, seed }), scale, flags);
  });
  process.stdout.write(`${steps} images from sample ${from} to sample ${to} of seed ${seed}: ${out}\n`);
}

/** Flags of the way from one latent to another. */
export function wayOptions(steps: number): Option[] {
  return [
    integerOption('--seed <n>', 'seed of the samples', { min: 0 }).default(0),
    integerOption('--steps <n>', 'images, both ends among them', { min: 2, max: 10_000 }).default(steps),
    choiceOption(
      '--mode <mode>',
      'linear, as in the 2014 paper, or spherical, which keeps the length of normal latents',
      INTERPOLATIONS,
    ).default('linear'),
  ];
}

export function interpolateCommand(): Command {
  const command = new Command('interpolate')
    .description(
      'Draws the images on the way from one sample to another: a strip (.png) or an animation (.gif).',
    )
    .argument('<generator.onnx>', 'an exported generator')
    .addOption(integerOption('--from <n>', 'number of the sample where it begins', { min: 0 }).default(0))
    .addOption(integerOption('--to <n>', 'number of the sample where it ends', { min: 0 }).default(1))
    .addOption(new Option('--out <file>', 'a .png or .gif to write').default('interpolation.png'))
    .addOption(integerOption('--columns <n>', 'images a row of a strip (default: all of them)', { min: 1 }))
    .addOption(numberOption('--fps <n>', 'images a second of a .gif', { min: 0.1, max: 50 }).default(12))
    .option('--back', 'let a .gif go back to where it began')
    .action(interpolate);
  const options = [...wayOptions(16), ...pictureOptions('1; in a .gif to about 160 pixels')];
  for (const option of options) command.addOption(option);
  return command;
}
