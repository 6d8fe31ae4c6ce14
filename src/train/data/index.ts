/** The table of datasets. A new one is an entry here and touches nothing else. */

import { UserError } from '../../system/user-error.js';
import { openCifar10 } from './cifar10.js';
import type { Dataset, DatasetOptions } from './dataset.js';
import { openDigits } from './digits.js';
import { openFashionMnist } from './fashion-mnist.js';
import { openImageFolder } from './images/image-folder.js';
import { openMnist } from './mnist.js';
import { resizeDataset } from './resize.js';

export interface DatasetEntry {
  /** One line for a list of datasets. */
  description: string;
  /** Images that it keeps in memory, if they are all there; 0 when nobody knows before it is opened. */
  count: number;
  /** The channels that it can deliver. */
  channels: readonly number[];
  /** Whether it is made of files, which `dataDir` may name; of `all` files below that folder, or of some. */
  files: false | 'some' | 'all';
  /** Delivers it in its own size; the table's user resizes. */
  open(options: DatasetOptions): Promise<Dataset>;
}

export const DATASETS = {
  digits: {
    description: '60,000 handwritten-looking digits, 28 x 28, drawn by gan-onnx itself: no download',
    count: 60_000,
    channels: [1],
    files: false,
    open: (options) => openDigits(options),
  },
  mnist: {
    description: '60,000 handwritten digits, 28 x 28, from --data-dir or downloaded once',
    count: 60_000,
    channels: [1],
    files: 'some',
    open: openMnist,
  },
  'fashion-mnist': {
    description: '60,000 pictures of clothes, 28 x 28, from --data-dir or downloaded once',
    count: 60_000,
    channels: [1],
    files: 'some',
    open: openFashionMnist,
  },
  cifar10: {
    description: '50,000 colour photographs, 32 x 32, from the binary version in --data-dir',
    count: 50_000,
    channels: [1, 3],
    files: 'some',
    open: openCifar10,
  },
  images: {
    description: 'all PNG, JPEG, BMP, GIF and TIFF files below --data-dir, decoded once into a cache',
    count: 0,
    channels: [1, 3],
    files: 'all',
    open: openImageFolder,
  },
} satisfies Record<string, DatasetEntry>;

export type DatasetName = keyof typeof DATASETS;

/**
 * The table's entry of a dataset.
 *
 * @throws UserError when there is none of that name
 */
export function datasetEntry(name: string): DatasetEntry {
  if (!Object.hasOwn(DATASETS, name)) {
    throw new UserError(`dataset ${name} is unknown: expected one of ${Object.keys(DATASETS).join(', ')}`);
  }
  return DATASETS[name as DatasetName];
}

/**
 * Opens a dataset by name and fits it to the wanted size.
 *
 * @throws UserError when the name is unknown, the channels do not fit, or the files are not usable
 */
export async function openDataset(name: string, options: DatasetOptions): Promise<Dataset> {
  const entry = datasetEntry(name);
  if (options.dataDir !== undefined && !entry.files) {
    throw new UserError(
      `--data-dir ${options.dataDir}: dataset ${name} is not made of files: use --dataset with one of ` +
        `${Object.entries<DatasetEntry>(DATASETS)
          .flatMap(([other, { files }]) => (files ? [other] : []))
          .join(', ')}`,
    );
  }
  if (!entry.channels.includes(options.channels)) {
    const [channels] = entry.channels;
    throw new UserError(
      `dataset ${name} has ${channels} channel per pixel, not ${options.channels}: use --channels ${channels}`,
    );
  }
  const dataset = await entry.open(options);
  return resizeDataset(dataset, options.imageSize, options.onProgress);
}
