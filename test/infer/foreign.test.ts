import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Generator, InvalidModelError } from '../../src/infer/index.js';

/** What test/golden/make_pytorch_generators.py left: models that PyTorch exported, and what PyTorch draws. */
const golden = (name: string): string => new URL(`../golden/${name}`, import.meta.url).href;
interface Drawn {
  latents: number[];
  images: number[];
}
const { convolutional, channelsLast } = JSON.parse(
  readFileSync(new URL('../golden/pytorch-generators.json', import.meta.url), 'utf8'),
) as { convolutional: Drawn; channelsLast: Drawn };

/** Channels last to planes, for images of 4 x 6 x 3. */
function planes(values: readonly number[]): number[] {
  const image = 4 * 6 * 3;
  return values.map((_, i) => {
    const [n, within] = [Math.floor(i / image), i % image];
    const [c, p] = [Math.floor(within / 24), within % 24];
    return values[n * image + p * 3 + c]!;
  });
}

function furthest(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length);
  return Array.from(a).reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);
}

describe('a generator that PyTorch exported', () => {
  it('draws what PyTorch draws, with two options: which output, and the range of its pixels', async () => {
    const generator = await Generator.load(golden('pytorch-convolutional.onnx'), {
      output: 'picture',
      range: [0, 1],
    });
    expect(generator.description).toMatchObject({
      input: 'noise',
      latentShape: [6, 1, 1],
      image: [3, 8, 8],
      fixedBatch: false,
    });
    const { data, count } = await generator.fromLatents(Float32Array.from(convolutional.latents));
    expect(count).toBe(3);
    const expected = convolutional.images.map((value) => 2 * value - 1);
    expect(furthest(data, expected)).toBeLessThan(1e-5);
    await generator.release();
  });

  it('may put channels last and take one latent at a time', async () => {
    const generator = await Generator.load(golden('pytorch-channels-last.onnx'));
    expect(generator.description).toMatchObject({
      image: [3, 4, 6],
      layout: 'NHWC',
      batch: 1,
      fixedBatch: true,
    });
    const { data } = await generator.fromLatents(Float32Array.from(channelsLast.latents));
    expect(furthest(data, planes(channelsLast.images))).toBeLessThan(1e-5);
    const [all, last] = [
      await generator.sample({ count: 5, seed: 3 }),
      await generator.sample({ count: 1, seed: 3, start: 4 }),
    ];
    expect(last.data).toEqual(all.data.slice(4 * 72));
    await generator.release();
  });

  it.each([
    [{}, 'not a generator: it has 2 outputs, expected one (picture, features): option output names the one'],
    [{ output: 'image' }, 'it has no output image: its outputs are picture, features'],
    [
      { output: 'features' },
      'not a usable generator: images of 8 x 4 x 4, expected 1 or 3 channels of pixels',
    ],
    [{ output: 'picture', input: 'z' }, 'it has no input z: its inputs are noise'],
    [{ output: 'picture', shape: [3, 4, 16] }, 'its images are [3,8,8], and option shape says [3,4,16]'],
  ] as const)('is refused with what the options should say: %j', async (options, message) => {
    const load = Generator.load(golden('pytorch-convolutional.onnx'), options);
    await expect(load).rejects.toThrow(InvalidModelError);
    await expect(load).rejects.toThrow(message);
  });

  it.each([
    [{ range: [1, 0] }, 'range is [1,0]: expected two numbers, [black, white], the first below the second'],
    [{ layout: 'HWC' }, 'layout is "HWC": expected one of NCHW, NHWC'],
    [{ shape: [2, 4, 4] }, 'shape is [2,4,4]: expected [channels, height, width] with 1 or 3 channels'],
    [{ device: 'wasm' }, 'device is wasm: expected one of cpu, webgpu, cuda, auto'],
  ])('does not take an option that is impossible: %j', async (options, message) => {
    const load = Generator.load(golden('pytorch-convolutional.onnx'), options as never);
    await expect(load).rejects.toThrow(RangeError);
    await expect(load).rejects.toThrow(message);
  });
});
