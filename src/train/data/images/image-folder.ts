/**
 * The dataset `images`: every image file below a folder of the user's, decoded once by a few threads into a cache on the
 * disk, and read from there. The folder is only ever read.
 */

import { createHash } from 'node:crypto';
import { readSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { firstOf, printable } from '../../../system/printable.js';
import { UserError } from '../../../system/user-error.js';
import type { Dataset, DatasetDescription, DatasetOptions } from '../dataset.js';
import { type Broken, brokenNames } from './broken-image.js';
import { createImageReader, type ImageFile, type ImageReader } from './decode-files.js';
import { DECODER_VERSION, type ImageTarget } from './decode-image.js';
import {
  createEntry,
  evict,
  type ImageCache,
  imageCache,
  keyOfState,
  type OpenEntry,
  openEntry,
  rememberState,
} from './image-cache.js';
import { type ImageListing, listImages } from './list-images.js';

/** Most threads unless told otherwise. */
const DEFAULT_WORKERS = 8;
/** Labels are bytes. */
const MAX_CLASSES = 256;
/** Names in an error, and in a note. */
const [FEW, MANY] = [5, 20];

/** The contents of a folder's files. */
interface Contents {
  /** The files that could be read. */
  files: ImageFile[];
  /** Those that could not. */
  unreadable: Broken[];
  /** SHA-256 (hex) over all paths and contents and what they are decoded to: the cache's key. */
  key: string;
}

async function readContents(
  { paths }: ImageListing,
  { size, channels }: ImageTarget,
  reader: ImageReader,
  onCount: DatasetOptions['onCount'],
): Promise<Contents> {
  const files: ImageFile[] = [];
  const unreadable: Broken[] = [];
  const hash = createHash('sha256').update(`${DECODER_VERSION} ${size} ${channels}\0`);
  let done = 0;
  for await (const result of reader.hash(paths)) {
    const path = paths[done++]!;
    if ('sha256' in result) files.push({ path, sha256: result.sha256 });
    else unreadable.push({ path, reason: result.problem });
    hash.update(`${path}\0${'sha256' in result ? result.sha256 : `: ${result.problem}`}\0`);
    onCount?.({ done, total: paths.length, unit: 'files read' });
  }
  return { files, unreadable, key: hash.digest('hex') };
}

/** Decodes the files into an entry of the cache, or into one for this run alone when it is too large or may differ later. */
async function decodeAll(
  cache: ImageCache,
  { files, unreadable, key }: Contents,
  target: ImageTarget,
  reader: ImageReader,
  onCount: DatasetOptions['onCount'],
): Promise<OpenEntry> {
  const writer = await createEntry(cache, key, target.channels * target.size ** 2);
  try {
    const broken = [...unreadable];
    let certain = true;
    let done = 0;
    for await (const decoded of reader.decode(files, target)) {
      const { path } = files[done++]!;
      if ('image' in decoded) {
        await writer.append(decoded.image);
      } else {
        broken.push({ path, reason: decoded.problem });
        certain &&= decoded.certain;
      }
      onCount?.({ done, total: files.length, unit: 'images decoded' });
    }
    broken.sort((a, b) => (a.path < b.path ? -1 : 1));
    const entry = await writer.finish(broken, certain);
    await evict(cache, key);
    return entry;
  } finally {
    await writer.abandon();
  }
}

/** The decoded images: from the cache when they are there, else decoded now. */
async function findOrDecode(
  listing: ImageListing,
  target: ImageTarget,
  cache: ImageCache,
  { workers, signal, onProgress, onCount }: DatasetOptions,
): Promise<OpenEntry> {
  const imageBytes = target.channels * target.size ** 2;
  const found = (key: string): Promise<OpenEntry | undefined> => openEntry(cache, key, imageBytes, signal);
  const tell = (entry: OpenEntry): OpenEntry => {
    onProgress?.(`taking ${entry.count} decoded images from the cache (${cache.folder})`);
    return entry;
  };
  const state = listing.state && createHash('sha256').update(stateText(listing.state, target)).digest('hex');
  const known = state && (await keyOfState(cache, state));
  const cached = known && (await found(known));
  if (cached) return tell(cached);
  const threads = workers ?? Math.min(DEFAULT_WORKERS, availableParallelism());
  const reader = createImageReader(listing.root, threads, signal);
  try {
    const contents = await readContents(listing, target, reader, onCount);
    const same = await found(contents.key);
    const entry = same ? tell(same) : await decodeAll(cache, contents, target, reader, onCount);
    if (state) rememberState(cache, contents.key, state);
    return entry;
  } finally {
    await reader.close();
  }
}

const stateText = (state: string, { size, channels }: ImageTarget): string =>
  `${DECODER_VERSION} ${size} ${channels}\0${state}`;

/** What was found, in one line. */
function listingLine({ root, paths, others, linksInside, linksOutside }: ImageListing): string {
  const left = [
    ...(others > 0 ? [`${others} other files`] : []),
    ...(linksInside > 0 ? [`${linksInside} links to what is in it`] : []),
    ...(linksOutside.length > 0
      ? [`${linksOutside.length} links out of it (${firstOf(linksOutside.map(printable), FEW)})`]
      : []),
  ];
  return `found ${paths.length} image files in ${root}${left.length > 0 ? `; left out: ${left.join(', ')}` : ''}`;
}

/** The index of each path's top folder among all top folders; undefined when some path has none, or there are too many. */
function folderLabels(all: readonly string[], used: readonly string[]): Uint8Array | undefined {
  const top = (path: string): string => path.slice(0, path.indexOf('/'));
  if (all.some((path) => !path.includes('/'))) return undefined;
  const classes = [...new Set(all.map(top))].sort();
  if (classes.length > MAX_CLASSES) return undefined;
  const numbers = new Map(classes.map((name, i) => [name, i]));
  return Uint8Array.from(used, (path) => numbers.get(top(path))!);
}

/** A dataset whose images are read from an entry's file when they are asked for. */
function datasetOnDisk(description: DatasetDescription, entry: OpenEntry, labels?: Uint8Array): Dataset {
  const bytes = description.shape.reduce((a, b) => a * b, 1);
  const { file } = entry;
  return {
    description,
    ...(labels ? { labels } : {}),
    onDisk: true,
    read(indices, out) {
      for (const [i, index] of indices.entries()) {
        const got = readSync(file.fd, out, i * bytes, bytes, index * bytes);
        if (got !== bytes) throw new UserError('the cache of decoded images was cut short: start again');
      }
    },
    close: () => void file.close(),
  };
}

/** Refuses broken files, or says that they are left out. */
function judgeBroken(
  broken: readonly Broken[],
  count: number,
  { root, paths }: ImageListing,
  { skipBroken = false, onProgress }: DatasetOptions,
): void {
  if (count === 0) {
    throw new UserError(
      `none of the ${paths.length} image files in ${root} can be used (${brokenNames(broken, FEW)}): expected at least one`,
    );
  }
  if (broken.length === 0) return;
  if (!skipBroken) {
    throw new UserError(
      `${broken.length} of the ${paths.length} image files in ${root} are broken (${brokenNames(broken, FEW)}): mend or ` +
        'remove them, or use --skip-broken to go on without them',
    );
  }
  onProgress?.(`going on without ${broken.length} broken files: ${brokenNames(broken, MANY)}`);
}

/**
 * Opens the dataset `images`. How files become pixels: see `decodeImage`. Labels are the numbers of the sorted top
 * folders, when every image lies in one and there are at most 256.
 *
 * @param options all are used; `dataDir` is required
 * @param cache where decoded images are kept
 * @returns uint8 images [channels, imageSize, imageSize] in the order of their paths, on the disk: close it in the end
 * @throws UserError when the folder holds no usable image file, or broken ones and `skipBroken` is not set, when a file
 *   changes meanwhile, or when the cache cannot be written; the signal's reason
 */
export async function openImageFolder(options: DatasetOptions, cache?: ImageCache): Promise<Dataset> {
  const { dataDir, imageSize, channels, signal, onProgress } = options;
  if (dataDir === undefined) {
    throw new UserError('dataset images needs --data-dir: expected the folder that holds the image files');
  }
  const place = cache ?? imageCache();
  const listing = await listImages(dataDir, signal);
  const { root, paths } = listing;
  onProgress?.(listingLine(listing));
  if (paths.length === 0 && listing.broken.length === 0) {
    throw new UserError(
      `the data folder ${root} holds no image files: expected some that end in .png, .jpg, .bmp, .gif or .tif; check --data-dir`,
    );
  }
  const entry = await findOrDecode(listing, { size: imageSize, channels }, place, options);
  try {
    const broken = [...listing.broken, ...entry.broken];
    judgeBroken(broken, entry.count, listing, options);
    const names = new Set(entry.broken.map(({ path }) => path));
    const used = paths.filter((path) => !names.has(path));
    const description: DatasetDescription = {
      name: 'images',
      count: entry.count,
      shape: [channels, imageSize, imageSize],
      sha256: entry.sha256,
      ...(broken.length > 0 ? { skipped: broken.length } : {}),
    };
    return datasetOnDisk(description, entry, folderLabels(paths, used));
  } catch (error) {
    await entry.file.close();
    throw error;
  }
}
