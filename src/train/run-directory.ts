/**
 * A run's folder: config.json, metrics.jsonl, images/<batches_done>.png, checkpoints/<step>/, samples.png and the
 * generators, the last one, the best one and the average; and the lock of the process that writes it.
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
import { checkWritable, fileProblem, replaceFile, writeFileAtomically } from '../system/files.js';
import { UserError } from '../system/user-error.js';
import { type CheckpointFiles, CheckpointStore } from './checkpoint-store.js';
import type { Note } from './health/doctor.js';
import { appendNote, cutNotes } from './health/notes-file.js';
import { cutMetrics } from './metrics-file.js';
import { LOCK_FILE, lockRun, type RunLock, requireUnlocked } from './run-lock.js';

/** Names of the files of a run, relative to its folder. */
export const RUN_FILES = {
  config: 'config.json',
  metrics: 'metrics.jsonl',
  notes: 'notes.jsonl',
  generator: 'generator.onnx',
  best: 'generator-best.onnx',
  ema: 'generator-ema.onnx',
  samples: 'samples.png',
  emaSamples: 'samples-ema.png',
  report: 'report.html',
  images: 'images',
  checkpoints: 'checkpoints',
  lock: LOCK_FILE,
  /** Written last, by a run that was not ended early. */
  complete: 'complete.json',
} as const;

/** The files of a generator and of its samples, as RUN_FILES names them. */
export interface GeneratorFiles {
  generator: 'generator' | 'ema';
  samples: 'samples' | 'emaSamples';
}

const FOLDERS: readonly string[] = [RUN_FILES.images, RUN_FILES.checkpoints];

const PICTURE = /^\d+\.png$/;

const isLock = (name: string): boolean => name.startsWith(LOCK_FILE) || name.startsWith(`.${LOCK_FILE}.`);

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
  if (existsSync(path)) requireUnlocked(path, '--out');
  checkContents(path, force);
}

/** Refuses a folder that holds something else than a run that may be replaced. */
function checkContents(path: string, force: boolean): void {
  if (!existsSync(path)) return;
  let names: string[];
  try {
    if (!statSync(path).isDirectory()) {
      throw new UserError(`--out ${path} is a file, expected a folder: choose another path`);
    }
    // A lock by itself is what a process left that was killed at once.
    names = readdirSync(path).filter((name) => !isLock(name));
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

function unwritable(path: string, error: unknown): UserError {
  return new UserError(
    `--out ${path} cannot be written: the folder ${fileProblem(error)}: choose another path`,
  );
}

function unresumable(path: string, error: unknown): unknown {
  if (error instanceof UserError) return error;
  return new UserError(`--resume ${path} cannot be written: the folder ${fileProblem(error)}`);
}

/** Writes the files of one run. */
export class RunDirectory {
  private pending: string[] = [];
  private lastFlush = performance.now();
  readonly checkpoints: CheckpointStore;

  private constructor(
    readonly path: string,
    private readonly lock: RunLock,
  ) {
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
    try {
      makeFolder(resolve(path));
    } catch (error) {
      throw unwritable(path, error);
    }
    const lock = lockRun(path, '--out');
    try {
      // Another process may have begun and ended a run here since.
      checkContents(path, force);
      const directory = new RunDirectory(path, lock);
      makeFolder(resolve(directory.file('images')));
      for (const name of readdirSync(directory.file('images'))) {
        if (PICTURE.test(name)) rmSync(join(directory.file('images'), name));
      }
      for (const name of ['metrics', 'notes', 'report'] as const)
        rmSync(directory.file(name), { force: true });
      directory.checkpoints.create();
      directory.checkpoints.clear();
      rmSync(directory.file('complete'), { force: true });
      return directory;
    } catch (error) {
      lock.release();
      throw error instanceof UserError ? error : unwritable(path, error);
    }
  }

  /**
   * Opens the folder of a run to go on from a step: metrics and notes are cut back to it and later checkpoints removed.
   *
   * @param lock of this folder; `close` releases it
   * @throws UserError as checkResumable, or when something cannot be written
   */
  static async reopen(path: string, step: number, lock: RunLock): Promise<RunDirectory> {
    checkResumable(path);
    const directory = new RunDirectory(path, lock);
    try {
      makeFolder(resolve(directory.file('images')));
      directory.checkpoints.removeLeftovers();
    } catch (error) {
      throw unresumable(path, error);
    }
    await directory.returnTo(step);
    return directory;
  }

  /**
   * Gives up what came after a step: metrics and notes are cut back to it and later checkpoints removed.
   *
   * @throws UserError when something cannot be written
   */
  async returnTo(step: number): Promise<void> {
    this.pending = [];
    try {
      rmSync(this.file('complete'), { force: true });
      this.checkpoints.removeAfter(step);
      cutMetrics(this.file('metrics'), step);
      await cutNotes(this.file('notes'), step);
    } catch (error) {
      throw unresumable(this.path, error);
    }
  }

  /** Lets other processes write the folder. */
  close(): void {
    this.lock.release();
  }

  /** Full path of one of the run's files. */
  file(name: keyof typeof RUN_FILES): string {
    return join(this.path, RUN_FILES[name]);
  }

  write(
    name: 'config' | 'generator' | 'best' | 'ema' | 'samples' | 'emaSamples' | 'report' | 'complete',
    data: string | Uint8Array,
  ): void {
    writeFileAtomically(this.file(name), data);
  }

  /** Removes what an earlier run left of a generator that this one does not have. */
  removeGenerator({ generator, samples }: GeneratorFiles): void {
    for (const name of [generator, samples]) rmSync(this.file(name), { force: true });
  }

  /**
   * Writes images/<number>.png while training goes on, and gives its path.
   *
   * @throws UserError when it cannot be written
   */
  async writeImage(number: number, png: Uint8Array): Promise<string> {
    const path = join(this.file('images'), `${number}.png`);
    try {
      await replaceFile(path, png);
    } catch (error) {
      throw new UserError(`${path} ${fileProblem(error)}: it was not written`);
    }
    return path;
  }

  /** Appends one line to notes.jsonl. */
  appendNote(note: Note): void {
    try {
      appendNote(this.file('notes'), note);
    } catch (error) {
      throw new UserError(`${this.file('notes')} ${fileProblem(error)}: the run ends here`);
    }
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
    this.lock.requireHeld();
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
