import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Jimp } from 'jimp';
import { describe, expect, it } from 'vitest';
import { ganOnnx, temporaryFolder } from '../support/cli.js';

const MODEL = 'models/mnist/generator.onnx';

/** Levels of the 28 x 28 pixels at (x, y) of a picture. */
async function tile(path: string, x: number, y: number): Promise<number[]> {
  const { bitmap } = await Jimp.read(path);
  return Array.from({ length: 784 }, (_, i) => {
    const at = (y + Math.floor(i / 28)) * bitmap.width + x + (i % 28);
    return bitmap.data[4 * at]!;
  });
}

describe('gan-onnx interpolate', () => {
  it('draws a strip that begins and ends with the two samples', async () => {
    const folder = temporaryFolder();
    const [strip, grid] = [join(folder, 'strip.png'), join(folder, 'grid.png')];
    const way = ['--from', '2', '--to', '5', '--seed', '1', '--steps', '7'];
    const { code, stdout } = await ganOnnx(['interpolate', MODEL, ...way, '--out', strip]);
    expect([code, stdout]).toEqual([0, `7 images from sample 2 to sample 5 of seed 1: ${strip}\n`]);
    await ganOnnx(['sample', MODEL, '--count', '6', '--seed', '1', '--out', grid]);
    const at = (column: number): number => 2 + 30 * column;
    expect(await tile(strip, at(0), 2)).toEqual(await tile(grid, at(2), 2));
    expect(await tile(strip, at(6), 2)).toEqual(await tile(grid, at(5), 2));
    expect(await tile(strip, at(3), 2)).not.toEqual(await tile(grid, at(2), 2));
  });

  it('draws an animation, enlarged and there and back', async () => {
    const out = join(temporaryFolder(), 'way.gif');
    const flags = ['--steps', '4', '--fps', '10', '--back', '--scale', '2', '--mode', 'spherical'];
    expect((await ganOnnx(['interpolate', MODEL, ...flags, '--out', out])).code).toBe(0);
    const { bitmap } = await Jimp.read(out);
    expect([bitmap.width, bitmap.height]).toEqual([56, 56]);
  });

  it('takes the generators of other tools', async () => {
    const out = join(temporaryFolder(), 'strip.png');
    const model = 'test/golden/pytorch-convolutional.onnx';
    const flags = ['--output', 'picture', '--range', '0,1', '--steps', '3'];
    expect(await ganOnnx(['interpolate', model, ...flags, '--out', out])).toMatchObject({ code: 0 });
    expect((await Jimp.read(out)).bitmap).toMatchObject({ width: 32, height: 12 });
  });

  it.each([
    [['--out', 'way.jpg'], 1, /--out way\.jpg: expected a name that ends with \.png or \.gif/],
    [['--steps', '1'], 1, /--steps 1: expected a whole number of at least 2/],
    [
      ['--steps', '10000', '--scale', '64'],
      1,
      /expected at most 67108864: use fewer --steps or a smaller --scale/,
    ],
    [['--mode', 'cubic'], 2, /Allowed choices are linear, spherical/],
    [['--range', '0'], 1, /--range 0: expected the values of black and of white, such as 0,1/],
    [
      ['--range', '1,0'],
      1,
      /range is \[1,0\]: expected two numbers, \[black, white\], the first below the second/,
    ],
  ])('refuses %j and writes nothing', async (flags, code, message) => {
    const folder = temporaryFolder();
    const model = join(process.cwd(), MODEL);
    const result = await ganOnnx(['interpolate', model, ...flags], { cwd: folder });
    expect(result.stderr).toMatch(message);
    expect(result.code).toBe(code);
    expect(result.stderr).not.toContain('unexpected error');
    expect(readdirSync(folder)).toEqual([]);
  });
});
