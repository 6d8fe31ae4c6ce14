/**
 * The one interface between data and training: labelled uint8 images, delivered as batches by index. Normalisation
 * happens inside the step graph, so that a byte a pixel is all that travels.
 */

import type { PointDataset } from './points/dataset.js';

/** Everything a run must know of its data before it starts; goes into config.json. */
export interface DatasetDescription {
  /** Name in the table of datasets, for example `mnist`. */
  name: string;
  /** Number of images. */
  count: number;
  /** Shape of one image, [channels, height, width]. */
  shape: readonly [number, number, number];
  /** SHA-256 (hex) of the decoded images: two runs with the same digest saw the same data. */
  sha256: string;
  /** Files that were left out because they are broken, where that was asked for. */
  skipped?: number;
}

export interface Dataset {
  readonly description: DatasetDescription;
  /** One label in 0..255 for each image, or undefined when the data has none. */
  readonly labels?: Uint8Array;
  /**
   * Copies the images at `indices` into `out`, in that order.
   *
   * @param indices positions in 0 .. count - 1
   * @param out uint8, [indices.length, channels, height, width]
   */
  read(indices: Uint32Array, out: Uint8Array): void;
  /** Whether images come from a file when they are read, so that they take no memory before. */
  readonly onDisk?: boolean;
  /** Gives back what it holds open; nothing can be read afterwards. */
  close?(): void;
}

/** Images, or toy data. */
export type AnyDataset = Dataset | PointDataset;

export function holdsPoints(dataset: AnyDataset): dataset is PointDataset {
  return 'points' in dataset;
}

/** How far something slow has come. */
export interface DataProgress {
  done: number;
  total: number;
  /** What is counted, for example `images decoded`. */
  unit: string;
}

/** What a dataset may be told when it is opened. */
export interface DatasetOptions {
  /** Folder that holds the files, for datasets made of files. */
  dataDir?: string;
  /** Width and height to deliver, in pixels; 28 for the digits. */
  imageSize: number;
  /** Channels to deliver: 1 or 3. */
  channels: number;
  /** Threads that decode image files; by default one for each core, at most 8. */
  workers?: number;
  /** Whether broken image files are left out, rather than refused. */
  skipBroken?: boolean;
  /** Called with one line of text when something slow starts. */
  onProgress?: (message: string) => void;
  /** Called while it goes on, the last time with `done` = `total`. */
  onCount?: (progress: DataProgress) => void;
  /** Ends what is slow early, with the signal's reason. */
  signal?: AbortSignal;
}

/** A dataset held in memory as one uint8 array [count, channels, height, width]. */
export function datasetInMemory(
  description: DatasetDescription,
  images: Uint8Array,
  labels?: Uint8Array,
): Dataset {
  const size = description.shape.reduce((a, b) => a * b, 1);
  return {
    description,
    ...(labels ? { labels } : {}),
    read(indices, out) {
      for (let i = 0; i < indices.length; i++) {
        const from = indices[i]! * size;
        out.set(images.subarray(from, from + size), i * size);
      }
    },
  };
}
