/**
 * Datasets in MNIST's layout: two IDX files, images and labels, from a folder of the user's, or from a cache that is
 * filled from public mirrors the first time. The user's folder is only ever read.
 */

import { createHash } from 'node:crypto';
import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode, fileProblem, readBounded, writeFileAtomically } from '../../system/files.js';
import { UserError } from '../../system/user-error.js';
import { type Dataset, type DatasetOptions, datasetInMemory } from './dataset.js';
import { isGzipped, MAX_UNPACKED, maybeGunzip } from './gzip.js';
import { parseIdx } from './idx.js';

/** The files, as they are called unpacked. */
export const IMAGES = 'train-images-idx3-ubyte';
export const LABELS = 'train-labels-idx1-ubyte';
/** Most bytes taken from a mirror for one file; the largest has 47 MB unpacked. */
const MAX_DOWNLOAD = 64 * 2 ** 20;

export type IdxFile = typeof IMAGES | typeof LABELS;
type Checksums = Pick<IdxSource, 'sha256' | 'checked'>;

/** Where a dataset comes from when the user has no folder of it. */
export interface IdxSource {
  /** Name in the table of datasets. */
  name: string;
  /** What people call it. */
  title: string;
  /** URLs, ending in a slash, below which the files lie gzipped; tried in this order. */
  mirrors: readonly string[];
  /** Folder that keeps the downloaded files; made when it is missing. */
  cacheDir: string;
  /** SHA-256 (hex) of the files, as `checked` says. */
  sha256: Readonly<Record<IdxFile, string>>;
  /** Whether the checksums are of the gzipped files or of what is in them. */
  checked: 'gzipped' | 'unpacked';
  /** Milliseconds without a byte from a mirror before the next one is tried. */
  stallMs: number;
}

/**
 * Opens a dataset from `options.dataDir`, or else from the cache, downloading what is missing there. Files in
 * `options.dataDir` need no particular checksum, so that look-alikes work; those in the cache do.
 *
 * @param options `dataDir`, `onProgress` and `signal` are used; the images come in their own size, [1, 28, 28] for MNIST,
 *   and a wrapper resizes them
 * @returns uint8 images, 0 background to 255, with their labels
 * @throws UserError when the files are missing, unreadable or not of that layout, or cannot be downloaded
 */
export async function openIdxDataset(source: IdxSource, options: DatasetOptions): Promise<Dataset> {
  if (options.dataDir !== undefined) {
    await checkDataDir(options.dataDir);
    return load(source.name, options.dataDir);
  }
  await fillCache(source, options);
  return load(source.name, source.cacheDir, source);
}

/** The source's checksum of a file, and that of these bytes of it, taken alike. */
function checksums(
  { sha256, checked }: Checksums,
  name: IdxFile,
  packed: Uint8Array,
  unpacked: Uint8Array,
): { expected: string; found: string } {
  const bytes = checked === 'gzipped' ? packed : unpacked;
  return { expected: sha256[name], found: createHash('sha256').update(bytes).digest('hex') };
}

/** Path of a file in `folder`, unpacked or else as .gz, or undefined when neither is there. */
async function find(folder: string, name: IdxFile): Promise<string | undefined> {
  for (const path of [join(folder, name), join(folder, `${name}.gz`)]) {
    try {
      await stat(path);
      return path;
    } catch (error) {
      if (['ENOENT', 'ENOTDIR'].includes(errorCode(error))) continue;
      throw new UserError(`${path}: the file ${fileProblem(error)}: expected one that can be read; check it`);
    }
  }
  return undefined;
}

async function findMissing(folder: string): Promise<IdxFile[]> {
  const paths = await Promise.all([find(folder, IMAGES), find(folder, LABELS)]);
  return ([IMAGES, LABELS] as const).filter((_, i) => paths[i] === undefined);
}

async function checkDataDir(folder: string): Promise<void> {
  const expected = `expected a folder with ${IMAGES} and ${LABELS}, .gz or not: check --data-dir`;
  const found = await stat(folder).catch((error: unknown) => {
    throw new UserError(`the data folder ${folder} ${fileProblem(error)}: ${expected}`);
  });
  if (!found.isDirectory()) throw new UserError(`the data folder ${folder} is not a folder: ${expected}`);
  const missing = await findMissing(folder);
  if (missing.length > 0) {
    throw new UserError(`the data folder ${folder} lacks ${missing.join(' and ')}: ${expected}`);
  }
}

/** Reads the two files in `folder`, which are known to be there, and checks that they belong together. */
async function load(name: string, folder: string, expected?: Checksums): Promise<Dataset> {
  const images = await loadFile(folder, IMAGES, 3, expected);
  const [count = 0, height, width] = images.shape;
  if (count < 1 || !height || height !== width) {
    throw new UserError(
      `${images.path}: found dimensions ${images.shape.join(' x ')}, expected N square images, N at least 1: ` +
        'check that it holds images',
    );
  }
  const labels = await loadFile(folder, LABELS, 1, expected);
  if (labels.shape[0] !== count) {
    throw new UserError(
      `${labels.path}: found dimensions ${labels.shape.join(' x ')}, expected ${count}, one label for each image in ` +
        `${images.path}: check that the two files belong together`,
    );
  }
  const digest = createHash('sha256').update(images.data).digest('hex');
  return datasetInMemory(
    { name, count, shape: [1, height, height], sha256: digest },
    images.data,
    labels.data,
  );
}

