/** `gan-onnx figure 2`: samples, with the training image nearest to the last of each row beside it. */

import { Command, Option } from 'commander';
import { framedGrid } from '../evaluate/framed-grid.js';
import {
  type ExampleSource,
  nearestExamples,
  openDistances,
  pointsFromBytes,
  pointsFromImages,
} from '../evaluate/index.js';
import { encodePng, enlarge, type Generator, type ImageStack, type Samples } from '../infer/index.js';
import { UserError } from '../system/user-error.js';
import type { Dataset } from '../train/data/dataset.js';
import { DATASETS, openDataset } from '../train/index.js';
import { ORT_NODE } from '../train/ort-node.js';
import { integerOption } from './arguments.js';
import { choiceOption } from './config-flags.js';
import { byEnding, checkPixels, drawPicture, type PictureFlags, pictureOptions } from './draw-picture.js';
import { interruptible } from './interrupt.js';
import { createProgress } from './progress.js';

interface NearestFlags extends PictureFlags {
  dataset: string;
  dataDir?: string;
  rows: number;
  columns: number;
  seed: number;
  start: number;
}

const SCALE = 2;

/** The training data in the size of the generator's images. */
function openExamples(
  path: string,
  { description }: Generator,
  { dataset, dataDir }: NearestFlags,
  signal: AbortSignal,
): Promise<Dataset> {
  const [channels, height, width] = description.image;
  if (height !== width) {
    throw new UserError(`${path} draws images of ${width} x ${height} pixels: expected square ones`);
  }
  return openDataset(dataset, {
    imageSize: height,
    channels,
    signal,
    onProgress: (message) => process.stderr.write(`${message}\n`),
    ...(dataDir === undefined ? {} : { dataDir }),
  });
}

/** Images `indices` of a dataset, uint8 [indices.length, channels, height, width]. */
function readImages(dataset: Dataset, indices: Uint32Array): Uint8Array {
  const out = new Uint8Array(indices.length * dataset.description.shape.reduce((a, b) => a * b, 1));
  dataset.read(indices, out);
  return out;
}

/** A dataset as points in [0, 1]. */
function examplesOf(dataset: Dataset, size: number): ExampleSource {
  return {
    count: dataset.description.count,
    read(first, n) {
      const bytes = readImages(
        dataset,
        Uint32Array.from({ length: n }, (_, i) => first + i),
      );
      return new Float64Array(pointsFromBytes(bytes, size).data);
    },
  };
}

/** The last sample of each row, as points in [0, 1]. */
function lastOfRows({ data, shape, count }: Samples, columns: number) {
  const size = shape.reduce((a, b) => a * b, 1);
  const kept = new Float32Array((count / columns) * size);
  for (let row = 0; row < count / columns; row++) {
    const last = (row + 1) * columns - 1;
    kept.set(data.subarray(last * size, (last + 1) * size), row * size);
  }
  return pointsFromImages(kept, size);
}

/** The nearest training image of each point. */
async function search(
  dataset: Dataset,
  points: ReturnType<typeof lastOfRows>,
  signal: AbortSignal,
): Promise<Uint32Array> {
  const examples = examplesOf(dataset, points.size);
  const distances = await openDistances(ORT_NODE, points.size);
  const progress = createProgress(examples.count, 'training images');
  try {
    const onProgress = (done: number): void => progress.update(done, '');
    return (await nearestExamples(distances, points, examples, { onProgress, signal })).indices;
  } finally {
    progress.stop();
    await distances.release();
  }
}

/** Each row of samples with its training image (bytes) as a further column. */
function withColumn({ data, shape, count }: Samples, columns: number, images: Uint8Array): ImageStack {
  const size = shape.reduce((a, b) => a * b, 1);
  const rows = count / columns;
  const all = new Float32Array(rows * (columns + 1) * size);
  for (let row = 0; row < rows; row++) {
    const first = row * (columns + 1) * size;
    all.set(data.subarray(row * columns * size, (row + 1) * columns * size), first);
    for (let i = 0; i < size; i++) all[first + columns * size + i] = images[row * size + i]! / 127.5 - 1;
  }
  return { count: rows * (columns + 1), shape, data: all };
}

async function nearest(path: string, flags: NearestFlags): Promise<void> {
  const { rows, columns, seed, start, out, scale = SCALE } = flags;
  byEnding(out, { '.png': true });
  let summary = '';
  await interruptible(
    (signal) =>
      drawPicture(path, flags, async (generator) => {
        checkPixels(rows * (columns + 1), generator, scale, 'fewer --rows, fewer --columns');
        const dataset = await openExamples(path, generator, flags, signal);
        const samples = await generator.sample({ count: rows * columns, seed, start });
        const indices = await search(dataset, lastOfRows(samples, columns), signal);
        summary = `nearest of ${dataset.description.count} training images: ${indices.join(', ')}`;
        const images = withColumn(samples, columns, readImages(dataset, indices));
        return encodePng(enlarge(framedGrid(images, columns + 1), scale));
      }),
    () => process.stderr.write('ending (Ctrl-C again ends at once)\n'),
  );
  process.stdout.write(`${summary}\n${rows * columns} samples of seed ${seed}: ${out}\n`);
}

export function nearestFigure(number: string): Command {
  const count = { min: 1, max: 1000 };
  const command = new Command(number)
    .description(
      'Draws samples; the last column, framed, has the training image nearest to its neighbour (Figure 2).',
    )
    .argument('<generator.onnx>', 'an exported generator')
    .addOption(choiceOption('--dataset <name>', 'data it was trained on', DATASETS).default('mnist'))
    .option('--data-dir <folder>', 'folder that holds the files, for datasets made of files')
    .addOption(integerOption('--rows <n>', 'rows of samples', count).default(5))
    .addOption(integerOption('--columns <n>', 'samples a row', count).default(5))
    .addOption(integerOption('--seed <n>', 'seed of the samples', { min: 0 }).default(0))
    .addOption(integerOption('--start <n>', 'number of the first sample', { min: 0 }).default(0))
    .addOption(new Option('--out <file>', 'a .png to write').default(`figure-${number}.png`))
    .action(nearest);
  for (const option of pictureOptions(String(SCALE))) command.addOption(option);
  return command;
}
