import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, renameSync, statSync, symlinkSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as later } from 'node:timers/promises';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { UserError } from '../../../../src/system/user-error.js';
import { listImages } from '../../../../src/train/data/images/list-images.js';
import { temporaryFolder } from '../../../support/cli.js';
import { writeFiles } from '../../../support/images.js';

/** A folder whose listing must hold these paths, in this order. */
const PATHS = ['B.PNG', 'a/2.jpeg', 'a/b.gif', 'a/b/c/1.tif', 'a10.bmp', 'a9.bmp', 'é.png'];

function exampleFolder(): string {
  const folder = temporaryFolder();
  writeFiles(folder, Object.fromEntries([...PATHS].reverse().map((path) => [path, path])));
  writeFiles(folder, {
    'notes.txt': '',
    'a/png': '',
    '.hidden.png': '',
    '.git/x.png': '',
    'a/.cache/y.png': '',
  });
  return folder;
}

describe('listImages', () => {
  it('finds images by their extensions, recursively, in an order that no locale decides', async () => {
    const { paths, others, linksInside, linksOutside, broken } = await listImages(exampleFolder());
    expect(paths).toEqual(PATHS);
    expect({ others, linksInside, linksOutside, broken }).toEqual({
      others: 2,
      linksInside: 0,
      linksOutside: [],
      broken: [],
    });
  });

  it('follows no links: those out of the folder are named, circles do not matter', async () => {
    const folder = exampleFolder();
    const outside = temporaryFolder();
    writeFiles(outside, { 'secret.png': 'x' });
    symlinkSync(join(outside, 'secret.png'), join(folder, 'secret.png'));
    symlinkSync(outside, join(folder, 'a', 'elsewhere'));
    symlinkSync('nowhere', join(folder, 'z.png'));
    symlinkSync(join(folder, 'a9.bmp'), join(folder, 'again.bmp'));
    symlinkSync('..', join(folder, 'a', 'circle'));
    const { paths, linksInside, linksOutside } = await listImages(folder);
    expect(paths).toEqual(PATHS);
    expect(linksInside).toBe(2);
    expect(linksOutside).toEqual(['a/elsewhere', 'secret.png', 'z.png']);
    // The folder itself may be named by a link.
    symlinkSync(folder, join(outside, 'link'));
    expect((await listImages(join(outside, 'link'))).paths).toEqual(PATHS);
  });

  it.skipIf(process.platform === 'win32')('opens no pipes', async () => {
    const folder = exampleFolder();
    execFileSync('mkfifo', [join(folder, 'pipe.png')]);
    const { paths, others } = await listImages(folder);
    expect(paths).toEqual(PATHS);
    expect(others).toBe(3);
  });

  it('has a state that changes with any file, and none while files are being written', async () => {
    const folder = exampleFolder();
    expect((await listImages(folder)).state).toBeUndefined();
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3000 });
    onTestFinished(() => {
      vi.useRealTimers();
    });
    const { state: first } = await listImages(folder);
    expect(first).toMatch(/^[0-9a-f]{64}$/);
    expect((await listImages(folder)).state).toBe(first);
    await later(50);
    // The same size and modification time: what tells is the change time.
    const file = join(folder, 'a9.bmp');
    const { atime, mtime } = statSync(file);
    utimesSync(file, atime, mtime);
    const { state: second } = await listImages(folder);
    expect(second).not.toBe(first);
    renameSync(file, join(folder, 'a8.bmp'));
    expect((await listImages(folder)).state).not.toBe(second);
  });

  it.skipIf(process.getuid?.() === 0)('names a folder that cannot be read', async () => {
    const folder = exampleFolder();
    chmodSync(join(folder, 'a', 'b'), 0);
    const { broken } = await listImages(folder);
    chmodSync(join(folder, 'a', 'b'), 0o700);
    expect(broken).toEqual([{ path: 'a/b', reason: 'the folder may not be used (permission denied)' }]);
  });

  it('refuses what is no folder', async () => {
    const folder = exampleFolder();
    for (const [path, message] of [
      ['nothing', /the data folder .*nothing does not exist: expected a folder of images: check --data-dir/],
      ['a9.bmp', /the data folder .*a9.bmp is not a folder/],
      ['a9.bmp/x', /lies below something that is not a folder/],
    ] as const) {
      const error = await listImages(join(folder, path)).catch((error: unknown) => error);
      expect(error).toBeInstanceOf(UserError);
      expect((error as Error).message).toMatch(message);
    }
  });

  it('ends early with the reason of its signal', async () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'a'));
    writeFiles(folder, { 'a/1.png': '' });
    await expect(listImages(folder, AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough');
  });
});
