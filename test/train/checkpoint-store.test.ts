import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CheckpointStore } from '../../src/train/checkpoint-store.js';
import { temporaryFolder } from '../support/cli.js';

const NAMES = ['a.checkpoint', 'b.checkpoint'];
const files = (tag: number) =>
  new Map(NAMES.map((name, i) => [name, Uint8Array.from({ length: 100 }, (_, k) => k + tag * 7 + i)]));

async function storeWith(...steps: number[]): Promise<CheckpointStore> {
  const store = new CheckpointStore(join(temporaryFolder(), 'checkpoints'));
  for (const step of steps) await store.save(step, files(step), steps.length);
  return store;
}

describe('the store of checkpoints', () => {
  it('gives back what was saved, and lists the last one first', async () => {
    const store = await storeWith(100, 9, 20);
    expect(store.steps()).toEqual([100, 20, 9]);
    expect(await store.load(20, NAMES)).toEqual(files(20));
  });

  it('writes a SHA256SUMS that sha256sum understands, and no other files', async () => {
    const store = await storeWith(1);
    expect(readdirSync(store.folder(1)).sort()).toEqual(['SHA256SUMS', ...NAMES]);
    const lines = readFileSync(join(store.folder(1), 'SHA256SUMS'), 'utf8')
      .trimEnd()
      .split('\n');
    expect(lines.map((line) => line.replace(/^[0-9a-f]{64}/, '<sum>'))).toEqual(
      NAMES.map((name) => `<sum>  ${name}`),
    );
  });

  it('keeps the last ones and removes the others', async () => {
    const store = await storeWith(1, 2);
    await store.save(3, files(3), 2);
    expect(store.steps()).toEqual([3, 2]);
    expect(readdirSync(store.path).sort()).toEqual(['2', '3']);
  });

  it('replaces the checkpoint of the same step', async () => {
    const store = await storeWith(5);
    await store.save(5, files(6), 2);
    expect(await store.load(5, NAMES)).toEqual(files(6));
    expect(readdirSync(store.path)).toEqual(['5']);
  });

  it('never takes what an interrupted write left for a checkpoint, and removes it', async () => {
    const store = await storeWith(5);
    mkdirSync(join(store.path, '.6.123.new'));
    writeFileSync(join(store.path, '.6.123.new', NAMES[0]!), 'half');
    writeFileSync(join(store.path, 'mine.txt'), 'mine');
    expect(store.steps()).toEqual([5]);
    store.removeLeftovers();
    expect(readdirSync(store.path).sort()).toEqual(['5', 'mine.txt']);
  });

  it('leaves the earlier ones as they were when it cannot write', async () => {
    const store = await storeWith(5);
    const unwritable = new Map([['no/such/folder', new Uint8Array(4)]]);
    await expect(store.save(6, unwritable, 1)).rejects.toThrow(/it was not written, earlier ones are intact/);
    expect(readdirSync(store.path)).toEqual(['5']);
    expect(await store.load(5, NAMES)).toEqual(files(5));
  });

  const first = NAMES[0]!;
  it.each<[string, (folder: string) => void, RegExp]>([
    ['a file is missing', (folder) => unlinkSync(join(folder, first)), /a\.checkpoint does not exist/],
    [
      'a file is cut short',
      (folder) => truncateSync(join(folder, first), 50),
      /a\.checkpoint is damaged \(SHA-256/,
    ],
    [
      'one bit is flipped',
      (folder) => {
        const bytes = readFileSync(join(folder, first));
        bytes[40]! ^= 4;
        writeFileSync(join(folder, first), bytes);
      },
      /a\.checkpoint is damaged \(SHA-256/,
    ],
    [
      'the checksums are gone',
      (folder) => unlinkSync(join(folder, 'SHA256SUMS')),
      /SHA256SUMS does not exist/,
    ],
    [
      'the checksums are of other files',
      (folder) => writeFileSync(join(folder, 'SHA256SUMS'), `${'0'.repeat(64)}  ../../secret\n`),
      /SHA256SUMS is damaged/,
    ],
    [
      'a file is a link',
      (folder) => {
        renameSync(join(folder, first), join(folder, '..', 'elsewhere'));
        symlinkSync(join(folder, '..', 'elsewhere'), join(folder, first));
      },
      /a\.checkpoint is a link, expected a file/,
    ],
    [
      'a file is a folder',
      (folder) => {
        unlinkSync(join(folder, first));
        mkdirSync(join(folder, first));
      },
      /a\.checkpoint is a folder: expected a checkpoint file/,
    ],
  ])('refuses a checkpoint of which %s, and does not touch it', async (_, harm, message) => {
    const store = await storeWith(5);
    harm(store.folder(5));
    const before = readdirSync(store.folder(5));
    await expect(store.load(5, NAMES)).rejects.toThrow(message);
    expect(readdirSync(store.folder(5))).toEqual(before);
  });

  it('refuses a folder that is a link out of the run', async () => {
    const store = await storeWith(5);
    const elsewhere = join(temporaryFolder(), 'elsewhere');
    renameSync(store.path, elsewhere);
    symlinkSync(elsewhere, store.path);
    expect(() => store.steps()).toThrow(/checkpoints is a link, expected a folder/);
    await expect(store.load(5, NAMES)).rejects.toThrow(/is a link, expected a folder/);
    expect(existsSync(join(elsewhere, '5', first))).toBe(true);
  });
});
