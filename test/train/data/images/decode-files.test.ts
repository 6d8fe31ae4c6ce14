import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Decoded } from '../../../../src/train/data/images/decode-files.js';
import { temporaryFolder } from '../../../support/cli.js';
import { plainPng, writeFiles } from '../../../support/images.js';

type DecodeFiles = typeof import('../../../../src/train/data/images/decode-files.js');

/** The built code: threads run JavaScript. */
const BUILT = new URL('../../../../dist/train/data/images/decode-files.js', import.meta.url).href;
const { createImageReader } = (await import(/* @vite-ignore */ BUILT)) as DecodeFiles;

/** A GIF of 8 x 1 pixels whose LZW codes 6, 0, 6 make an entry that is its own beginning: the decoder never ends. */
const ENDLESS = Buffer.from(
  '474946383961 0800 0100 80 00 00 ff0000 0000ff 2c 0000 0000 0800 0100 00 02 02 8601 00 3b'.replaceAll(
    ' ',
    '',
  ),
  'hex',
);

const all = async <T>(results: AsyncGenerator<T>): Promise<T[]> => {
  const found: T[] = [];
  for await (const result of results) found.push(result);
  return found;
};

describe('an image reader', () => {
  it('finds the one file of a batch that keeps its decoder busy for ever', async () => {
    const folder = temporaryFolder();
    const paths = Array.from({ length: 20 }, (_, i) => `${10 + i}.png`);
    writeFiles(
      folder,
      Object.fromEntries(
        await Promise.all(paths.map(async (path, i) => [path, await plainPng([i, 0, 0, 255], 1)])),
      ),
    );
    writeFileSync(join(folder, paths[7]!), ENDLESS);
    const reader = createImageReader(folder, 2, undefined, { hash: 9000, small: 3000, large: 9000 });
    onTestFinished(() => reader.close());
    const sums = await all(reader.hash(paths));
    const files = paths.map((path, i) => ({ path, sha256: (sums[i] as { sha256: string }).sha256 }));
    const decoded = await all(reader.decode(files, { size: 1, channels: 1 }));
    const expected: Decoded[] = paths.map((_, i) => ({ image: Uint8Array.of((i * 19595 + 0x8000) >> 16) }));
    expected[7] = { problem: 'it takes more than 3 s', certain: false };
    expect(decoded).toEqual(expected);
  });

  it('refuses a file that changes between its checksum and its decoding', async () => {
    const folder = temporaryFolder();
    writeFiles(folder, { 'a.png': await plainPng([1, 2, 3, 255]) });
    const reader = createImageReader(folder, 1);
    onTestFinished(() => reader.close());
    const files = [{ path: 'a.png', sha256: '0'.repeat(64) }];
    await expect(all(reader.decode(files, { size: 1, channels: 1 }))).rejects.toThrow(
      `${join(folder, 'a.png')} changed while it was read: start again when it is at rest`,
    );
  });
});
