/** A run's folder: config.json, metrics.jsonl, images/<batches_done>.png, samples.png and generator.onnx. */

import {
  appendFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { checkWritable, fileProblem, writeFileAtomically } from '../system/files.js';
import { UserError } from '../system/user-error.js';

/** Names of the files of a run, relative to its folder. */
export const RUN_FILES = {
  config: 'config.json',
  metrics: 'metrics.jsonl',
  generator: 'generator.onnx',
  samples: 'samples.png',
  images: 'images',
} as const;

const PICTURE = /^\d+\.png$/;

/** Whether the folder holds what an earlier run of gan-onnx left: its config.json says so. */
function holdsRun(path: string): boolean {
  try {
    const config = JSON.parse(readFileSync(join(path, RUN_FILES.config), 'utf8')) as Record<string, unknown>;
    return typeof config.version === 'string' && typeof config.gan === 'string' && 'batchSize' in config;
  } catch {
    return false;
  }
}

/** Refuses links, and folders in the place of files: replacing those could reach what is not the run's. */
function checkKinds(path: string): void {
  for (const name of Object.values(RUN_FILES)) {
    const found = lstatSync(join(path, name), { throwIfNoEntry: false });
    if (found === undefined) continue;
    const isRight = name === RUN_FILES.images ? found.isDirectory() : found.isFile();
    if (!isRight)
      throw new UserError(`--out ${path}: its ${name} is not what a run leaves: choose another folder`);
  }
}

/**
 * Checks, without changing anything, that a run may be written to `path`.
 *
 * @param force whether the files of an earlier run there may be replaced
 * @throws UserError when the path is a file, holds something else than an earlier run, or cannot be written
 */
export function checkRunDirectory(path: string, force: boolean): void {
  checkWritable('--out', path);
  if (!existsSync(path)) return;
  let names: string[];
  try {
    if (!statSync(path).isDirectory()) {
      throw new UserError(`--out ${path} is a file, expected a folder: choose another path`);
    }
    names = readdirSync(path);
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`--out ${path} ${fileProblem(error)}: choose another folder`);
  }
  if (names.length === 0) return;
  if (!force) {
    throw new UserError(
      `--out ${path} already holds files: choose another folder, or --force to replace an earlier run`,
    );
  }
  if (!holdsRun(path)) {
    throw new UserError(
      `--out ${path} holds files that are not a run's (no config.json of gan-onnx): choose another folder`,
    );
  }
  checkKinds(path);
}

/** Creates a folder and those above it (mkdir's own `recursive` never returns on file systems such as /proc). */
function makeFolder(path: string): void {
  if (existsSync(path)) return;
  makeFolder(dirname(path));
  mkdirSync(path);
}

/** Writes the files of one run. */
export class RunDirectory {
  private pending: string[] = [];
  private lastFlush = performance.now();

  private constructor(readonly path: string) {}

  /**
   * Creates the folder, or clears it of an earlier run's metrics and pictures (and of nothing else) when `force` is
   * set; that run's generator stays until this one's takes its place.
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
      rmSync(directory.file('metrics'), { force: true });
    } catch (error) {
      throw new UserError(
        `--out ${path} cannot be written: the folder ${fileProblem(error)}: choose another path`,
      );
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
      throw new UserError(`${this.file('metrics')} ${fileProblem(error)}: the run ends here`);
    }
  }
}
