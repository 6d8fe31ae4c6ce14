/**
 * One process at a time writes a run's folder: a lock file in it says which. What a process left that has ended is taken
 * over; a process that may be running is not disturbed.
 */

import { randomBytes } from 'node:crypto';
import {
  linkSync,
  lstatSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname, uptime } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorCode, fileProblem, temporaryName } from '../system/files.js';
import { printable } from '../system/printable.js';
import { UserError } from '../system/user-error.js';

/** Name of the lock within a run's folder. */
export const LOCK_FILE = 'run.lock';

/** Which process holds a lock. Where a system does not tell something, it is absent. */
interface Holder {
  /** Of this lock alone. */
  token: string;
  pid: number;
  host: string;
  /** Of the system's start: after another one, no process of before runs. */
  boot?: string;
  /** In which pid means this process: containers have their own. */
  pidSpace?: string;
  /** When the process began: another one may get its pid later. */
  started?: string;
}

export interface RunLock {
  /** @throws UserError when another process has taken the run over */
  requireHeld(): void;
  /** Removes the lock, unless it is another process's by now. */
  release(): void;
}

/** Between two signs of life of a holder, in ms. */
const SIGN_INTERVAL = 30_000;
/** After so many ms without one, a process of another container of this machine has ended. */
const SILENCE = 5 * SIGN_INTERVAL;
/** The largest lock file that is read. */
const MAX_BYTES = 4096;

/** What a system file says, where there is such a file. */
function said(read: () => string): string | undefined {
  try {
    return read().trim();
  } catch {
    return undefined;
  }
}

/** When a process began, in ticks since the system's start; undefined without /proc, and for a process that is gone. */
function startOf(pid: number): string | undefined {
  const text = said(() => readFileSync(`/proc/${pid}/stat`, 'utf8'));
  // The name of the program comes first, in parentheses, and may hold anything.
  return text?.slice(text.lastIndexOf(')') + 2).split(' ')[19];
}

function thisProcess(): Holder {
  const boot = said(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8'));
  const pidSpace = said(() => readlinkSync('/proc/self/ns/pid'));
  const started = startOf(process.pid);
  return {
    token: randomBytes(16).toString('hex'),
    pid: process.pid,
    host: hostname(),
    ...(boot === undefined ? {} : { boot }),
    ...(pidSpace === undefined ? {} : { pidSpace }),
    ...(started === undefined ? {} : { started }),
  };
}

function parseHolder(text: string): Holder | undefined {
  try {
    const { token, pid, host, ...rest } = JSON.parse(text) as Record<string, unknown>;
    if (typeof token !== 'string' || typeof host !== 'string' || !Number.isSafeInteger(pid)) return undefined;
    if ((pid as number) < 1) return undefined;
    const optional = (['boot', 'pidSpace', 'started'] as const).flatMap((name) =>
      typeof rest[name] === 'string' ? [[name, rest[name]]] : [],
    );
    return { token, pid: pid as number, host, ...Object.fromEntries(optional) };
  } catch {
    return undefined;
  }
}

/** A lock that was found. */
interface Found {
  /** Undefined where the file makes no sense. */
  holder: Holder | undefined;
  /** The last sign of life, in ms since 1970. */
  seen: number;
}

/** @throws UserError when there is something else than a lock, or it cannot be read */
function findLock(path: string): Found | undefined {
  try {
    const found = lstatSync(path);
    // A link could lead anywhere, and to something without end.
    const isSound = found.isFile() && found.size <= MAX_BYTES;
    return { holder: isSound ? parseHolder(readFileSync(path, 'utf8')) : undefined, seen: found.mtimeMs };
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errorCode(error))) return undefined;
    throw new UserError(`${path} ${fileProblem(error)}: expected the lock of a run`);
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Without the right to send it a signal, there is a process.
    return errorCode(error) !== 'ESRCH';
  }
}

type Whereabouts = 'gone' | 'running' | 'elsewhere';

/** What has become of the process that holds a lock, as far as this one can know. */
function whereabouts(holder: Holder, seen: number, own: Holder): Whereabouts {
  if (holder.host !== own.host) return 'elsewhere';
  // A machine of the same name may be another one: only what was silent since this one's start is of before it.
  if (seen < Date.now() - uptime() * 1000) return 'gone';
  if (holder.boot !== own.boot) return 'elsewhere';
  if (holder.pidSpace !== own.pidSpace) return Date.now() - seen > SILENCE ? 'gone' : 'elsewhere';
  if (!isRunning(holder.pid)) return 'gone';
  const started = startOf(holder.pid);
  return started !== undefined && holder.started !== undefined && started !== holder.started
    ? 'gone'
    : 'running';
}

function ago(ms: number): string {
  const seconds = Math.max(0, Math.round((Date.now() - ms) / 1000));
  return seconds < 120 ? `${seconds} s` : `${Math.round(seconds / 60)} minutes`;
}

