import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { UserError } from '../../../src/system/user-error.js';
import { openCifar10 } from '../../../src/train/data/cifar10.js';
import { DATASETS, openDataset } from '../../../src/train/index.js';
import { temporaryFolder } from '../../support/cli.js';
import { writeFiles } from '../../support/images.js';

const PLANE = 1024;
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Image n: its planes are n, n + 100 and n + 200 all over but for one pixel; its label is n mod 10. */
function record(n: number): Buffer {
  const bytes = Buffer.alloc(1 + 3 * PLANE);
  for (let c = 0; c < 3; c++) bytes.fill(n + 100 * c, 1 + c * PLANE, 1 + (c + 1) * PLANE);
  bytes[0] = n % 10;
  bytes[1 + 33] = 255;
  return bytes;
}

/** Twelve images in five files. */
function files(folder = ''): Record<string, Buffer> {
  const records = (...numbers: number[]): Buffer => Buffer.concat(numbers.map(record));
  const all = [records(0, 1, 2), records(3), records(4, 5, 6, 7, 8), records(9, 10), records(11)];
  return Object.fromEntries(all.map((bytes, i) => [`${folder}data_batch_${i + 1}.bin`, bytes]));
}

function dataDir(contents: Record<string, Uint8Array>): string {
  const folder = temporaryFolder();
  writeFiles(folder, contents);
  return folder;
}

const open = (folder: string, channels = 3) => openCifar10({ dataDir: folder, imageSize: 32, channels });

describe('cifar10', () => {
  it('reads the five files of the binary version in order, planes as they are', async () => {
    const { description, labels, read } = await open(dataDir(files()));
    const planes = Array.from({ length: 12 }, (_, n) => record(n).subarray(1));
    expect(description).toEqual({
      name: 'cifar10',
      count: 12,
      shape: [3, 32, 32],
      sha256: sha256(Buffer.concat(planes)),
    });
    expect([...labels!]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]);
    const out = new Uint8Array(2 * 3 * PLANE);
    read(Uint32Array.of(11, 3), out);
    expect(Buffer.compare(out, Buffer.concat([planes[11]!, planes[3]!]))).toBe(0);
  });

  it('takes the folder that its archive unpacks to, and gzipped files', async () => {
    const { description } = await open(dataDir(files()));
    expect((await open(dataDir(files('cifar-10-batches-bin/')))).description).toEqual(description);
    const packed = Object.entries(files()).map(([name, bytes]) => [`${name}.gz`, gzipSync(bytes)]);
    expect((await open(dataDir(Object.fromEntries(packed)))).description).toEqual(description);
  });

  it('delivers grey images when one channel is asked for', async () => {
    const { description, read } = await open(dataDir(files()), 1);
    expect(description.shape).toEqual([1, 32, 32]);
    const out = new Uint8Array(PLANE);
    read(Uint32Array.of(2), out);
    // 0.299 x 2 + 0.587 x 102 + 0.114 x 202 = 83.5, and 0.299 x 255 + ... = 159.1 at one pixel.
    expect([out[0], out[33], out[34]]).toEqual([84, 159, 84]);
  });

  it('is resized like any dataset', async () => {
    const dataset = await openDataset('cifar10', { dataDir: dataDir(files()), imageSize: 16, channels: 3 });
    expect(dataset.description).toMatchObject({ count: 12, shape: [3, 16, 16] });
    expect(DATASETS.cifar10.channels).toEqual([1, 3]);
  });

  it.each([
    [
      'nothing',
      {},
      /lacks data_batch_1.bin, data_batch_2.bin, .*: expected a folder with .*unpack cifar-10-binary.tar.gz/,
    ],
    ['four files', { 'data_batch_4.bin': undefined }, /lacks data_batch_4.bin: expected/],
    [
      'half a record',
      { 'data_batch_2.bin': Buffer.alloc(4000) },
      /data_batch_2.bin: found 4000 bytes, expected records of 3073/,
    ],
    ['an empty file', { 'data_batch_2.bin': Buffer.alloc(0) }, /data_batch_2.bin: found 0 bytes/],
    [
      'other labels',
      { 'data_batch_5.bin': Buffer.alloc(3073 * 2, 17) },
      /found label 17 at image 0, expected 0 to 9/,
    ],
  ])('refuses a folder with %s', async (what, changes, message) => {
    const contents = what === 'nothing' ? {} : { ...files(), ...changes };
    const kept = Object.entries(contents).filter(
      (entry): entry is [string, Buffer] => entry[1] !== undefined,
    );
    const error = await open(dataDir(Object.fromEntries(kept))).catch((error: unknown) => error);
    expect(error).toBeInstanceOf(UserError);
    expect((error as Error).message).toMatch(message);
  });

  it('refuses to go without a folder, or with a file', async () => {
    await expect(openCifar10({ imageSize: 32, channels: 3 })).rejects.toThrow(
      /^dataset cifar10 needs --data-dir/,
    );
    const folder = dataDir(files());
    await expect(open(join(folder, 'data_batch_1.bin'))).rejects.toThrow(/is not a folder: expected/);
    await expect(open(join(folder, 'gone'))).rejects.toThrow(/does not exist: expected/);
  });
});
