/** A run's folder: config.json, metrics.jsonl, images/<batches_done>.png, samples.png and generator.onnx. */

import {
  accessSync,
  appendFileSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { UserError } from '../errors/user-error.js';

/** Names of the files of a run, relative to its folder. */
export const RUN_FILES = {
  config: 'config.json',
  metrics: 'metrics.jsonl',
  generator: 'generator.onnx',
  samples: 'samples.png',
  images: 'images',
} as const;

const PICTURE = /^\d+\.png$/;

function reason(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? (error as Error).message;
}

/**
 * Checks, without changing anything, that a run may be written to `path`.
 *
 * @param force whether the files of an earlier run there may be replaced
 * @throws UserError when the path is a file, holds something, or cannot be written
 */
export function checkRunDirectory(path: string, force: boolean): void {
  let ancestor = resolve(path);
  try {
    while (!existsSync(ancestor) && dirname(ancestor) !== ancestor) ancestor = dirname(ancestor);
    if (!statSync(ancestor).isDirectory()) {
      throw new UserError(`--out ${path}: ${ancestor} is a file, expected a folder: choose another path`);
    }
    accessSync(ancestor, constants.W_OK | constants.X_OK);
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(
      `--out ${path} cannot be written (${reason(error)} at ${ancestor}): choose another path`,
    );
  }
  if (!force && ancestor === resolve(path) && readdirSync(path).length > 0) {
    throw new UserError(
      `--out ${path} already holds files: choose another folder, or --force to replace an earlier run`,
    );
  }
}

/** Creates a folder and those above it (mkdir's own `recursive` never returns on file systems such as /proc). */
function makeFolder(path: string): void {
  if (existsSync(path)) return;
  makeFolder(dirname(path));
  mkdirSync(path);
}

/** Writes a file under a temporary name and renames it: whoever reads it sees the old or the new one, whole. */
export function writeFileAtomically(path: string, data: string | Uint8Array): void {
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.tmp`);
  try {
    writeFileSync(temporary, data, { flush: true });
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw new UserError(`${path} cannot be written (${reason(error)})`);
  }
}

/** Writes the files of one run. */
export class RunDirectory {
  private pending: string[] = [];
  private lastFlush = performance.now();

  private constructor(readonly path: string) {}

  /**
   * Creates the folder, or clears it of an earlier run's files (and of nothing else) when `force` is set.
   *
   * @throws UserError as checkRunDirectory, or when the folder cannot be created
   */
  static create(path: string, force: boolean): RunDirectory {
    checkRunDirectory(path, force);
    const directory = new RunDirectory(path);
    try {
      makeFolder(resolve(directory.file('images')));
      for (const name of readdirSync(directory.file('images'))) {
        if (PICTURE.test(name)) rmSync(join(directory.file('images'), name));
      }
      for (const name of ['config', 'metrics', 'generator', 'samples'] as const) {
        rmSync(directory.file(name), { force: true });
      }
    } catch (error) {
      throw new UserError(`--out ${path} cannot be written (${reason(error)}): choose another path`);
    }
    return directory;
  }

  /** Full path of one of the run's files. */
  file(name: keyof typeof RUN_FILES): string {
    return join(this.path, RUN_FILES[name]);
  }

  write(name: 'config' | 'generator' | 'samples', data: string | Uint8Array): void {
    writeFileAtomically(this.file(name), data);
  }

  /** Writes images/<number>.png and gives its path. */
  writeImage(number: number, png: Uint8Array): string {
    const path = join(this.file('images'), `${number}.png`);
    writeFileAtomically(path, png);
    return path;
  }

  /** Appends one line to metrics.jsonl; lines reach the disk at least once a second of training. */
  appendMetrics(line: Readonly<Record<string, number>>): void {
    this.pending.push(JSON.stringify(line));
    if (performance.now() - this.lastFlush > 1000) this.flushMetrics();
  }

  /** Brings all lines of metrics.jsonl to the disk. */
  flushMetrics(): void {
    this.lastFlush = performance.now();
    if (this.pending.length === 0) return;
    const text = `${this.pending.join('\n')}\n`;
    this.pending = [];
    try {
      appendFileSync(this.file('metrics'), text);
    } catch (error) {
      throw new UserError(`${this.file('metrics')} cannot be written (${reason(error)})`);
    }
  }
}
