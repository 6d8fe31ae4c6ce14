/**
 * A run's checkpoints on disk: `checkpoints/<step>/`, each a few files and a SHA256SUMS over them. A folder is written
 * under a temporary name, flushed, and renamed once, so that whatever ends the process leaves the last good one.
 */

import { existsSync, lstatSync, mkdirSync, readdirSync, renameSync, rmSync, type Stats } from 'node:fs';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileProblem, readBounded } from '../system/files.js';
import { UserError } from '../system/user-error.js';

/** Files of one checkpoint by name. */
export type CheckpointFiles = ReadonlyMap<string, Uint8Array>;

const SUMS = 'SHA256SUMS';
const STEP = /^(0|[1-9]\d{0,15})$/;
/** What a write or a removal that did not come to its end leaves behind. */
const LEFTOVER = /^\.\d+\.\d+\.(new|old)$/;
/** More bytes than flatbuffers can hold. */
const MAX_BYTES = 2 ** 31 - 1;

/** SHA-256 in hex; computed outside the main thread, which goes on training. */
async function sha256(bytes: Uint8Array): Promise<string> {
  return Buffer.from(await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>)).toString('hex');
}

/** Writes a new file and brings it to the disk. Few and large requests: between two of them training does a step. */
async function writeFlushed(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, 'wx');
  try {
    for (let done = 0; done < bytes.length; ) {
      done += (await file.write(bytes, done, bytes.length - done)).bytesWritten;
    }
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Brings a folder's entries to the disk. */
async function flushFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

export class CheckpointStore {
  /** @param path the folder `checkpoints` of a run; it need not exist */
  constructor(readonly path: string) {}

  /** Folder of a step's checkpoint. */
  folder(step: number): string {
    return join(this.path, String(step));
  }

  private temporary(step: number, kind: 'new' | 'old'): string {
    return join(this.path, `.${step}.${process.pid}.${kind}`);
  }

  /**
   * Steps that have a checkpoint, good or not, the last one first.
   *
   * @throws UserError when the folder is a link or cannot be read
   */
  steps(): number[] {
    this.requireFolder(this.path);
    if (!existsSync(this.path)) return [];
    const names = readdirSync(this.path).filter((name) => STEP.test(name));
    return names.map(Number).sort((a, b) => b - a);
  }

  /** Refuses what is there and is no folder: a link could lead out of the run. */
  private requireFolder(path: string): void {
    const found: Stats | undefined = lstatSync(path, { throwIfNoEntry: false });
    if (found !== undefined && !found.isDirectory()) {
      throw new UserError(`${path} is ${found.isSymbolicLink() ? 'a link' : 'a file'}, expected a folder`);
    }
  }

  /**
   * Writes a checkpoint and then removes all but the `keep` last ones. The caller may go on meanwhile, but must not
   * change `files`.
   *
   * @throws UserError when it cannot be written; nothing of it is left then, and the earlier ones are as they were
   */
  async save(step: number, files: CheckpointFiles, keep: number): Promise<void> {
    const temporary = this.temporary(step, 'new');
    try {
      await mkdir(this.path, { recursive: true });
      await rm(temporary, { recursive: true, force: true });
      await mkdir(temporary);
      for (const [name, bytes] of files) await writeFlushed(join(temporary, name), bytes);
      const sums: string[] = [];
      for (const [name, bytes] of files) sums.push(`${await sha256(bytes)}  ${name}\n`);
      await writeFlushed(join(temporary, SUMS), new TextEncoder().encode(sums.join('')));
      await flushFolder(temporary);
      const replaced = this.moveAside(step);
      await rename(temporary, this.folder(step));
      await flushFolder(this.path);
      if (replaced !== undefined) await rm(replaced, { recursive: true, force: true });
    } catch (error) {
      await rm(temporary, { recursive: true, force: true });
      throw new UserError(
        `the checkpoint ${this.folder(step)} ${fileProblem(error)}: it was not written, earlier ones are intact`,
      );
    }
    for (const old of this.steps().slice(keep)) this.remove(old);
  }

  /**
   * Reads a checkpoint and compares its checksums.
   *
   * @param names the files that it must have
   * @param optional the files that it may have, and that are read where its checksums name them
   * @throws UserError when it is missing, has other files, links or folders in their place, or is damaged
   */
  async load(
    step: number,
    names: readonly string[],
    optional: readonly string[] = [],
  ): Promise<Map<string, Uint8Array>> {
    const folder = this.folder(step);
    for (const path of [this.path, folder]) this.requireFolder(path);
    if (!existsSync(folder)) throw new UserError(`${folder} does not exist: expected a checkpoint`);
    const sums = parseSums(await this.readFile(step, SUMS, 4096), names, optional);
    if (sums === undefined) throw new UserError(`${join(folder, SUMS)} is damaged`);
    const files = new Map<string, Uint8Array>();
    for (const name of sums.keys()) {
      const bytes = await this.readFile(step, name, MAX_BYTES);
      const found = await sha256(bytes);
      if (found !== sums.get(name)) {
        throw new UserError(
          `${join(folder, name)} is damaged (SHA-256 ${found.slice(0, 12)}..., expected ${sums.get(name)!.slice(0, 12)}...)`,
        );
      }
      files.set(name, bytes);
    }
    return files;
  }

  private async readFile(step: number, name: string, maxBytes: number): Promise<Uint8Array> {
    const path = join(this.folder(step), name);
    if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink()) {
      throw new UserError(`${path} is a link, expected a file`);
    }
    return readBounded(path, maxBytes, 'a checkpoint file');
  }

  /** Puts a checkpoint out of sight before it is removed, so that no half of it is ever taken for one. */
  private moveAside(step: number): string | undefined {
    if (!existsSync(this.folder(step))) return undefined;
    const old = this.temporary(step, 'old');
    rmSync(old, { recursive: true, force: true });
    renameSync(this.folder(step), old);
    return old;
  }

  private remove(step: number): void {
    const old = this.moveAside(step);
    if (old !== undefined) rmSync(old, { recursive: true, force: true });
  }

  /** Removes the checkpoints of later steps: they belong to a course that a resumed run gives up. */
  removeAfter(step: number): void {
    for (const later of this.steps()) if (later > step) this.remove(later);
  }

  /** Removes all checkpoints and what interrupted writes left; other things in the folder stay. */
  clear(): void {
    this.removeAfter(-1);
    this.removeLeftovers();
  }

  /** Removes what interrupted writes and removals left. */
  removeLeftovers(): void {
    this.requireFolder(this.path);
    if (!existsSync(this.path)) return;
    for (const name of readdirSync(this.path)) {
      if (LEFTOVER.test(name)) rmSync(join(this.path, name), { recursive: true, force: true });
    }
  }

  /** Creates the folder. */
  create(): void {
    mkdirSync(this.path, { recursive: true });
  }
}

/** Checksums by name from a SHA256SUMS, or undefined when it is not about all of `names` and else only of `optional`. */
function parseSums(
  bytes: Uint8Array,
  names: readonly string[],
  optional: readonly string[],
): Map<string, string> | undefined {
  const lines = new TextDecoder().decode(bytes).trimEnd().split('\n');
  const sums = new Map(
    lines.flatMap((line): [string, string][] => {
      const [, sum, name] = /^([0-9a-f]{64}) {2}(.+)$/.exec(line) ?? [];
      return sum === undefined ? [] : [[name!, sum]];
    }),
  );
  const known = [...names, ...optional];
  const complete =
    lines.length === sums.size &&
    names.every((name) => sums.has(name)) &&
    [...sums.keys()].every((name) => known.includes(name));
  return complete ? sums : undefined;
}
