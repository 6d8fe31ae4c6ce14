import { Jimp } from 'jimp';
import { describe, expect, it } from 'vitest';
import { buildGeneratorModel, GANS, initialState } from '../../src/export/index.js';
import { Generator, sampleLatents } from '../../src/infer/index.js';

const gan = GANS.mlp({ image: [3, 4, 4], latentSize: 5 });
const origin = { dataset: 'none', step: 7, version: '1.2.3' };
const bytes = buildGeneratorModel(gan, initialState(gan, 'adam', 1), origin);

describe('a generator', () => {
  it('describes itself from the metadata of its file', async () => {
    const { description } = await Generator.load(bytes);
    expect(description).toMatchObject({
      input: 'z',
      output: 'image',
      latentSize: 5,
      distribution: { kind: 'normal' },
      image: [3, 4, 4],
    });
    expect(Object.fromEntries(description.metadata)).toMatchObject({
      'gan-onnx.network': 'mlp',
      'gan-onnx.step': '7',
      'gan-onnx.version': '1.2.3',
      'latent.size': '5',
      'image.range': '[-1,1]',
    });
  });

  it('delivers images in [-1, 1] with the latents that made them', async () => {
    const generator = await Generator.load(bytes);
    const { data, latents, shape, count } = await generator.sample({ count: 70, seed: 2, start: 60 });
    expect([count, ...shape]).toEqual([70, 3, 4, 4]);
    expect(data).toHaveLength(70 * 48);
    expect(data.every((value) => value >= -1 && value <= 1)).toBe(true);
    const latent = { size: 5, distribution: { kind: 'normal' } } as const;
    expect(latents).toEqual(sampleLatents(latent, { count: 70, seed: 2, start: 60 }));
    await generator.release();
  });

  it('draws sample k with the same bits alone as among others', async () => {
    const generator = await Generator.load(bytes);
    const all = await generator.sample({ count: 130, seed: 5 });
    for (const [start, count] of [
      [0, 1],
      [77, 1],
      [62, 4],
      [100, 30],
    ] as const) {
      const { data, latents } = await generator.sample({ count, seed: 5, start });
      expect(data).toEqual(all.data.slice(start * 48, (start + count) * 48));
      expect(latents).toEqual(all.latents.slice(start * 5, (start + count) * 5));
    }
    await generator.release();
  });

  it('draws the images of latents, and those between two samples', async () => {
    const generator = await Generator.load(bytes);
    const samples = await generator.sample({ count: 3, seed: 5 });
    expect((await generator.fromLatents(samples.latents)).data).toEqual(samples.data);
    const strip = await generator.interpolate({ from: 0, to: samples.latents.slice(10), steps: 3, seed: 5 });
    expect(strip.data.slice(0, 48)).toEqual(samples.data.slice(0, 48));
    expect(strip.data.slice(96)).toEqual(samples.data.slice(96));
    const [from, to] = [samples.latents.slice(0, 5), samples.latents.slice(10)];
    expect(strip.latents.slice(5, 10)).toEqual(from.map((value, i) => 0.5 * value + 0.5 * to[i]!));
    await generator.release();
  });

  it.each([
    [Float32Array.of(1, 2, 3), 'latents have 3 components: expected a multiple of 5'],
    [new Float32Array(0), 'latents have 0 components'],
    [Float32Array.of(1, 2, 3, 4, Number.NaN), 'latents hold a value that is not finite'],
  ])('refuses latents that are none: %j', async (latents, message) => {
    const generator = await Generator.load(bytes);
    await expect(generator.fromLatents(latents)).rejects.toThrow(message);
    await generator.release();
  });

  it('refuses a way from a latent of another size', async () => {
    const generator = await Generator.load(bytes);
    const half = { from: new Float32Array(2), to: new Float32Array(2), steps: 5 };
    await expect(generator.interpolate(half)).rejects.toThrow('a latent has 2 components: expected 5');
    await generator.release();
  });

  it('gives every image, and all of them, as PNG', async () => {
    const generator = await Generator.load(bytes);
    const samples = await generator.sample({ count: 3, seed: 5 });
    const { bitmap } = await Jimp.read(await samples.image(2));
    expect([bitmap.width, bitmap.height]).toEqual([4, 4]);
    const red = Array.from({ length: 16 }, (_, i) => bitmap.data[4 * i]);
    expect(red).toEqual([...samples.data.slice(96, 112)].map((v) => Math.floor(((v + 1) / 2) * 255 + 0.5)));
    expect((await Jimp.read(await samples.grid({ columns: 2, padding: 0 }))).bitmap).toMatchObject({
      width: 8,
      height: 8,
    });
    expect(() => samples.image(3)).toThrow('image 3 is not among 3 samples: expected 0 to 2');
    await generator.release();
  });

  it.each([
    [{ count: 0 }, 'count is 0'],
    [{ count: 1.5 }, 'count is 1.5'],
    [{ count: 1, start: -3 }, 'start is -3'],
    [{ count: 1, start: 0.5 }, 'start is 0.5'],
    [{ count: 1, seed: -1 }, 'seed is -1'],
    [{ count: 1, start: Number.MAX_SAFE_INTEGER }, 'start is 9007199254740991'],
  ])('refuses samples that do not exist: %j', async (request, message) => {
    const generator = await Generator.load(bytes);
    await expect(generator.sample(request)).rejects.toThrow(message);
    await generator.release();
  });
});
