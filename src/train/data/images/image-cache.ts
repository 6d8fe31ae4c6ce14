/**
 * Decoded images on the disk, one folder for each set of them: `images.u8` (uint8 [count, channels, size, size]),
 * `entry.json` (what they are, with checksums) and `state` (the listing that they were last found by). An entry is named by
 * the contents of the files that it was decoded from, is written under a temporary name and renamed whole, and is
 * believed only when its checksums are right.
 */

import { createHash, randomUUID } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir, readFile, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { fileProblem, readBounded, writeFileAtomically } from '../../../system/files.js';
import { UserError } from '../../../system/user-error.js';
import { cacheFolder } from '../cache-folder.js';
import type { Broken } from './broken-image.js';

export interface ImageCache {
  /** Folder of the entries; made when it is missing. */
  folder: string;
  /** Most bytes of all entries together. */
  maxBytes: number;
}

/** What an entry holds. */
export interface CacheEntry {
  /** Images in it. */
  count: number;
  /** SHA-256 (hex) of images.u8. */
  sha256: string;
  /** The files that could not be decoded, in the order of their paths. */
  broken: Broken[];
}

/** An entry whose images can be read. */
export interface OpenEntry extends CacheEntry {
  /** images.u8 */
  file: FileHandle;
}

const FILES = { images: 'images.u8', entry: 'entry.json', state: 'state' } as const;
const KEY = /^[0-9a-f]{64}$/;
const TEMPORARY = /^\.[0-9a-f]{64}\./;
/** Largest entry.json that is read: 100,000 broken files need a tenth. */
const MAX_ENTRY_BYTES = 2 ** 28;
/** Temporary folders that nobody wrote to for so long (ms) were left by a process that died. */
const STALE_MS = 24 * 3600 * 1000;
const DEFAULT_GIB = 4;
const ENV_LIMIT = 'GAN_ONNX_CACHE_GIB';

/**
 * The user's cache of decoded images: `gan-onnx/images` below $XDG_CACHE_HOME or ~/.cache, at most 4 GiB or what
 * GAN_ONNX_CACHE_GIB says.
 *
 * @param env the environment variables to look at
 * @throws UserError when GAN_ONNX_CACHE_GIB is not a number of at least 0
 */
export function imageCache(env: NodeJS.ProcessEnv = process.env): ImageCache {
  const text = env[ENV_LIMIT] ?? String(DEFAULT_GIB);
  const gib = text.trim() === '' ? Number.NaN : Number(text);
  if (!(gib >= 0)) throw new UserError(`${ENV_LIMIT}=${text}: expected a number of GiB, 0 or more`);
  return { folder: join(cacheFolder(env), 'images'), maxBytes: gib * 2 ** 30 };
}

const digest = (text: string): string => createHash('sha256').update(text).digest('hex');

/** Turns a failure to use the cache into what the user can do about it. */
export function cacheProblem({ folder }: ImageCache, error: unknown): UserError {
  return new UserError(
    `the cache folder ${folder} ${fileProblem(error)}: expected one that can be written; ` +
      'set XDG_CACHE_HOME to another place',
  );
}

async function entryNames({ folder }: ImageCache): Promise<string[]> {
  return (await readdir(folder).catch(() => [])).filter((name) => KEY.test(name));
}

/** The key of the entry that was last found by a listing of this state. */
export async function keyOfState(cache: ImageCache, state: string): Promise<string | undefined> {
  for (const key of await entryNames(cache)) {
    const found = await readFile(join(cache.folder, key, FILES.state), 'utf8').catch(() => '');
    if (found === state) return key;
  }
  return undefined;
}

/** Remembers that files in this state have these contents. */
export function rememberState(cache: ImageCache, key: string, state: string): void {
  try {
    writeFileAtomically(join(cache.folder, key, FILES.state), state);
  } catch {
    // Another process removed the entry: the next start reads the files again.
  }
}

function isBroken(value: unknown): value is Broken {
  const { path, reason } = value as Broken;
  return typeof path === 'string' && typeof reason === 'string';
}

async function readEntry(folder: string): Promise<CacheEntry | undefined> {
  try {
    const text = new TextDecoder().decode(await readBounded(join(folder, FILES.entry), MAX_ENTRY_BYTES));
    const { checksum, entry } = JSON.parse(text) as { checksum: unknown; entry: CacheEntry };
    if (checksum !== digest(JSON.stringify(entry))) return undefined;
    const { count, sha256, broken } = entry;
    const isRight = Number.isSafeInteger(count) && KEY.test(sha256) && broken.every(isBroken);
    return isRight ? { count, sha256, broken } : undefined;
  } catch {
    return undefined;
  }
}

/** SHA-256 (hex) of a file from its beginning, read in pieces. */
async function hashFile(file: FileHandle, signal?: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  const piece = Buffer.allocUnsafe(2 ** 20);
  for (let at = 0; ; ) {
    signal?.throwIfAborted();
    const { bytesRead } = await file.read(piece, 0, piece.length, at);
    if (bytesRead === 0) return hash.digest('hex');
    hash.update(piece.subarray(0, bytesRead));
    at += bytesRead;
  }
}

