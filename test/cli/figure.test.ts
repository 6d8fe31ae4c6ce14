import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Jimp } from 'jimp';
import { describe, expect, it } from 'vitest';
import { ganOnnx, idxFile, temporaryFolder } from '../support/cli.js';

const MODEL = 'models/mnist/generator.onnx';
const TILE = 784;

/** Levels of the 28 x 28 pixels at (x, y) of a picture. */
async function tile(path: string, x: number, y: number): Promise<number[]> {
  const { bitmap } = await Jimp.read(path);
  return Array.from({ length: TILE }, (_, i) => {
    const at = (y + Math.floor(i / 28)) * bitmap.width + x + (i % 28);
    return bitmap.data[4 * at]!;
  });
}

/** An MNIST-like folder of these images. */
function mnistFolder(images: readonly (readonly number[])[]): string {
  const folder = temporaryFolder();
  const bytes = Uint8Array.from(images.flat());
  writeFileSync(join(folder, 'train-images-idx3-ubyte'), idxFile([images.length, 28, 28], bytes));
  writeFileSync(
    join(folder, 'train-labels-idx1-ubyte'),
    idxFile([images.length], new Uint8Array(images.length)),
  );
  return folder;
}

describe('gan-onnx figure 2', () => {
  it('has the nearest training image beside the last sample of each row, in a frame', async () => {
    const folder = temporaryFolder();
    const [grid, out] = [join(folder, 'grid.png'), join(folder, 'figure.png')];
    await ganOnnx(['sample', MODEL, '--count', '6', '--columns', '3', '--seed', '3', '--out', grid]);
    const sample = (i: number) => tile(grid, 2 + 30 * (i % 3), 2 + 30 * Math.floor(i / 3));
    // Near the last of the second row, the first of the first row, the last of the first row, and black.
    const darker = (image: number[]) => image.map((level) => Math.max(0, level - 9));
    const data = [
      darker(await sample(5)),
      await sample(0),
      darker(await sample(2)),
      new Array<number>(TILE).fill(0),
    ];
    const flags = ['--rows', '2', '--columns', '3', '--seed', '3', '--scale', '1', '--out', out];
    const { code, stdout } = await ganOnnx(['figure', '2', MODEL, '--data-dir', mnistFolder(data), ...flags]);
    expect([code, stdout]).toEqual([0, `nearest of 4 training images: 2, 0\n6 samples of seed 3: ${out}\n`]);
    const { bitmap } = await Jimp.read(out);
    expect([bitmap.width, bitmap.height]).toEqual([3 + 4 * 31, 3 + 2 * 31]);
    expect(await tile(out, 3 + 31, 3)).toEqual(await sample(1));
    expect(await tile(out, 3 + 2 * 31, 3 + 31)).toEqual(await sample(5));
    expect(await tile(out, 3 + 3 * 31, 3)).toEqual(data[2]);
    expect(await tile(out, 3 + 3 * 31, 3 + 31)).toEqual(data[0]);
    const corner = (2 * bitmap.width + 2 + 3 * 31) * 4;
    expect([...bitmap.data.subarray(corner, corner + 3)]).toEqual([255, 221, 0]);
  });
});

describe('gan-onnx figure 3', () => {
  it('has a row for each pair, which begins and ends with its samples', async () => {
    const folder = temporaryFolder();
    const [grid, out] = [join(folder, 'grid.png'), join(folder, 'figure.png')];
    await ganOnnx(['sample', MODEL, '--count', '8', '--columns', '8', '--seed', '1', '--out', grid]);
    const sample = (i: number) => tile(grid, 2 + 30 * i, 2);
    const flags = ['--pairs', '7:2,4:0', '--steps', '5', '--seed', '1', '--scale', '1', '--out', out];
    const { code, stdout } = await ganOnnx(['figure', '3', MODEL, ...flags]);
    expect([code, stdout]).toEqual([0, `5 images on each way, samples 7 to 2, 4 to 0 of seed 1: ${out}\n`]);
    const ends = [
      [0, 0, 7],
      [4, 0, 2],
      [0, 1, 4],
      [4, 1, 0],
    ] as const;
    for (const [column, row, number] of ends) {
      expect(await tile(out, 2 + 30 * column, 2 + 30 * row)).toEqual(await sample(number));
    }
    expect(await tile(out, 2 + 60, 2)).not.toEqual(await sample(7));
  });

  it('is what interpolate draws, for one pair', async () => {
    const folder = temporaryFolder();
    const [figure, strip] = [join(folder, 'figure.png'), join(folder, 'strip.png')];
    const flags = ['--steps', '4', '--mode', 'spherical', '--scale', '3'];
    await ganOnnx(['figure', '3', MODEL, '--pairs', '5:6', ...flags, '--out', figure]);
    await ganOnnx(['interpolate', MODEL, '--from', '5', '--to', '6', ...flags, '--out', strip]);
    const [a, b] = await Promise.all([figure, strip].map(async (path) => (await Jimp.read(path)).bitmap));
    expect(a!.width).toBe(3 * (2 + 4 * 30));
    expect(a!.data.equals(b!.data)).toBe(true);
  });
});

describe('gan-onnx figure', () => {
  it.each([
    [['2', '--data-dir', '.'], 1, /the data folder \. lacks train-images-idx3-ubyte/],
    [['2', '--out', 'figure.gif'], 1, /--out figure\.gif: expected a name that ends with \.png/],
    [['2', '--rows', '999', '--columns', '99'], 1, /use fewer --rows, fewer --columns or a smaller --scale/],
    [
      ['2', '--dataset', 'digits', '--data-dir', '.'],
      1,
      /--data-dir \.: dataset digits is not made of files/,
    ],
    [['2', '--dataset', 'faces'], 2, /Allowed choices are digits, mnist/],
    [['3', '--pairs', '0-1'], 1, /--pairs 0-1: expected at most 1000 pairs of numbers of samples, such as/],
    [['3', '--steps', '9999', '--scale', '64'], 1, /use fewer --steps, fewer --pairs or a smaller --scale/],
    [['7'], 2, /unknown command '7'/],
    [[], 2, /Commands:/],
  ])('refuses %j and writes nothing', async (words, code, message) => {
    const folder = temporaryFolder();
    const model = words.length === 0 ? [] : [join(process.cwd(), MODEL)];
    const result = await ganOnnx(['figure', ...words.slice(0, 1), ...model, ...words.slice(1)], {
      cwd: folder,
    });
    expect(result.stderr).toMatch(message);
    expect([result.code, result.stdout]).toEqual([code, '']);
    expect(result.stderr).not.toContain('unexpected error');
    expect(readdirSync(folder)).toEqual([]);
  });

  it('replaces a figure only when it is told to', async () => {
    const out = join(temporaryFolder(), 'figure.png');
    writeFileSync(out, 'mine');
    const run = (...flags: string[]) => ganOnnx(['figure', '3', MODEL, '--out', out, ...flags]);
    expect(await run()).toMatchObject({ code: 1, stderr: expect.stringContaining('already exists') });
    expect(await run('--force')).toMatchObject({ code: 0 });
  });
});
