/** A folder of PNG files, one a sample, named by the sample's number. */

import { createHash } from 'node:crypto';
import { existsSync, renameSync, rmSync } from 'node:fs';
import { lstat, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode, temporaryName } from '../../system/files.js';
import { UserError } from '../../system/user-error.js';
import type { PngPool } from '../png-pool.js';
import { onTarget, type SampleTarget } from './target.js';
import { pictureName, type SamplePlan, type SampleWriter } from './writer.js';

/** Name of the file with the checksums of a folder's pictures; `sha256sum -c` reads it. */
export const SUMS_FILE = 'SHA256SUMS';

/** What the names of pictures look like. */
const PICTURE = /^\d+\.png$/;

/** A line of that file. */
export function sumLine(name: string, sha256: string): string {
  return `${sha256}  ${name}\n`;
}

/**
 * Checks that a folder, if it is one, holds files of pictures and nothing else.
 *
 * @throws UserError when it holds other things, or links or folders by the names of pictures
 */
export async function checkPictures({ flag, path }: SampleTarget): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (!found?.isDirectory()) return;
  const entries = await readdir(path, { withFileTypes: true });
  if (entries.every((entry) => entry.isFile() && (entry.name === SUMS_FILE || PICTURE.test(entry.name))))
    return;
  throw new UserError(`${flag} ${path} holds files that are not samples: choose another folder`);
}

/** Makes room for a folder of pictures: removes an earlier one, and nothing that is not such a folder. */
async function removePictures(target: SampleTarget): Promise<void> {
  const { path } = target;
  await checkPictures(target);
  await rm(path, { recursive: true, force: true });
}

export interface PictureFolderOptions {
  /** Whether the folder also holds the pictures' checksums. */
  sums?: boolean;
}

/**
 * Writes a folder of pictures. What `complete` returns is the size of all pictures, and the SHA-256 of the file of their
 * checksums, whether or not it is written.
 */
export async function pictureFolderWriter(
  target: SampleTarget,
  { start, digits }: SamplePlan,
  pool: PngPool,
  { sums = false }: PictureFolderOptions = {},
): Promise<SampleWriter> {
  const temporary = temporaryName(target.path);
  await onTarget(target, mkdir(temporary));
  const hash = createHash('sha256');
  let lines = '';
  let bytes = 0;
  let number = start;
  return {
    async write(samples) {
      const names = Array.from({ length: samples.count }, () => pictureName(number++, digits));
      const paths = names.map((name) => join(temporary, name));
      const written = await onTarget(target, pool.write(samples, paths));
      for (const [i, sum] of written.entries()) {
        const line = sumLine(names[i]!, sum.sha256);
        hash.update(line);
        if (sums) lines += line;
        bytes += sum.bytes;
      }
    },
    async complete() {
      if (sums) await onTarget(target, writeFile(join(temporary, SUMS_FILE), lines));
      return { bytes, sha256: hash.digest('hex') };
    },
    async commit() {
      await onTarget(target, removePictures(target));
      await onTarget(target, rename(temporary, target.path));
    },
    discard() {
      if (!existsSync(temporary)) return;
      // When the process is made to end, threads still write there: nothing more once it has another name.
      const doomed = temporaryName(target.path);
      renameSync(temporary, doomed);
      for (let attempts = 10; existsSync(doomed) && attempts > 0; attempts--) {
        try {
          rmSync(doomed, { recursive: true, force: true });
        } catch (error) {
          // The file that a thread was just making.
          if (errorCode(error) !== 'ENOTEMPTY') throw error;
        }
      }
    },
  };
}