async function loadFile(folder: string, name: IdxFile, rank: number, expected?: Checksums) {
  const path = (await find(folder, name)) ?? join(folder, name);
  const packed = await readBounded(path, MAX_UNPACKED, 'a dataset file');
  const bytes = await maybeGunzip(packed, path);
  const sums = expected && checksums(expected, name, packed, bytes);
  if (sums !== undefined && sums.found !== sums.expected) {
    throw new UserError(
      `${path}: found SHA-256 ${sums.found} of its ${expected?.checked} bytes, expected ${sums.expected}: delete it to ` +
        'download it again, or use --data-dir for other data',
    );
  }
  return { path, ...parseIdx(bytes, path, rank) };
}

/** Downloads the files that the cache lacks, from the first mirror that has them. */
async function fillCache(
  source: IdxSource,
  { onProgress, signal }: Pick<DatasetOptions, 'onProgress' | 'signal'>,
): Promise<void> {
  const { mirrors, cacheDir } = source;
  let missing = await findMissing(cacheDir);
  if (missing.length === 0) return;
  await inCache(cacheDir, mkdir(cacheDir, { recursive: true }));
  const failures: string[] = [];
  for (const mirror of mirrors) {
    onProgress?.(`downloading ${missing.map(zipped).join(' and ')} from ${mirror} to ${cacheDir}`);
    try {
      for (const name of missing) await download(mirror, name, source, signal);
      return;
    } catch (error) {
      if (error instanceof UserError) throw error;
      signal?.throwIfAborted();
      failures.push(`${mirror}: ${reason(error)}`);
      missing = await findMissing(cacheDir);
    }
  }
  const wanted = missing.map((name) => `${zipped(name)} (SHA-256 ${source.checked}: ${source.sha256[name]})`);
  throw new UserError(
    `${source.title} could not be downloaded (${failures.join('; ')}): get ${wanted.join(' and ')} and put them into ` +
      `${cacheDir}, or all files into a folder of yours and name it with --data-dir; --dataset digits needs no download`,
  );
}

const zipped = (name: IdxFile): string => `${name}.gz`;

/** Downloads one file and, when it is the right one, puts it into the cache, whole or not at all. */
async function download(
  mirror: string,
  name: IdxFile,
  source: IdxSource,
  signal?: AbortSignal,
): Promise<void> {
  const url = new URL(zipped(name), mirror).href;
  const bytes = await fetchBytes(url, source.stallMs, signal);
  const unpacked = await maybeGunzip(bytes, url, MAX_DOWNLOAD).catch(() => undefined);
  const { found, expected } = checksums(source, name, bytes, unpacked ?? bytes);
  if (unpacked === undefined || found !== expected) {
    const what = unpacked === undefined ? 'damaged gzip data' : `SHA-256 ${found}`;
    throw new Error(`${zipped(name)} has ${what}, expected SHA-256 ${expected}`);
  }
  const path = join(source.cacheDir, isGzipped(bytes) ? zipped(name) : name);
  writeFileAtomically(path, bytes);
}

/** Turns a failure to write into the cache into what the user can do about it. */
async function inCache(cacheDir: string, work: Promise<unknown>): Promise<void> {
  await work.catch((error: unknown) => {
    throw new UserError(
      `the cache folder ${cacheDir} ${fileProblem(error)}: expected one that can be written; ` +
        'set XDG_CACHE_HOME to another place, or name a folder with the files by --data-dir',
    );
  });
}

/** The body at `url`, read until it ends, is too large, or no byte came for `stallMs`. */
async function fetchBytes(url: string, stallMs: number, signal?: AbortSignal): Promise<Uint8Array> {
  const stall = new AbortController();
  const timer = setTimeout(() => stall.abort(new Error(`no data for ${stallMs / 1000} s`)), stallMs);
  try {
    const response = await fetch(url, {
      signal: AbortSignal.any([stall.signal, ...(signal ? [signal] : [])]),
    });
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    const chunks: Uint8Array[] = [];
    let total = 0;
    for await (const chunk of response.body ?? []) {
      timer.refresh();
      total += chunk.length;
      if (total > MAX_DOWNLOAD) throw new Error(`more than the expected ${MAX_DOWNLOAD} bytes at most`);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks, total);
  } catch (error) {
    stall.abort();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** Why a download failed; `fetch` hides it in the error's cause, at times among several for one host. */
function reason(error: unknown): string {
  const { cause } = error as Error;
  const first = cause instanceof AggregateError ? cause.errors[0] : cause;
  return first instanceof Error ? first.message : (error as Error).message;
}
