import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UserError } from '../../../src/system/user-error.js';
import { readMaybeGzipped } from '../../../src/train/data/gzip.js';
import { parseIdx } from '../../../src/train/data/idx.js';

const bytes = (hex: string) => new Uint8Array(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
const small = bytes('00000802 00000002 00000003 0a0b0c0d0e0f');

/** Holds a refusal to its promise: a UserError of one line that matches. */
function oneLine(error: unknown, pattern: RegExp): void {
  expect(error).toBeInstanceOf(UserError);
  expect((error as Error).message).toMatch(pattern);
  expect((error as Error).message).not.toContain('\n');
}

function refusal(hex: string): unknown {
  try {
    return parseIdx(bytes(hex), 'digits.idx');
  } catch (error) {
    return error;
  }
}

describe('parseIdx', () => {
  it('reads dimensions and values, big-endian and row-major', () => {
    expect(parseIdx(small, 'f')).toEqual({ shape: [2, 3], data: bytes('0a0b0c0d0e0f') });
    expect(parseIdx(bytes(`00000801 00000100${'07'.repeat(256)}`), 'f').shape).toEqual([256]);
  });

  it('reads a file that lies anywhere in a larger buffer', () => {
    const larger = new Uint8Array(50).fill(255);
    larger.set(small, 7);
    expect(parseIdx(larger.subarray(7, 7 + small.length), 'f')).toEqual(parseIdx(small, 'f'));
  });

  it('refuses another rank than the wanted one', () => {
    expect(parseIdx(small, 'f', 2).shape).toEqual([2, 3]);
    expect(() => parseIdx(small, 'f', 3)).toThrow(
      /^f: found 2 dimensions \(magic 00000802\), expected 3: check/,
    );
  });

  it('allows a dimension of 0', () => {
    expect(parseIdx(bytes('00000802 00000000 00000003'), 'f')).toEqual({
      shape: [0, 3],
      data: new Uint8Array(),
    });
  });

  it.each([
    [
      'a wrong magic number',
      '89504e47 0d0a1a0a',
      /^digits\.idx: found first bytes 89504e47, expected 000008nn/,
    ],
    [
      'an unknown type',
      '00000a01 00000001 00',
      /^digits\.idx: found first bytes 00000a01, expected 000008nn/,
    ],
    [
      'a file too short for a magic number',
      '000008',
      /^digits\.idx: found first bytes 000008, expected 000008nn/,
    ],
    ['an empty file', '', /^digits\.idx: found an empty file, expected 000008nn/],
    [
      'other types',
      '00000d01 00000001 00000000',
      /found values of type float32 .*expected uint8 .*: convert/,
    ],
    ['no dimensions', '00000800 00', /found 0 dimensions .*expected 1 to 8/],
    ['very many dimensions', '000008ff', /found 255 dimensions .*expected 1 to 8/],
    [
      'half a header',
      '00000803 00000001 0000',
      /cut short: found 10 bytes, expected at least 16 for a header of 3/,
    ],
    ['missing values', '00000801 00000003 0102', /cut short: found 10 bytes, expected 11 for dimensions 3:/],
    [
      'values too many',
      '00000802 00000001 00000002 010203',
      /too long: found 15 bytes, expected 14 .* 1 x 2:/,
    ],
    [
      'huge dimensions',
      '00000801 ffffffff 01',
      /found 9 bytes, expected 4294967303 for dimensions 4294967295/,
    ],
    [
      'dimensions whose product no number holds',
      '00000803 ffffffff ffffffff ffffffff 0102',
      /found dimensions 4294967295 x 4294967295 x 4294967295, expected those of the 2 values/,
    ],
  ])('refuses %s', (_, hex, message) => {
    oneLine(refusal(hex), message);
  });
});

describe('readMaybeGzipped', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gan-onnx-idx-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  async function file(name: string, contents: Uint8Array): Promise<string> {
    await writeFile(join(folder, name), contents);
    return join(folder, name);
  }

  async function readRefusal(path: string, pattern: RegExp, maxBytes?: number): Promise<void> {
    const error = await readMaybeGzipped(path, maxBytes).catch((error: unknown) => error);
    oneLine(error, pattern);
    expect((error as Error).message).toContain(path);
  }

  it('tells gzip by content, whatever the name says', async () => {
    expect(await readMaybeGzipped(await file('plain', small))).toEqual(small);
    expect(await readMaybeGzipped(await file('plain.gz', small))).toEqual(small);
    expect(await readMaybeGzipped(await file('packed.gz', gzipSync(small)))).toEqual(small);
    expect(await readMaybeGzipped(await file('packed', gzipSync(small)))).toEqual(small);
  });

  it('refuses damaged gzip', async () => {
    const packed = gzipSync(small);
    await readRefusal(
      await file('cut.gz', packed.subarray(0, -9)),
      /found damaged gzip data \(unexpected end/,
    );
    packed[packed.length - 6]! ^= 255;
    await readRefusal(
      await file('flipped.gz', packed),
      /found damaged gzip data \(.*\), expected whole ones/,
    );
  });

  it('refuses gzip that unpacks to more than the bound, and takes what just fits', async () => {
    const bomb = await file('bomb.gz', gzipSync(new Uint8Array(1_000_001)));
    await readRefusal(bomb, /unpack to more than the expected 1000000 bytes/, 1_000_000);
    expect(await readMaybeGzipped(bomb, 1_000_001)).toHaveLength(1_000_001);
  });

  it('refuses an unpacked file larger than the bound', async () => {
    await readRefusal(
      await file('large', new Uint8Array(101)),
      /has 101 bytes: expected a dataset file, at most 100 bytes/,
      100,
    );
  });

  it('refuses what is not there or not a file', async () => {
    await readRefusal(join(folder, 'nothing'), /does not exist: expected a dataset file that can be read/);
    await readRefusal(folder, /is a folder: expected a dataset file/);
    const endless = join(folder, 'endless');
    await symlink('/dev/zero', endless);
    await readRefusal(endless, /is a device or pipe: expected a dataset file/);
  });
});
