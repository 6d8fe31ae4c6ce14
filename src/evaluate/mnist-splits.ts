/**
 * MNIST as the 2014 paper divides it: training images, of which the last 10,000 are for validation, and test images. Any
 * data in the same four files' form and number (Fashion-MNIST, for one) will do.
 */

import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileProblem } from '../system/files.js';
import { UserError } from '../system/user-error.js';
import { readMaybeGzipped } from '../train/data/gzip.js';
import { parseIdx } from '../train/data/idx.js';

const TRAIN = 'train-images-idx3-ubyte';
const TEST = 't10k-images-idx3-ubyte';
/** Where the training images end and those for validation begin. */
const VALIDATION_START = 50_000;

/** Grey images as bytes, 0 paper to 255 ink. */
export interface ImageSet {
  count: number;
  /** [1, height, width] */
  shape: readonly [number, number, number];
  /** uint8 [count, height, width] */
  bytes: Uint8Array;
}

export interface MnistSplits {
  train: ImageSet;
  validation: ImageSet;
  test: ImageSet;
  /** SHA-256 (hex) of the pixels of each file: two evaluations with the same digests saw the same data. */
  sha256: { train: string; test: string };
}

/** The first `count` images of a set, all of them when it has fewer. */
export function firstImages({ shape, bytes, count: all }: ImageSet, count: number): ImageSet {
  const kept = Math.min(count, all);
  return { count: kept, shape, bytes: bytes.subarray(0, kept * shape[1] * shape[2]) };
}

/** The images at `indices`, in that order. */
export function imagesAt({ shape, bytes }: ImageSet, indices: Uint32Array): ImageSet {
  const size = shape[1] * shape[2];
  const out = new Uint8Array(indices.length * size);
  for (const [i, index] of indices.entries()) {
    out.set(bytes.subarray(index * size, (index + 1) * size), i * size);
  }
  return { count: indices.length, shape, bytes: out };
}

/** @param least images that there must be */
async function readImages(folder: string, name: string, least: number): Promise<ImageSet> {
  const [plain, packed] = [join(folder, name), join(folder, `${name}.gz`)];
  if (!existsSync(plain) && !existsSync(packed)) {
    throw new UserError(
      `the data folder ${folder} lacks ${name}: expected ${TRAIN} and ${TEST}, .gz or not: check --data-dir`,
    );
  }
  const path = existsSync(plain) ? plain : packed;
  const { shape, data } = parseIdx(await readMaybeGzipped(path), path, 3);
  const [count = 0, height = 0, width = 0] = shape;
  if (count < least || height < 1 || width < 1) {
    throw new UserError(
      `${path}: found dimensions ${shape.join(' x ')}, expected at least ${least} images: get the whole file`,
    );
  }
  return { count, shape: [1, height, width], bytes: data };
}

function digest({ bytes }: ImageSet): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/**
 * Reads the training and test images in `folder`, .gz or not; labels are not needed.
 *
 * @throws UserError when a file is missing or damaged, there are no more than 50,000 training images or no test images,
 *   or the two files have images of different sizes
 */
export async function readMnistSplits(folder: string): Promise<MnistSplits> {
  const found = await stat(folder).catch((error: unknown) => {
    throw new UserError(`the data folder ${folder} ${fileProblem(error)}: check --data-dir`);
  });
  if (!found.isDirectory())
    throw new UserError(`the data folder ${folder} is not a folder: check --data-dir`);
  const all = await readImages(folder, TRAIN, VALIDATION_START + 1);
  const test = await readImages(folder, TEST, 1);
  const { shape, bytes, count } = all;
  if (shape[1] !== test.shape[1] || shape[2] !== test.shape[2]) {
    throw new UserError(
      `${folder}: ${TRAIN} has images of ${shape.slice(1).join(' x ')} pixels and ${TEST} of ` +
        `${test.shape.slice(1).join(' x ')}, expected the same: check that the files belong together`,
    );
  }
  const validation = {
    count: count - VALIDATION_START,
    shape,
    bytes: bytes.subarray(VALIDATION_START * shape[1] * shape[2]),
  };
  return {
    train: firstImages(all, VALIDATION_START),
    validation,
    test,
    sha256: { train: digest(all), test: digest(test) },
  };
}
