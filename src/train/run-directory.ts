/**
 * A run's folder: config.json, metrics.jsonl, images/<batches_done>.png, checkpoints/<step>/, samples.png and the
 * generators, the last one and the best one.
 */

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
import { open } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { checkWritable, fileProblem, writeFileAtomically } from '../system/files.js';
import { UserError } from '../system/user-error.js';
import { type CheckpointFiles, CheckpointStore } from './checkpoint-store.js';

/** Names of the files of a run, relative to its folder. */
export const RUN_FILES = {
  config: 'config.json',
  metrics: 'metrics.jsonl',
  generator: 'generator.onnx',
  best: 'generator-best.onnx',
  samples: 'samples.png',
  images: 'images',
  checkpoints: 'checkpoints',
  /** Written last, by a run that was not ended early. */
  complete: 'complete.json',
} as const;

const FOLDERS: readonly string[] = [RUN_FILES.images, RUN_FILES.checkpoints];

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
function checkKinds(flag: string, path: string): void {
  for (const name of Object.values(RUN_FILES)) {
    const found = lstatSync(join(path, name), { throwIfNoEntry: false });
    if (found === undefined) continue;
    const isRight = FOLDERS.includes(name) ? found.isDirectory() : found.isFile();
    if (!isRight)
      throw new UserError(`${flag} ${path}: its ${name} is not what a run leaves: choose another folder`);
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
  checkKinds('--out', path);
}

/** Creates a folder and those above it (mkdir's own `recursive` never returns on file systems such as /proc). */
function makeFolder(path: string): void {
  if (existsSync(path)) return;
  makeFolder(dirname(path));
  mkdirSync(path);
}

/**
 * Checks, without changing anything, that the folder of a run can be gone on with.
 *
 * @throws UserError when it holds no run, or something else in the place of a run's file
 */
export function checkResumable(path: string): void {
  if (!holdsRun(path)) {
    throw new UserError(
      `--resume ${path} is not the folder of a run (no config.json of gan-onnx in it): expected what ` +
        '`gan-onnx train --out` wrote',
    );
  }
  checkKinds('--resume', path);
}

/** The lines of metrics.jsonl for steps before `step`: those up to the first that is damaged or out of order. */
function metricsBefore(text: string, step: number): string {
  let end = 0;
  let last = -1;
  for (let next = text.indexOf('\n'); next !== -1; next = text.indexOf('\n', end)) {
    const [, number] = /^\{"step":(\d+),.*\}$/.exec(text.slice(end, next)) ?? [];
    if (number === undefined || Number(number) <= last || Number(number) >= step) break;
    last = Number(number);
    end = next + 1;
  }
  return text.slice(0, end);
}

/** Writes the files of one run. */
export class RunDirectory {
  private pending: string[] = [];
  private lastFlush = performance.now();
  readonly checkpoints: CheckpointStore;

  private constructor(readonly path: string) {
    this.checkpoints = new CheckpointStore(this.file('checkpoints'));
  }

  /**
   * Creates the folder, or clears it of an earlier run's metrics, pictures and checkpoints (and of nothing else) when
   * `force` is set; that run's generators stay until this one's take their place.
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
      directory.checkpoints.create();
      directory.checkpoints.clear();
      rmSync(directory.file('complete'), { force: true });
    } catch (error) {
      throw new UserError(
        `--out ${path} cannot be written: the folder ${fileProblem(error)}: choose another path`,
      );
    }
    return directory;
  }

  /**
   * Opens the folder of a run to go on from a step: metrics are cut back to it and later checkpoints removed.
   *
   * @throws UserError as checkResumable, or when something cannot be written
   */
  static reopen(path: string, step: number): RunDirectory {
    checkResumable(path);
    const directory = new RunDirectory(path);
    try {
      makeFolder(resolve(directory.file('images')));
      rmSync(directory.file('complete'), { force: true });
      directory.checkpoints.removeLeftovers();
      directory.checkpoints.removeAfter(step);
      const file = directory.file('metrics');
      const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
      const kept = metricsBefore(text, step);
      if (kept.length !== text.length) writeFileAtomically(file, kept);
      return directory;
    } catch (error) {
      if (error instanceof UserError) throw error;
      throw new UserError(`--resume ${path} cannot be written: the folder ${fileProblem(error)}`);
    }
  }

  /** Full path of one of the run's files. */
  file(name: keyof typeof RUN_FILES): string {
    return join(this.path, RUN_FILES[name]);
  }

  write(name: 'config' | 'generator' | 'best' | 'samples' | 'complete', data: string | Uint8Array): void {
    writeFileAtomically(this.file(name), data);
  }

  /** Writes images/<number>.png and gives its path. */
  writeImage(number: number, png: Uint8Array): string {
    const path = join(this.file('images'), `${number}.png`);
    writeFileAtomically(path, png);
    return path;
  }

  /** Appends one line to metrics.jsonl; lines leave the process at least once a second of training. */
  appendMetrics(line: Readonly<Record<string, number>>): void {
    this.pending.push(JSON.stringify(line));
    if (performance.now() - this.lastFlush > 1000) this.flushMetrics();
  }

  /** Writes all lines of metrics.jsonl. */
  flushMetrics(): void {
    this.lastFlush = performance.now();
    if (this.pending.length === 0) return;
    const text = `${this.pending.join('\n')}\n`;
    this.pending = [];
    try {
      appendFileSync(this.file('metrics'), text);
    } catch (error) {
      throw this.metricsProblem(error);
    }
  }

  /**
   * Brings the metrics so far to the disk, and then a checkpoint. The caller may go on meanwhile, but must not change
   * `files`.
   *
   * @throws UserError when something cannot be written; earlier checkpoints are intact then
   */
  async saveCheckpoint(step: number, files: CheckpointFiles, keep: number): Promise<void> {
    this.flushMetrics();
    try {
      const metrics = await open(this.file('metrics'), 'a');
      await metrics.sync().finally(() => metrics.close());
    } catch (error) {
      throw this.metricsProblem(error);
    }
    await this.checkpoints.save(step, files, keep);
  }

  private metricsProblem(error: unknown): UserError {
    return new UserError(`${this.file('metrics')} ${fileProblem(error)}: the run ends here`);
  }
}
