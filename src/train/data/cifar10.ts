/** The dataset `cifar10`: 50,000 colour photographs, 32 x 32, from the five training files of its binary version. */

import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as otherWork } from 'node:timers/promises';
import { errorCode, fileProblem } from '../../system/files.js';
import { UserError } from '../../system/user-error.js';
import { type Dataset, type DatasetOptions, datasetInMemory } from './dataset.js';
import { luma } from './greyscale.js';
import { readMaybeGzipped } from './gzip.js';

const SIZE = 32;
const PLANE = SIZE * SIZE;
/** A label and three planes. */
const RECORD = 1 + 3 * PLANE;
const CLASSES = 10;
/** Ten times what one of its own files holds. */
const MAX_BYTES = 100_000 * RECORD;
/** Images turned grey between two looks at the event loop. */
const CHUNK = 1000;

const FILES = [1, 2, 3, 4, 5].map((n) => `data_batch_${n}.bin`);
/** Folder that the archive of the binary version unpacks to. */
const UNPACKED = 'cifar-10-batches-bin';
const EXPECTED =
  `expected a folder with ${FILES[0]} to ${FILES[4]} (unpack cifar-10-binary.tar.gz of ` +
  'https://www.cs.toronto.edu/~kriz/cifar.html)';

/**
 * Opens the dataset `cifar10`.
 *
 * @param options `dataDir` (the folder with the files, gzipped or not, or the one above it), `channels` (3, or 1 for
 *   their luma) and `signal` are used
 * @returns uint8 images [channels, 32, 32] in the order of the files, with their labels 0..9; a file may hold any whole
 *   number of images
 * @throws UserError when there is no `dataDir`, or its files are missing, unreadable or not those of the binary version
 */
export async function openCifar10({ dataDir, channels, signal }: DatasetOptions): Promise<Dataset> {
  if (dataDir === undefined) throw new UserError(`dataset cifar10 needs --data-dir: ${EXPECTED}`);
  const paths = await findFiles(dataDir);
  const batches: Uint8Array[] = [];
  for (const path of paths) {
    signal?.throwIfAborted();
    batches.push(await readBatch(path));
  }
  const count = batches.reduce((sum, { length }) => sum + length / RECORD, 0);
  const images = new Uint8Array(count * channels * PLANE);
  const labels = new Uint8Array(count);
  const hash = createHash('sha256');
  let i = 0;
  for (const batch of batches) {
    for (let at = 0; at < batch.length; at += RECORD, i++) {
      if (i % CHUNK === 0) await otherWork();
      labels[i] = batch[at]!;
      const out = images.subarray(i * channels * PLANE, (i + 1) * channels * PLANE);
      copyImage(batch.subarray(at + 1, at + RECORD), out);
      hash.update(out);
    }
  }
  const description = {
    name: 'cifar10',
    count,
    shape: [channels, SIZE, SIZE] as const,
    sha256: hash.digest('hex'),
  };
  return datasetInMemory(description, images, labels);
}

/** @param planes uint8, red, green and blue @param out uint8, the same, or one plane of grey */
function copyImage(planes: Uint8Array, out: Uint8Array): void {
  if (out.length === planes.length) {
    out.set(planes);
    return;
  }
  for (let p = 0; p < PLANE; p++) out[p] = luma(planes[p]!, planes[PLANE + p]!, planes[2 * PLANE + p]!);
}

async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errorCode(error))) return false;
    throw new UserError(`${path}: the file ${fileProblem(error)}: expected one that can be read; check it`);
  }
}

/** Paths of the five files, in `folder` or in the folder that the archive makes. */
async function findFiles(folder: string): Promise<string[]> {
  const found = await stat(folder).catch((error: unknown) => {
    throw new UserError(`the data folder ${folder} ${fileProblem(error)}: ${EXPECTED}`);
  });
  if (!found.isDirectory()) throw new UserError(`the data folder ${folder} is not a folder: ${EXPECTED}`);
  const inner = (await isThere(join(folder, UNPACKED))) ? join(folder, UNPACKED) : folder;
  const paths: string[] = [];
  const missing: string[] = [];
  for (const name of FILES) {
    const choices = [join(inner, name), join(inner, `${name}.gz`)];
    const there = await Promise.all(choices.map(isThere));
    const path = choices.find((_, i) => there[i]);
    if (path === undefined) missing.push(name);
    else paths.push(path);
  }
  if (missing.length === 0) return paths;
  throw new UserError(`the data folder ${inner} lacks ${missing.join(', ')}: ${EXPECTED}`);
}

async function readBatch(path: string): Promise<Uint8Array> {
  const bytes = await readMaybeGzipped(path, MAX_BYTES);
  if (bytes.length === 0 || bytes.length % RECORD !== 0) {
    throw new UserError(
      `${path}: found ${bytes.length} bytes, expected records of ${RECORD} (a label and 3 x 32 x 32 pixels): get the ` +
        'binary version of CIFAR-10 again',
    );
  }
  for (let at = 0; at < bytes.length; at += RECORD) {
    if (bytes[at]! < CLASSES) continue;
    throw new UserError(
      `${path}: found label ${bytes[at]} at image ${at / RECORD}, expected 0 to 9: get the binary version of CIFAR-10`,
    );
  }
  return bytes;
}
