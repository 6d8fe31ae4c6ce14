import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Jimp } from 'jimp';
import { extract } from 'tar-stream';
import { describe, expect, it } from 'vitest';
import { parseIdx } from '../../src/train/data/idx.js';
import { ganOnnx, temporaryFolder } from '../support/cli.js';

const MAIN = resolve('dist/cli/main.js');
const MODEL = resolve('models/mnist/generator.onnx');
const HEADER = 128;

/** Writes samples to a file, and returns its path. */
async function sampleFile(folder: string, format: string, args: string): Promise<string> {
  const out = join(folder, `samples.${format}`);
  const { code, stderr } = await ganOnnx(
    ['sample', MODEL, '--format', format, '--out', out].concat(args.split(' ')),
  );
  expect(code, stderr).toBe(0);
  return out;
}

describe('gan-onnx sample --out -', () => {
  it.each(['grid', 'npy', 'idx', 'tar'])(
    'writes to stdout what --format %s writes to a file',
    async (format) => {
      const folder = temporaryFolder();
      const args = '--count 300 --start 50 --seed 2 --batch-size 100';
      const file = await sampleFile(folder, format, args);
      const { status, stdout, stderr } = spawnSync(
        process.execPath,
        [MAIN, 'sample', MODEL, '--format', format, '--out', '-', ...args.split(' ')],
        { maxBuffer: 2 ** 24 },
      );
      expect(stderr.toString()).toBe('300/300 samples\n300 samples of seed 2: stdout\n');
      expect(status).toBe(0);
      expect(stdout.equals(readFileSync(file))).toBe(true);
    },
  );

  it('ends quietly when its reader has had enough', async () => {
    const args = ['sample', MODEL, '--format', 'npy', '--count', '1000000', '--out', '-'];
    const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    let stderr = '';
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    child.stdout.once('data', () => child.stdout.destroy());
    expect(await once(child, 'close')).toEqual([141, null]);
    expect(stderr).toBe('');
  });

  it.runIf(existsSync('/dev/full'))('says in one line that a full disk takes no more', () => {
    const args = ['sample', MODEL, '--format', 'npy', '--count', '100', '--out', '-'];
    const full = openSync('/dev/full', 'w');
    const { status, stderr } = spawnSync(process.execPath, [MAIN, ...args], {
      stdio: ['ignore', full, 'pipe'],
    });
    expect(stderr.toString()).toBe(
      'gan-onnx: stdout does not fit on its disk (no space left): send it elsewhere\n',
    );
    expect(status).toBe(1);
  });
});

/** Files of a tar archive by an independent reader, or else by that of the library that wrote it. */
async function untar(archive: string, folder: string): Promise<Record<string, Buffer>> {
  if (spawnSync('tar', ['--version']).status === 0) {
    execFileSync('tar', ['xf', archive, '-C', folder]);
    const names = readdirSync(folder).filter((name) => name.endsWith('.png'));
    return Object.fromEntries(names.map((name) => [name, readFileSync(join(folder, name))]));
  }
  const files: Record<string, Buffer> = {};
  const reader = extract();
  reader.end(readFileSync(archive));
  for await (const entry of reader) {
    const chunks: Buffer[] = [];
    for await (const chunk of entry) chunks.push(chunk as Buffer);
    files[entry.header.name] = Buffer.concat(chunks);
  }
  return files;
}

describe('the formats of gan-onnx sample', () => {
  it('hold the same pixels: IDX, tar and npy', async () => {
    const folder = temporaryFolder();
    const args = '--count 70 --start 3';
    const files = ['npy', 'idx', 'tar'].map((format) => sampleFile(folder, format, args));
    const [npy, idx, tar] = await Promise.all(files);
    const values = new Float32Array(readFileSync(npy!).buffer.slice(HEADER));
    const expected = Uint8Array.from(values, (value) => Math.floor(((value + 1) / 2) * 255 + 0.5));
    const { shape, data } = parseIdx(readFileSync(idx!), 'samples.idx');
    expect(shape).toEqual([70, 28, 28]);
    expect(Buffer.compare(data, expected)).toBe(0);
    const pictures = await untar(tar!, folder);
    expect(Object.keys(pictures).sort()).toEqual(
      Array.from({ length: 70 }, (_, i) => `${String(i + 3).padStart(6, '0')}.png`),
    );
    for (const k of [3, 40, 72]) {
      const { bitmap } = await Jimp.read(pictures[`${String(k).padStart(6, '0')}.png`]!);
      const grey = bitmap.data.filter((_, i) => i % 4 === 0);
      expect(Buffer.compare(grey, expected.subarray((k - 3) * 784, (k - 2) * 784)), String(k)).toBe(0);
    }
  });

  it('of an archive tell nothing of the machine and the moment', async () => {
    const tar = readFileSync(await sampleFile(temporaryFolder(), 'tar', '--count 2'));
    // ustar: mode, uid, gid at 100, size at 124, mtime at 136, type at 156, owner's names at 265 and 297.
    expect(tar.toString('latin1', 0, 10)).toBe('000000.png');
    expect(tar.toString('latin1', 100, 124).replaceAll('\u0000', '|')).toBe('000644 |000000 |000000 |');
    expect(tar.toString('latin1', 136, 148)).toBe('00000000000 ');
    expect(tar.toString('latin1', 156, 157)).toBe('0');
    expect(tar.subarray(265, 329).every((byte) => byte === 0)).toBe(true);
    expect(tar.length % 512).toBe(0);
    expect(tar.subarray(-1024).every((byte) => byte === 0)).toBe(true);
  });
});
