import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { train } from '../../src/train/index.js';
import { lockRun, requireUnlocked } from '../../src/train/run-lock.js';
import { idxFolder, temporaryFolder } from '../support/cli.js';
import { SMALL_CONFIG } from '../support/small-config.js';

const lockOf = (folder: string) => join(folder, 'run.lock');

/** A lock as this process writes it, changed in something. */
function writeLock(folder: string, changes: Record<string, unknown>): void {
  const other = temporaryFolder();
  const lock = lockRun(other, '--out');
  const own = JSON.parse(readFileSync(lockOf(other), 'utf8')) as object;
  lock.release();
  writeFileSync(lockOf(folder), JSON.stringify({ ...own, token: 'of another', ...changes }));
}

/** Number of a process that has ended. */
function endedProcess(): number {
  return spawnSync(process.execPath, ['-e', '']).pid;
}

const hasProc = existsSync('/proc/self/stat');

describe('the lock of a run', () => {
  it('is there while it is held, names this process, and leaves nothing behind', () => {
    const folder = temporaryFolder();
    const lock = lockRun(folder, '--out');
    expect(readdirSync(folder)).toEqual(['run.lock']);
    expect(JSON.parse(readFileSync(lockOf(folder), 'utf8'))).toMatchObject({
      pid: process.pid,
      host: hostname(),
    });
    lock.requireHeld();
    lock.release();
    expect(readdirSync(folder)).toEqual([]);
  });

  it('is refused to whoever comes second, in one line that names the process', () => {
    const folder = temporaryFolder();
    const lock = lockRun(folder, '--out');
    const message = `--resume ${folder} is being written by process ${process.pid}: wait for its end, or choose another folder`;
    expect(() => lockRun(folder, '--resume')).toThrow(message);
    expect(() => requireUnlocked(folder, '--resume')).toThrow(message);
    lock.release();
    requireUnlocked(folder, '--resume');
    lockRun(folder, '--resume').release();
  });

  it('of a process that has ended is taken over', () => {
    const folder = temporaryFolder();
    writeLock(folder, { pid: endedProcess() });
    requireUnlocked(folder, '--out');
    const lock = lockRun(folder, '--out');
    lock.requireHeld();
    expect(readdirSync(folder)).toEqual(['run.lock']);
    lock.release();
    expect(readdirSync(folder)).toEqual([]);
  });

  it.skipIf(!hasProc)('of a process whose number another one has by now is taken over', () => {
    const folder = temporaryFolder();
    writeLock(folder, { started: '1' });
    lockRun(folder, '--out').release();
    expect(readdirSync(folder)).toEqual([]);
  });

  it('without what only some systems tell goes by the number of the process', () => {
    const folder = temporaryFolder();
    writeLock(folder, { started: undefined });
    expect(() => lockRun(folder, '--out')).toThrow(/is being written by process/);
  });

  it('that was silent since the machine started is taken over', () => {
    const folder = temporaryFolder();
    writeLock(folder, { boot: 'an earlier one' });
    expect(() => lockRun(folder, '--out')).toThrow(/is being written by process/);
    utimesSync(lockOf(folder), new Date(1000), new Date(1000));
    lockRun(folder, '--out').release();
  });

  it('of another machine is refused, with what to do', () => {
    const folder = temporaryFolder();
    writeLock(folder, { host: 'node-\u001b[31m7', pid: 12 });
    const minutes = Date.now() / 1000 - 1200;
    utimesSync(lockOf(folder), minutes, minutes);
    expect(() => lockRun(folder, '--out')).toThrow(
      `--out ${folder} is being written by process 12 of node-\\u{1b}[31m7 (last sign of life 20 minutes ago): ` +
        `if that process has ended, delete ${lockOf(folder)}`,
    );
    expect(existsSync(lockOf(folder))).toBe(true);
  });

  it.skipIf(!hasProc)('of another container of this machine is taken over once it is silent', () => {
    const folder = temporaryFolder();
    expect(readlinkSync('/proc/self/ns/pid')).not.toBe('pid:[1]');
    writeLock(folder, { pidSpace: 'pid:[1]', pid: endedProcess() });
    expect(() => lockRun(folder, '--out')).toThrow(/if that process has ended, delete/);
    const minutes = Date.now() / 1000 - 600;
    utimesSync(lockOf(folder), minutes, minutes);
    lockRun(folder, '--out').release();
  });

  it.each([
    ['nothing', ''],
    ['no object', '7'],
    ['a process that cannot be', JSON.stringify({ token: 'x', host: hostname(), pid: -1 })],
    ['too much', ' '.repeat(5000)],
  ])('that holds %s is refused, with what to do', (_, text) => {
    const folder = temporaryFolder();
    writeFileSync(lockOf(folder), text);
    expect(() => lockRun(folder, '--out')).toThrow(/run.lock is damaged: if no other process.* delete/);
    expect(readFileSync(lockOf(folder), 'utf8')).toBe(text);
  });

  it('says so when another process has taken it over, and leaves that one alone', () => {
    const folder = temporaryFolder();
    const lock = lockRun(folder, '--out');
    writeLock(folder, { pid: 1 });
    expect(() => lock.requireHeld()).toThrow(/is no longer this process's/);
    lock.release();
    expect(existsSync(lockOf(folder))).toBe(true);
  });

  it('that a taker-over was killed at is taken over all the same', () => {
    const folder = temporaryFolder();
    writeLock(folder, { pid: endedProcess() });
    writeFileSync(`${lockOf(folder)}.guard`, readFileSync(lockOf(folder)));
    lockRun(folder, '--out').release();
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe('two runs in one folder', () => {
  const config = {
    ...SMALL_CONFIG,
    maxSteps: 3,
  } as const;

  it('are one too many: the second is refused before it reads its data, and the first goes on', async () => {
    const out = join(temporaryFolder(), 'run');
    const options = { config, out, dataDir: idxFolder(64), version: '0' };
    let second: Promise<unknown> | undefined;
    const first = train({
      ...options,
      on: {
        step: () => {
          second ??= expect(train({ ...options, force: true })).rejects.toThrow(
            /is being written by process/,
          );
        },
      },
    });
    expect((await first).steps).toBe(3);
    await second;
    expect(readdirSync(out)).not.toContain('run.lock');
    expect((await train({ ...options, force: true })).steps).toBe(3);
  });

  it('a folder with nothing but the lock of a killed process is as good as empty', async () => {
    const out = join(temporaryFolder(), 'run');
    mkdirSync(out);
    writeLock(out, { pid: endedProcess() });
    expect((await train({ config, out, dataDir: idxFolder(64), version: '0' })).steps).toBe(3);
  });

  it('a link in the place of the lock is refused', async () => {
    const folder = temporaryFolder();
    const out = join(folder, 'run');
    const options = { config, out, dataDir: idxFolder(64), version: '0', force: true };
    await train(options);
    writeFileSync(join(folder, 'precious'), 'data');
    symlinkSync(join(folder, 'precious'), lockOf(out));
    await expect(train(options)).rejects.toThrow(/run.lock is damaged/);
    rmSync(lockOf(out));
    if (existsSync('/dev/zero')) symlinkSync('/dev/zero', lockOf(out));
    else return;
    await expect(train(options)).rejects.toThrow(/run.lock is damaged/);
    expect(readFileSync(join(folder, 'precious'), 'utf8')).toBe('data');
  });
});
