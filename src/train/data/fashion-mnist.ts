/** The dataset `fashion-mnist`: Zalando's 60,000 training pictures of clothes, in MNIST's layout (Xiao et al., 2017). */

import { join } from 'node:path';
import { cacheFolder } from './cache-folder.js';
import type { Dataset, DatasetOptions } from './dataset.js';
import { type IdxSource, IMAGES, LABELS, openIdxDataset } from './idx-dataset.js';

/**
 * Fashion-MNIST's authors' own servers and its place in the user's cache folder. The checksums are those of
 * tensorflow/datasets, url_checksums/fashion_mnist.txt.
 *
 * @param env the environment variables to look at
 */
export function officialFashionMnist(env: NodeJS.ProcessEnv = process.env): IdxSource {
  return {
    name: 'fashion-mnist',
    title: 'Fashion-MNIST',
    mirrors: [
      'https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/',
      'http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/',
    ],
    cacheDir: join(cacheFolder(env), 'fashion-mnist'),
    sha256: {
      [IMAGES]: '3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84',
      [LABELS]: 'a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845',
    },
    checked: 'gzipped',
    stallMs: 30_000,
  };
}

/** Opens `fashion-mnist`; as `openIdxDataset`. */
export function openFashionMnist(options: DatasetOptions): Promise<Dataset> {
  return openIdxDataset(officialFashionMnist(), options);
}
