/** The table of datasets. A new one is an entry here and touches nothing else. */

import { UserError } from '../../system/user-error.js';
import type { Dataset, DatasetOptions } from './dataset.js';
import { openDigits } from './digits.js';
import { openMnist } from './mnist.js';
import { resizeDataset } from './resize.js';

export interface DatasetEntry {
  /** One line for a list of datasets. */
  description: string;
  /** Images in it, if they are all there: what a run needs to know before it opens the data. */
  count: number;
  /** Channels of its images. */
  channels: number;
  /** Whether it is made of files, which `dataDir` may name. */
  files: boolean;
  /** Delivers it in its own size; the table's user resizes. */
  open(options: DatasetOptions): Promise<Dataset>;
}

export const DATASETS = {
  digits: {
    description: '60,000 handwritten-looking digits, 28 x 28, drawn by gan-onnx itself: no download',
    count: 60_000,
    channels: 1,
    files: false,
    open: (options) => openDigits(options),
  },
  mnist: {
    description: '60,000 handwritten digits, 28 x 28, from --data-dir or downloaded once',
    count: 60_000,
    channels: 1,
    files: true,
    open: openMnist,
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
        `${Object.entries<DatasetEntry>(DATASETS).flatMap(([other, { files }]) => (files ? [other] : []))}`,
    );
  }
  if (entry.channels !== options.channels) {
    throw new UserError(
      `dataset ${name} has ${entry.channels} channel per pixel, not ${options.channels}: use --channels ${entry.channels}`,
    );
  }
  const dataset = await entry.open(options);
  return resizeDataset(dataset, options.imageSize, options.onProgress);
}
