/**
 * Samples as files, in Node: one writer for each format, in a table. Every writer works under a temporary name and
 * renames at the end, so that an output is there whole or not at all.
 */

import { existsSync, lstatSync, readdirSync, rmSync, statSync } from 'node:fs';
import { type FileHandle, mkdir, open, rename, rm, statfs, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { checkWritable, errorCode, fileProblem, temporaryName } from '../system/files.js';
import { UserError } from '../system/user-error.js';
import type { Samples } from './node.js';
import { npyHeader } from './npy.js';
import { gridSize, imageGrid, imagePicture } from './pixels.js';
import { encodePng } from './png.js';

/** What will be written. */
export interface SamplePlan {
  /** Number of samples in all. */
  count: number;
  /** Number of the first one. */
  start: number;
  /** [channels, height, width] */
  shape: readonly [number, number, number];
  /** Images a row of a grid. */
  columns: number;
}

export interface SampleWriter {
  /** Takes the next samples, in order. */
  write(samples: Samples): Promise<void>;
  /** Brings everything to the disk, still under the temporary name. */
  complete(): Promise<void>;
  /** Puts the output in its place. */
  commit(): Promise<void>;
  /** Removes what was written so far; safe to call at any time, also when the process ends. */
  discard(): void;
}

/** Where an output goes and which option said so. */
export interface SampleTarget {
  flag: string;
  /** Absolute path. */
  path: string;
}

/** Waits for work on an output; system errors become one line that names the option. */
async function onTarget<T>({ flag, path }: SampleTarget, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof UserError || errorCode(error) === '') throw error;
    throw new UserError(`${flag} ${path}: the output ${fileProblem(error)}: choose another path`);
  }
}

/** Refuses an output that its disk has no room for. */
async function checkSpace({ flag, path }: SampleTarget, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(dirname(path));
  if (bytes <= bavail * bsize) return;
  throw new UserError(
    `${flag} ${path} would take ${bytes} bytes and its disk has ${bavail * bsize} free: ` +
      'use a smaller --count or another disk',
  );
}

/** Pixels of the largest grid: beyond it a picture is of no use to anyone. */
const MAX_GRID_PIXELS = 2 ** 26;

async function gridWriter(target: SampleTarget, plan: SamplePlan): Promise<SampleWriter> {
  const { width, height } = gridSize(plan.count, plan.shape, plan);
  if (width * height > MAX_GRID_PIXELS) {
    throw new UserError(
      `a grid of ${plan.count} images would be ${width} x ${height} pixels: use --format png or npy, or a smaller --count`,
    );
  }
  const temporary = temporaryName(target.path);
  const pixels = plan.shape.reduce((a, b) => a * b, 1);
  const data = new Float32Array(plan.count * pixels);
  let written = 0;
  return {
    async write(samples) {
      data.set(samples.data, written);
      written += samples.data.length;
    },
    async complete() {
      const images = { count: plan.count, shape: plan.shape, data };
      await onTarget(target, writeFile(temporary, await encodePng(imageGrid(images, plan)), { flush: true }));
    },
    commit: () => onTarget(target, rename(temporary, target.path)),
    discard: () => rmSync(temporary, { force: true }),
  };
}

/** Disk blocks that the smallest PNG takes. */
const PNG_BYTES = 4096;

/** One PNG a sample, named by the sample's number. */
async function pngWriter(target: SampleTarget, plan: SamplePlan): Promise<SampleWriter> {
  await onTarget(target, checkSpace(target, plan.count * PNG_BYTES));
  const temporary = temporaryName(target.path);
  const digits = Math.max(6, String(plan.start + plan.count - 1).length);
  let number = plan.start;
  await onTarget(target, mkdir(temporary));
  return {
    async write(samples) {
      for (let i = 0; i < samples.count; i++, number++) {
        const name = `${String(number).padStart(digits, '0')}.png`;
        await onTarget(target, writeFile(join(temporary, name), await encodePng(imagePicture(samples, i))));
      }
    },
    complete: async () => {},
    async commit() {
      await onTarget(target, rm(target.path, { recursive: true, force: true }));
      await onTarget(target, rename(temporary, target.path));
    },
    discard: () => rmSync(temporary, { recursive: true, force: true }),
  };
}

/** A float32 .npy file of what `select` takes from the samples: `shape` for each of them. */
async function arrayWriter(
  target: SampleTarget,
  count: number,
  shape: readonly number[],
  select: (samples: Samples) => Float32Array,
): Promise<SampleWriter> {
  const temporary = temporaryName(target.path);
  const header = npyHeader([count, ...shape]);
  await onTarget(target, checkSpace(target, header.length + count * shape.reduce((a, b) => a * b, 4)));
  const file: FileHandle = await onTarget(target, open(temporary, 'w'));
  await onTarget(target, file.write(header));
  let isOpen = true;
  return {
    async write(samples) {
      const data = select(samples);
      await onTarget(target, file.write(new Uint8Array(data.buffer, data.byteOffset, data.byteLength)));
    },
    async complete() {
      isOpen = false;
      await onTarget(
        target,
        file.sync().finally(() => file.close()),
      );
    },
    commit: () => onTarget(target, rename(temporary, target.path)),
    discard() {
      if (isOpen) file.close().catch(() => {});
      isOpen = false;
      rmSync(temporary, { force: true });
    },
  };
}

/** Output formats of samples: `grid` one PNG, `png` a folder of them, `npy` float32 [count, C, H, W] in [-1, 1]. */
export const SAMPLE_WRITERS = {
  grid: gridWriter,
  png: pngWriter,
  npy: (target: SampleTarget, plan: SamplePlan) =>
    arrayWriter(target, plan.count, plan.shape, (samples) => samples.data),
} satisfies Record<string, (target: SampleTarget, plan: SamplePlan) => Promise<SampleWriter>>;

export type SampleFormat = keyof typeof SAMPLE_WRITERS;

/** Writes the latents of samples, float32 [count, size], as .npy. */
export function latentsWriter(target: SampleTarget, count: number, size: number): Promise<SampleWriter> {
  return arrayWriter(target, count, [size], (samples) => samples.latents);
}

/**
 * Checks, without changing anything, that an output may be written.
 *
 * @param kind what it will be
 * @param force whether an existing one may be replaced
 * @returns the output's target
 * @throws UserError when its folder is missing or cannot be written, or it exists and may not be replaced
 */
export function outputTarget(
  flag: string,
  path: string,
  kind: 'file' | 'folder',
  force: boolean,
): SampleTarget {
  checkWritable(flag, path);
  const absolute = resolve(path);
  const parent = dirname(absolute);
  if (!existsSync(parent) || !statSync(parent).isDirectory()) {
    throw new UserError(
      `${flag} ${path}: the folder ${parent} does not exist: create it or choose another path`,
    );
  }
  const target = { flag, path: absolute };
  const found = lstatSync(absolute, { throwIfNoEntry: false });
  if (found === undefined) return target;
  if (kind === 'folder' ? !found.isDirectory() : !found.isFile()) {
    throw new UserError(`${flag} ${path} exists and is not a ${kind}: choose another path`);
  }
  const names = kind === 'folder' ? readdirSync(absolute) : [path];
  if (names.length > 0 && !force) {
    throw new UserError(`${flag} ${path} already exists: choose another path, or --force to replace it`);
  }
  if (kind === 'folder' && !names.every((name) => /^\d+\.png$/.test(name))) {
    throw new UserError(`${flag} ${path} holds files that are not samples: choose another folder`);
  }
  return target;
}
