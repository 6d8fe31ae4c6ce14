/** Finds the image files below a folder, without opening any of them and without leaving the folder. */

import { createHash } from 'node:crypto';
import { type Dirent, lstatSync } from 'node:fs';
import { opendir, realpath, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { setImmediate as otherWork } from 'node:timers/promises';
import { errorCode, fileProblem, isWithin } from '../../../system/files.js';
import { UserError } from '../../../system/user-error.js';
import type { Broken } from './broken-image.js';

/** Most image files of a dataset: more than ImageNet has. */
const MAX_FILES = 2_000_000;
/** Entries of folders between two looks at the event loop. */
const CHUNK = 500;
/** A file that changed so lately (ms) may change again without its times telling. */
const SETTLED_MS = 2000;

const EXTENSIONS = ['.png', '.jpg', '.jpeg', '.jpe', '.jfif', '.bmp', '.dib', '.gif', '.tif', '.tiff'];

/** What lies below a folder. */
export interface ImageListing {
  /** The folder itself, with all links resolved. */
  root: string;
  /** Paths of the image files (by their extensions) below `root`, with slashes, sorted by UTF-16 code units. */
  paths: string[];
  /** Other files. */
  others: number;
  /** Symbolic links to what is in the folder anyway. */
  linksInside: number;
  /** Symbolic links out of the folder, or to nothing. */
  linksOutside: string[];
  /** Folders that cannot be read. */
  broken: Broken[];
  /**
   * SHA-256 (hex) over paths, sizes, inodes and times: as long as it stays the same, so do the files' contents. A file's
   * change time is the system's to set, not the user's. Undefined when a file changed within the last two seconds.
   */
  state?: string;
}

/** Size, inode and times of a file, and the later of its times in ms. */
function fileState(path: string): { text: string; changed: number } {
  const { size, ino, dev, mtimeNs, ctimeNs } = lstatSync(path, { bigint: true });
  const changed = Math.max(Number(mtimeNs), Number(ctimeNs)) / 1e6;
  return { text: `${size} ${dev} ${ino} ${mtimeNs} ${ctimeNs}`, changed };
}

async function addLink(listing: ImageListing, path: string): Promise<void> {
  const target = await realpath(join(listing.root, path)).catch(() => undefined);
  if (target !== undefined && isWithin(listing.root, target)) listing.linksInside += 1;
  else listing.linksOutside.push(path);
}

/** Adds what one entry of a folder is; gives its path when it is a folder to go into. */
async function addEntry(listing: ImageListing, folder: string, entry: Dirent): Promise<string | undefined> {
  const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
  if (entry.name.startsWith('.')) return undefined;
  if (entry.isDirectory()) return path;
  if (entry.isSymbolicLink()) await addLink(listing, path);
  else if (!entry.isFile() || !EXTENSIONS.includes(extname(entry.name).toLowerCase())) listing.others += 1;
  else listing.paths.push(path);
  if (listing.paths.length > MAX_FILES) {
    throw new UserError(
      `the data folder ${listing.root} holds more than ${MAX_FILES} image files: name a smaller one by --data-dir`,
    );
  }
  return undefined;
}

async function walk(listing: ImageListing, signal?: AbortSignal): Promise<void> {
  const folders = [''];
  let entries = 0;
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    try {
      for await (const entry of await opendir(join(listing.root, folder), { bufferSize: CHUNK })) {
        const inner = await addEntry(listing, folder, entry);
        if (inner !== undefined) folders.push(inner);
        if (++entries % CHUNK === 0) await otherWork();
        signal?.throwIfAborted();
      }
    } catch (error) {
      if (errorCode(error) === '' || folder === '') throw error;
      listing.broken.push({ path: folder, reason: `the folder ${fileProblem(error)}` });
    }
  }
}

/** The listing's state, unless a file changed just now or is gone. */
async function listingState({ root, paths, broken }: ImageListing): Promise<string | undefined> {
  const settled = Date.now() - SETTLED_MS;
  const hash = createHash('sha256');
  for (const { path, reason } of broken) hash.update(`${path}\0${reason}\0`);
  for (const [i, path] of paths.entries()) {
    if (i % CHUNK === 0) await otherWork();
    try {
      const { text, changed } = fileState(join(root, path));
      if (changed > settled) return undefined;
      hash.update(`${path}\0${text}\0`);
    } catch {
      return undefined;
    }
  }
  return hash.digest('hex');
}

/**
 * Lists the image files below a folder. Hidden files and folders are left out, symbolic links are not followed, and what
 * is no file (a pipe, a device) counts as another file.
 *
 * @param folder the folder, or a link to it
 * @throws UserError when it is no folder that can be read, or holds more than two million image files; the signal's reason
 */
export async function listImages(folder: string, signal?: AbortSignal): Promise<ImageListing> {
  const expected = 'expected a folder of images: check --data-dir';
  try {
    if (!(await stat(folder)).isDirectory()) {
      throw new UserError(`the data folder ${folder} is not a folder: ${expected}`);
    }
    const root = await realpath(folder);
    const listing: ImageListing = {
      root,
      paths: [],
      others: 0,
      linksInside: 0,
      linksOutside: [],
      broken: [],
    };
    await walk(listing, signal);
    listing.paths.sort();
    listing.linksOutside.sort();
    listing.broken.sort((a, b) => (a.path < b.path ? -1 : 1));
    const state = await listingState(listing);
    return { ...listing, ...(state === undefined ? {} : { state }) };
  } catch (error) {
    if (errorCode(error) === '') throw error;
    throw new UserError(`the data folder ${folder} ${fileProblem(error)}: ${expected}`);
  }
}
