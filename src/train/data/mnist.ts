/** The dataset `mnist`: the 60,000 training digits, from a folder of the user's or downloaded once. */

import { join } from 'node:path';
import { cacheFolder } from './cache-folder.js';
import type { Dataset, DatasetOptions } from './dataset.js';
import { type IdxSource, IMAGES, LABELS, openIdxDataset } from './idx-dataset.js';

/**
 * MNIST's public mirrors and its place in the user's cache folder.
 *
 * @param env the environment variables to look at
 */
export function officialMnist(env: NodeJS.ProcessEnv = process.env): IdxSource {
  return {
    name: 'mnist',
    title: 'MNIST',
    mirrors: [
      'https://ossci-datasets.s3.amazonaws.com/mnist/',
      'https://storage.googleapis.com/cvdf-datasets/mnist/',
    ],
    cacheDir: join(cacheFolder(env), 'mnist'),
    sha256: {
      [IMAGES]: 'ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db',
      [LABELS]: '65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5',
    },
    checked: 'unpacked',
    stallMs: 30_000,
  };
}

/** Opens `mnist`; as `openIdxDataset`. */
export function openMnist(options: DatasetOptions): Promise<Dataset> {
  return openIdxDataset(officialMnist(), options);
}
