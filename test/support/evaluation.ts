/** What `gan-onnx evaluate` measures, small: data of 4 x 4 pixels and a generator. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { Graph } from '../../src/export/index.js';
import { idxFile, temporaryFolder } from './cli.js';

export const SIZE = 4;
export const PIXELS = SIZE * SIZE;
export const TRAIN = 'train-images-idx3-ubyte';
export const TEST = 't10k-images-idx3-ubyte';

export function images(count: number, level: (index: number) => number): Uint8Array {
  return Uint8Array.from({ length: count * PIXELS }, (_, i) => level(Math.floor(i / PIXELS)));
}

/** 50,020 training images: black, but those for validation have level 204; 30 test images of level 51. */
export function dataFolder(): string {
  const folder = temporaryFolder();
  const train = images(50_020, (i) => (i < 50_000 ? 0 : 204));
  writeFileSync(join(folder, TRAIN), idxFile([50_020, SIZE, SIZE], train));
  const test = idxFile(
    [30, SIZE, SIZE],
    images(30, () => 51),
  );
  writeFileSync(join(folder, `${TEST}.gz`), gzipSync(test));
  return folder;
}

/** A generator whose images are grey, 0 in [-1, 1], whatever the latent. */
export function greyGenerator(size = SIZE): string {
  const graph = new Graph('grey');
  const z = graph.input('z', 'float32', ['N', size * size]);
  graph.output('image', z.mul(0).reshape(['N', 1, size, size]));
  const path = join(temporaryFolder(), 'grey.onnx');
  writeFileSync(path, graph.toBytes());
  return path;
}
