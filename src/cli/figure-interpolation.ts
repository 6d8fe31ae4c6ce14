/** `gan-onnx figure 3`: rows of images on straight lines between latents. */

import { Command, Option } from 'commander';
import { encodePng, enlarge, type Interpolation, imageGrid } from '../infer/index.js';
import { UserError } from '../system/user-error.js';
import { byEnding, checkPixels, drawPicture, type PictureFlags, pictureOptions } from './draw-picture.js';
import { wayOptions } from './interpolate.js';

/** Numbers of the samples where a row begins and ends. */
type Pair = readonly [from: number, to: number];

interface InterpolationFlags extends PictureFlags {
  pairs: readonly Pair[];
  seed: number;
  steps: number;
  mode: Interpolation;
}

const MAX_PAIRS = 1000;
const SCALE = 2;

/** `--pairs 0:1,2:3` */
function parsePairs(text: string): readonly Pair[] {
  const pairs = text.split(',').map((part) => {
    const [, from, to] = /^\s*(\d{1,15}):(\d{1,15})\s*$/.exec(part) ?? [];
    return [Number(from), Number(to)] as const;
  });
  if (pairs.length <= MAX_PAIRS && pairs.flat().every(Number.isSafeInteger)) return pairs;
  throw new UserError(
    `--pairs ${text}: expected at most ${MAX_PAIRS} pairs of numbers of samples, such as 0:1,2:3`,
  );
}

async function interpolation(path: string, flags: InterpolationFlags): Promise<void> {
  const { pairs, seed, steps, mode, out, scale = SCALE } = flags;
  byEnding(out, { '.png': true });
  await drawPicture(path, flags, async (generator) => {
    checkPixels(pairs.length * steps, generator, scale, 'fewer --steps, fewer --pairs');
    const shape = generator.description.image;
    const size = steps * shape.reduce((a, b) => a * b, 1);
    const data = new Float32Array(pairs.length * size);
    for (const [row, [from, to]] of pairs.entries()) {
      data.set((await generator.interpolate({ from, to, steps, mode, seed })).data, row * size);
    }
    const images = { count: pairs.length * steps, shape, data };
    return encodePng(enlarge(imageGrid(images, { columns: steps }), scale));
  });
  const ways = pairs.map(([from, to]) => `${from} to ${to}`).join(', ');
  process.stdout.write(`${steps} images on each way, samples ${ways} of seed ${seed}: ${out}\n`);
}

export function interpolationFigure(number: string): Command {
  const command = new Command(number)
    .description('Draws digits on the way between samples: a row of images for each pair (Figure 3).')
    .argument('<generator.onnx>', 'an exported generator')
    .addOption(
      new Option('--pairs <list>', 'numbers of the samples where each row begins and ends')
        .argParser(parsePairs)
        .default(parsePairs('0:1,2:3'), '0:1,2:3'),
    )
    .addOption(new Option('--out <file>', 'a .png to write').default(`figure-${number}.png`))
    .action(interpolation);
  for (const option of [...wayOptions(12), ...pictureOptions(String(SCALE))]) command.addOption(option);
  return command;
}