/** Refuses a lock that is not known to be left over. */
function refuseHeld(path: string, { holder, seen }: Found, own: Holder, flag: string): void {
  const file = join(path, LOCK_FILE);
  if (holder === undefined) {
    throw new UserError(
      `${flag} ${path}: ${file} is damaged: if no other process writes this run, delete that file`,
    );
  }
  const where = whereabouts(holder, seen, own);
  if (where === 'gone') return;
  if (where === 'running') {
    throw new UserError(
      `${flag} ${path} is being written by process ${holder.pid}: wait for its end, or choose another folder`,
    );
  }
  throw new UserError(
    `${flag} ${path} is being written by process ${holder.pid} of ${printable(holder.host)} ` +
      `(last sign of life ${ago(seen)} ago): if that process has ended, delete ${file}`,
  );
}

/**
 * Checks, without changing anything, that no other process writes the run in `path`.
 *
 * @param flag the option that named the path, for messages
 * @throws UserError when one does, or may
 */
export function requireUnlocked(path: string, flag: string): void {
  const found = findLock(join(path, LOCK_FILE));
  if (found !== undefined) refuseHeld(path, found, thisProcess(), flag);
}

/** Milliseconds in which a process that is about to end does so: a launcher may return before all of its processes have. */
const ENDING = 5000;

/**
 * Waits a little for the process that writes the run in `path` to end.
 *
 * @throws UserError when it does not, as `requireUnlocked`
 */
export async function untilUnlocked(path: string, flag: string): Promise<void> {
  const until = performance.now() + ENDING;
  for (;;) {
    try {
      return requireUnlocked(path, flag);
    } catch (error) {
      if (!(error instanceof UserError) || performance.now() > until) throw error;
      await sleep(100);
    }
  }
}

/** Creates a file with its contents at once; false when it is there already. */
function createWhole(path: string, text: string): boolean {
  const temporary = temporaryName(path);
  try {
    writeFileSync(temporary, text, { flag: 'wx', flush: true });
    linkSync(temporary, path);
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes(errorCode(error))) throw error;
    return createDirectly(path, text);
  } finally {
    rmSync(temporary, { force: true });
  }
}

/** The same on a file system without links. */
function createDirectly(path: string, text: string): boolean {
  try {
    writeFileSync(path, text, { flag: 'wx', flush: true });
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    throw error;
  }
}

/**
 * Puts this process's lock in the place of one whose holder is gone. A second file guards it, so that of two processes
 * that find the same old lock, the slower one does not take the quicker one's new lock for it.
 */
function replaceStale(file: string, stale: Holder, own: Holder): boolean {
  const guard = `${file}.guard`;
  const left = findLock(guard);
  if (left?.holder !== undefined && whereabouts(left.holder, left.seen, own) === 'gone') {
    rmSync(guard, { force: true });
  }
  if (!createWhole(guard, JSON.stringify(own))) return false;
  try {
    if (findLock(file)?.holder?.token !== stale.token) return false;
    const temporary = temporaryName(file);
    writeFileSync(temporary, JSON.stringify(own), { flag: 'wx', flush: true });
    renameSync(temporary, file);
    return true;
  } finally {
    rmSync(guard, { force: true });
  }
}

/**
 * Locks the run in the folder `path`, which exists, for this process, taking over what a process left that has ended.
 *
 * @param flag the option that named the path, for messages
 * @throws UserError when another process writes it, or may, or the lock cannot be written
 */
export function lockRun(path: string, flag: string): RunLock {
  const file = join(path, LOCK_FILE);
  const own = thisProcess();
  let held = false;
  try {
    // Two rounds: the holder may end between the attempt and the look at its lock.
    for (let round = 0; round < 3 && !held; round++) {
      held = createWhole(file, JSON.stringify(own));
      if (held) break;
      const found = findLock(file);
      if (found === undefined) continue;
      refuseHeld(path, found, own, flag);
      held = replaceStale(file, found.holder!, own);
    }
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`${flag} ${path}: its ${LOCK_FILE} ${fileProblem(error)}: choose another folder`);
  }
  if (!held)
    throw new UserError(`${flag} ${path} is being taken over by another process: choose another folder`);

  const isOurs = (): boolean => said(() => readFileSync(file, 'utf8')) === JSON.stringify(own);
  const signs = setInterval(() => {
    try {
      if (isOurs()) utimesSync(file, new Date(), new Date());
    } catch {
      // A sign that cannot be given is missed by nobody on this machine.
    }
  }, SIGN_INTERVAL);
  signs.unref();
  return {
    requireHeld() {
      if (isOurs()) return;
      throw new UserError(
        `${path} is no longer this process's (its ${LOCK_FILE} is gone or another's): the run ends here`,
      );
    },
    release() {
      clearInterval(signs);
      if (isOurs()) rmSync(file, { force: true });
    },
  };
}
