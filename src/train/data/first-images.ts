/** The first images of a dataset as a dataset of their own: the part that a published result was trained on. */

import { UserError } from '../../system/user-error.js';
import { createSha256 } from '../sha256.js';
import type { Dataset } from './dataset.js';
import { imageChunks } from './image-chunks.js';

/**
 * @param count how many, at least 1
 * @throws UserError when the dataset has fewer
 */
export function firstImages(dataset: Dataset, count: number): Dataset {
  const { description, labels } = dataset;
  if (count === description.count) return dataset;
  if (count > description.count) {
    throw new UserError(
      `--train-images ${count}: dataset ${description.name} has ${description.count} images: give at most so many`,
    );
  }
  const part: Dataset = {
    ...dataset,
    description: { ...description, count },
    ...(labels === undefined ? {} : { labels: labels.subarray(0, count) }),
    read(indices, out) {
      if (indices.some((index) => index >= count)) {
        throw new RangeError(`${description.name}: only its first ${count} images may be read`);
      }
      dataset.read(indices, out);
    },
  };
  const hash = createSha256();
  for (const images of imageChunks(part)) hash.update(images);
  return { ...part, description: { ...part.description, sha256: hash.hex() } };
}
