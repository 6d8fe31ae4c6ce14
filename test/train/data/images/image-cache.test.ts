import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { UserError } from '../../../../src/system/user-error.js';
import {
  createEntry,
  evict,
  type ImageCache,
  imageCache,
  keyOfState,
  type OpenEntry,
  openEntry,
  rememberState,
} from '../../../../src/train/data/images/image-cache.js';
import { temporaryFolder } from '../../../support/cli.js';

const sha256 = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex');
const [A, B, C] = ['a', 'b', 'c'].map(sha256) as [string, string, string];
const BROKEN = [{ path: 'x.png', reason: 'it is empty' }];

const emptyCache = (maxBytes = 1e6): ImageCache => ({ folder: join(temporaryFolder(), 'images'), maxBytes });

/** An entry of two images of 4 bytes. */
async function write(cache: ImageCache, key: string, keep = true): Promise<OpenEntry> {
  const writer = await createEntry(cache, key, 4);
  await writer.append(Uint8Array.of(1, 2, 3, 4));
  await writer.append(Uint8Array.of(5, 6, 7, 8));
  const entry = await writer.finish(BROKEN, keep);
  await writer.abandon();
  return entry;
}

async function contents({ file }: OpenEntry): Promise<number[]> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(100), 0, 100, 0);
  await file.close();
  return [...buffer.subarray(0, bytesRead)];
}

describe('the cache of decoded images', () => {
  it('keeps what was written, with its checksum and the broken files', async () => {
    const cache = emptyCache();
    const written = await write(cache, A);
    expect(await contents(written)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    const { file, ...entry } = (await openEntry(cache, A, 4))!;
    expect(entry).toEqual({
      count: 2,
      sha256: sha256(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)),
      broken: BROKEN,
    });
    expect(await contents({ file, ...entry })).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(await openEntry(cache, B, 4)).toBeUndefined();
    expect(readdirSync(cache.folder)).toEqual([A]);
  });

  it('finds an entry by the state of the files that it was last found for', async () => {
    const cache = emptyCache();
    await (await write(cache, A)).file.close();
    await (await write(cache, B)).file.close();
    rememberState(cache, B, 'files as they are');
    expect(await keyOfState(cache, 'files as they are')).toBe(B);
    expect(await keyOfState(cache, 'otherwise')).toBeUndefined();
    // An entry that is gone is no reason to fail.
    rememberState(cache, C, 'files as they were');
    expect(await keyOfState(cache, 'files as they were')).toBeUndefined();
  });

  it.each([
    [
      'a flipped pixel',
      (folder: string) => writeFileSync(join(folder, 'images.u8'), Buffer.from([1, 2, 3, 4, 5, 6, 7, 9])),
    ],
    ['a missing byte', (folder: string) => truncateSync(join(folder, 'images.u8'), 7)],
    [
      'another count',
      (folder: string) => {
        const path = join(folder, 'entry.json');
        writeFileSync(path, readFileSync(path, 'utf8').replace('"count":2', '"count":1'));
      },
    ],
    ['no description', (folder: string) => writeFileSync(join(folder, 'entry.json'), '')],
  ])('does not believe an entry with %s, and replaces it', async (_, damage) => {
    const cache = emptyCache();
    await (await write(cache, A)).file.close();
    damage(join(cache.folder, A));
    expect(await openEntry(cache, A, 4)).toBeUndefined();
    await (await write(cache, A)).file.close();
    expect(await contents((await openEntry(cache, A, 4))!)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(readdirSync(cache.folder)).toEqual([A]);
  });

  it('is not harmed by two that write the same entry at once', async () => {
    const cache = emptyCache();
    const entries = await Promise.all([write(cache, A), write(cache, A), write(cache, A)]);
    for (const entry of entries) expect(await contents(entry)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(await contents((await openEntry(cache, A, 4))!)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(readdirSync(cache.folder)).toEqual([A]);
  });

  it('leaves nothing of an entry that was abandoned, or is not to be kept, or is larger than all may be', async () => {
    const cache = emptyCache();
    const writer = await createEntry(cache, A, 4);
    await writer.append(new Uint8Array(4));
    expect(readdirSync(cache.folder)).toHaveLength(1);
    await writer.abandon();
    expect(readdirSync(cache.folder)).toEqual([]);
    // Without a name it can still be read.
    expect(await contents(await write(cache, A, false))).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(await contents(await write({ ...cache, maxBytes: 7 }, A))).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(readdirSync(cache.folder)).toEqual([]);
  });

  it('gives up the entries that were used longest ago, and what a dead process left', async () => {
    const cache = emptyCache();
    for (const key of [A, B, C]) await (await write(cache, key)).file.close();
    for (const [key, day] of [
      [A, 2],
      [B, 1],
      [C, 3],
    ] as const) {
      utimesSync(join(cache.folder, key, 'entry.json'), day * 86400, day * 86400);
    }
    // Using an entry makes it young.
    await (await openEntry(cache, B, 4))!.file.close();
    await createEntry(cache, A, 4);
    const [left] = readdirSync(cache.folder).filter((name) => name.startsWith('.'));
    utimesSync(join(cache.folder, left!, 'images.u8'), 0, 0);
    await createEntry(cache, B, 4);
    const size = readFileSync(join(cache.folder, C, 'entry.json')).length + 8;
    await evict({ ...cache, maxBytes: 2 * size }, C);
    expect(
      readdirSync(cache.folder)
        .filter((name) => !name.startsWith('.'))
        .sort(),
    ).toEqual([B, C].sort());
    expect(existsSync(join(cache.folder, left!))).toBe(false);
    expect(readdirSync(cache.folder).filter((name) => name.startsWith('.'))).toHaveLength(1);
    // The entry in use stays, however small the cache.
    await evict({ ...cache, maxBytes: 1 }, C);
    expect(readdirSync(cache.folder).filter((name) => !name.startsWith('.'))).toEqual([C]);
  });

  it('says that its folder cannot be written', async () => {
    const file = join(temporaryFolder(), 'file');
    writeFileSync(file, '');
    const error = await createEntry({ folder: join(file, 'images'), maxBytes: 1 }, A, 4).catch(
      (error: unknown) => error,
    );
    expect(error).toBeInstanceOf(UserError);
    expect((error as Error).message).toMatch(
      /^the cache folder .* lies below something .* set XDG_CACHE_HOME/,
    );
  });

  it("lies in the user's cache folder and holds 4 GiB unless told otherwise", () => {
    expect(imageCache({ XDG_CACHE_HOME: '/caches' })).toEqual({
      folder: '/caches/gan-onnx/images',
      maxBytes: 2 ** 32,
    });
    expect(imageCache({}).folder).toBe(join(homedir(), '.cache/gan-onnx/images'));
    expect(imageCache({ GAN_ONNX_CACHE_GIB: '0.5' }).maxBytes).toBe(2 ** 29);
    for (const text of ['-1', 'much', '', 'NaN']) {
      expect(() => imageCache({ GAN_ONNX_CACHE_GIB: text })).toThrow(
        `GAN_ONNX_CACHE_GIB=${text}: expected a number of GiB, 0 or more`,
      );
    }
  });
});
