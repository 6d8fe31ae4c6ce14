/** Writes a run's pictures while training goes on: a step waits for a picture only when the one before is not written yet. */

import { encodePng, type Picture } from '../infer/index.js';
import { createPngPool, type PngPool } from '../infer/png-pool.js';

export interface PictureWriter {
  /**
   * Begins to write a picture.
   *
   * @param save takes the PNG file
   * @throws what made an earlier one fail
   */
  write(picture: Picture, save: (png: Uint8Array) => Promise<void>): Promise<void>;
  /**
   * Waits for the last picture.
   *
   * @throws what made it fail
   */
  close(): Promise<void>;
}

/** Pixels from which a thread of its own encodes a picture: below, it takes less than a step. */
const LARGE = 2 ** 18;

export function createPictureWriter(): PictureWriter {
  let writing: Promise<void> = Promise.resolve();
  let pool: PngPool | undefined;

  const encode = (picture: Picture): Promise<Uint8Array> => {
    if (picture.width * picture.height < LARGE) return encodePng(picture);
    pool ??= createPngPool(1);
    return pool.encodePicture(picture);
  };

  return {
    async write(picture, save) {
      await writing;
      writing = encode(picture).then(save);
      // Told to whoever waits for it next.
      writing.catch(() => {});
    },
    async close() {
      try {
        await writing;
      } finally {
        await pool?.close();
        pool = undefined;
      }
    },
  };
}
