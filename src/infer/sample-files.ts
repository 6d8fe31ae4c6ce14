/**
 * Samples as files, in Node: one writer for each format, in a table. Every writer works under a temporary name and
 * renames at the end, so that an output is there whole or not at all.
 */

import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { type FileHandle, mkdir, open, rename, rm, statfs, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { UserError } from '../errors/user-error.js';
import type { Samples } from './generator.js';
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
  /** Puts the output in its place. */
  finish(): Promise<void>;
  /** Removes what was written so far; safe to call at any time, also from a signal handler. */
  discard(): void;
}

/** Pixels of the largest grid: beyond it a picture is of no use to anyone. */
const MAX_GRID_PIXELS = 2 ** 26;

function temporaryName(path: string): string {
  return join(dirname(resolve(path)), `.${basename(path)}.${process.pid}.tmp`);
}

async function gridWriter(path: string, plan: SamplePlan): Promise<SampleWriter> {
  const { width, height } = gridSize(plan.count, plan.shape, plan);
  if (width * height > MAX_GRID_PIXELS) {
    throw new UserError(
      `a grid of ${plan.count} images would be ${width} x ${height} pixels: use --format png or npy, or a smaller --count`,
    );
  }
  const temporary = temporaryName(path);
  const pixels = plan.shape.reduce((a, b) => a * b, 1);
  const data = new Float32Array(plan.count * pixels);
  let written = 0;
  return {
    async write(samples) {
      data.set(samples.data, written);
      written += samples.data.length;
    },
    async finish() {
      const images = { count: plan.count, shape: plan.shape, data };
      await writeFile(temporary, await encodePng(imageGrid(images, plan)), { flush: true });
      await rename(temporary, path);
    },
    discard: () => rmSync(temporary, { force: true }),
  };
}

/** One PNG a sample, named by the sample's number. */
async function pngWriter(path: string, plan: SamplePlan): Promise<SampleWriter> {
  const temporary = temporaryName(path);
  const digits = Math.max(6, String(plan.start + plan.count - 1).length);
  let number = plan.start;
  await mkdir(temporary);
  return {
    async write(samples) {
      for (let i = 0; i < samples.count; i++, number++) {
        const name = `${String(number).padStart(digits, '0')}.png`;
        await writeFile(join(temporary, name), await encodePng(imagePicture(samples, i)));
      }
    },
    async finish() {
      await rm(path, { recursive: true, force: true });
      await rename(temporary, path);
    },
    discard: () => rmSync(temporary, { recursive: true, force: true }),
  };
}

/** A float32 .npy file of what `select` takes from the samples: `shape` for each of them. */
async function arrayWriter(
  path: string,
  count: number,
  shape: readonly number[],
  select: (samples: Samples) => Float32Array,
): Promise<SampleWriter> {
  const temporary = temporaryName(path);
  const header = npyHeader([count, ...shape]);
  const bytes = header.length + count * shape.reduce((a, b) => a * b, 4);
  const { bavail, bsize } = await statfs(dirname(temporary));
  if (bytes > bavail * bsize) {
    throw new UserError(
      `${path} would take ${bytes} bytes and its disk has ${bavail * bsize} free: use a smaller --count or another --out`,
    );
  }
  const file: FileHandle = await open(temporary, 'w');
  await file.write(header);
  return {
    async write(samples) {
      const data = select(samples);
      await file.write(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    },
    async finish() {
      await file.sync();
      await file.close();
      await rename(temporary, path);
    },
    discard: () => rmSync(temporary, { force: true }),
  };
}

/** Output formats of samples: `grid` one PNG, `png` a folder of them, `npy` float32 [count, C, H, W] in [-1, 1]. */
export const SAMPLE_WRITERS = {
  grid: gridWriter,
  png: pngWriter,
  npy: (path: string, plan: SamplePlan) =>
    arrayWriter(path, plan.count, plan.shape, (samples) => samples.data),
} satisfies Record<string, (path: string, plan: SamplePlan) => Promise<SampleWriter>>;

export type SampleFormat = keyof typeof SAMPLE_WRITERS;

/** Writes the latents of samples, float32 [count, size], as .npy. */
export function latentsWriter(path: string, count: number, size: number): Promise<SampleWriter> {
  return arrayWriter(path, count, [size], (samples) => samples.latents);
}

/**
 * Checks, without changing anything, that an output may be written.
 *
 * @param kind what it will be
 * @param force whether an existing one may be replaced
 * @throws UserError
 */
export function checkOutput(flag: string, path: string, kind: 'file' | 'folder', force: boolean): void {
  const parent = dirname(resolve(path));
  if (!existsSync(parent) || !statSync(parent).isDirectory()) {
    throw new UserError(
      `${flag} ${path}: the folder ${parent} does not exist: create it or choose another path`,
    );
  }
  if (!existsSync(path)) return;
  const isFolder = statSync(path).isDirectory();
  if (isFolder !== (kind === 'folder')) {
    throw new UserError(
      `${flag} ${path} is a ${isFolder ? 'folder' : 'file'}, expected a ${kind}: choose another path`,
    );
  }
  const empty = isFolder && readdirSync(path).length === 0;
  if (!empty && !force)
    throw new UserError(`${flag} ${path} already exists: choose another path, or --force to replace it`);
  if (isFolder && !readdirSync(path).every((name) => /^\d+\.png$/.test(name))) {
    throw new UserError(`${flag} ${path} holds files that are not samples: choose another folder`);
  }
}
