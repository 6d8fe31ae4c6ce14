/** Opens what G is to imitate. */

import type { AnyDataset, Dataset } from '../../../src/train/data/dataset.js';
import { DIGIT_SIZE, digitsOnDemand, openDigits } from '../../../src/train/data/digits.js';
import { firstImages } from '../../../src/train/data/first-images.js';
import { isPointData, openPoints } from '../../../src/train/data/points/dataset.js';
import { resizeDataset } from '../../../src/train/data/resize.js';
import type { RunConfig } from '../../../src/train/web.js';
import type { PlaygroundEvent } from '../protocol.js';

type Emit = (event: PlaygroundEvent) => void;

/** Digits in a size of one's own are all drawn before the first step, for their digest. */
async function openSizedDigits(imageSize: number, emit: Emit): Promise<Dataset> {
  if (imageSize === DIGIT_SIZE) return digitsOnDemand();
  const onProgress = (message: string): void => emit({ kind: 'progress', message });
  const digits = await openDigits({ imageSize, channels: 1, onProgress });
  return resizeDataset(digits, imageSize, onProgress);
}

/**
 * The data of a configuration.
 *
 * @param images the visitor's own images, for dataset `images`
 */
export async function openData(
  { dataset, drawn, imageSize, trainImages }: RunConfig,
  images: Dataset | undefined,
  emit: Emit,
): Promise<AnyDataset> {
  if (isPointData(dataset)) return openPoints(dataset, drawn);
  if (dataset === 'images') return images!;
  const digits = await openSizedDigits(imageSize, emit);
  return trainImages === undefined ? digits : firstImages(digits, trainImages);
}