/**
 * Opens an entry, whose images are read once to compare their checksum.
 *
 * @param imageBytes bytes of one image
 * @returns undefined when it is missing or damaged
 */
export async function openEntry(
  { folder }: ImageCache,
  key: string,
  imageBytes: number,
  signal?: AbortSignal,
): Promise<OpenEntry | undefined> {
  const entry = await readEntry(join(folder, key));
  if (entry === undefined) return undefined;
  const file = await open(join(folder, key, FILES.images)).catch(() => undefined);
  if (file === undefined) return undefined;
  try {
    const { size } = await file.stat();
    if (size === entry.count * imageBytes && (await hashFile(file, signal)) === entry.sha256) {
      const now = new Date();
      await utimes(join(folder, key, FILES.entry), now, now).catch(() => {});
      return { ...entry, file };
    }
    await file.close();
    return undefined;
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** Writes the images of a new entry, one after the other. */
export interface EntryWriter {
  /** @param images uint8, any number of whole images */
  append(images: Uint8Array): Promise<void>;
  /**
   * Ends the entry and opens it.
   *
   * @param keep whether it goes into the cache; otherwise it lasts until it is closed
   */
  finish(broken: Broken[], keep: boolean): Promise<OpenEntry>;
  /** Removes what was written; nothing happens after `finish`. */
  abandon(): Promise<void>;
}

/**
 * @param imageBytes bytes of one image
 * @throws UserError when the cache cannot be written; so do the writer's methods
 */
export async function createEntry(cache: ImageCache, key: string, imageBytes: number): Promise<EntryWriter> {
  const temporary = join(cache.folder, `.${key}.${randomUUID()}`);
  const careful = <T>(work: Promise<T>): Promise<T> =>
    work.catch((error: unknown) => {
      throw cacheProblem(cache, error);
    });
  await careful(mkdir(temporary, { recursive: true }));
  const file = await careful(open(join(temporary, FILES.images), 'w+'));
  const hash = createHash('sha256');
  let bytes = 0;
  let ended = false;
  return {
    async append(images) {
      hash.update(images);
      await careful(file.writev([images], bytes));
      bytes += images.length;
    },
    async finish(broken, keep) {
      const entry: CacheEntry = { count: bytes / imageBytes, sha256: hash.digest('hex'), broken };
      if (keep && bytes <= cache.maxBytes) {
        const text = JSON.stringify({ checksum: digest(JSON.stringify(entry)), entry });
        writeFileAtomically(join(temporary, FILES.entry), text);
        await careful(moveIn(cache, temporary, key));
      }
      // What is open stays readable without a name; an entry that was moved is not there any more.
      await careful(rm(temporary, { recursive: true, force: true }));
      ended = true;
      return { ...entry, file };
    },
    async abandon() {
      if (ended) return;
      ended = true;
      await file.close();
      await rm(temporary, { recursive: true, force: true });
    },
  };
}

/** Gives a finished entry its name; one that has the name already is damaged, or another process was faster. */
async function moveIn({ folder }: ImageCache, temporary: string, key: string): Promise<void> {
  try {
    await rename(temporary, join(folder, key));
  } catch {
    await removeEntry(folder, key);
    await rename(temporary, join(folder, key)).catch(() => {});
  }
}

/** Takes an entry out of sight in one move, then removes it; whoever has it open goes on reading. */
async function removeEntry(folder: string, key: string): Promise<void> {
  const unseen = join(folder, `.${key}.${randomUUID()}`);
  await rename(join(folder, key), unseen).catch(() => {});
  await rm(unseen, { recursive: true, force: true });
}

/** Removes the entries that were used longest ago until all fit, but never `key`, and what dead processes left. */
export async function evict(cache: ImageCache, key: string): Promise<void> {
  const { folder, maxBytes } = cache;
  const entries: { name: string; bytes: number; used: number }[] = [];
  for (const name of await entryNames(cache)) {
    const images = await stat(join(folder, name, FILES.images)).catch(() => undefined);
    const entry = await stat(join(folder, name, FILES.entry)).catch(() => undefined);
    const bytes = (images?.size ?? 0) + (entry?.size ?? 0);
    entries.push({ name, bytes, used: name === key ? Number.POSITIVE_INFINITY : (entry?.mtimeMs ?? 0) });
  }
  let total = entries.reduce((sum, { bytes }) => sum + bytes, 0);
  for (const { name, bytes } of entries.sort((a, b) => a.used - b.used)) {
    if (total <= maxBytes || name === key) break;
    await removeEntry(folder, name);
    total -= bytes;
  }
  for (const name of await readdir(folder).catch(() => [])) {
    if (!TEMPORARY.test(name)) continue;
    const found = await stat(join(folder, name, FILES.images)).catch(() => undefined);
    const last = found ?? (await stat(join(folder, name)).catch(() => undefined));
    if (last !== undefined && Date.now() - last.mtimeMs > STALE_MS) {
      await rm(join(folder, name), { recursive: true, force: true });
    }
  }
}
