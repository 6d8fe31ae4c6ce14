import { describe, expect, it } from 'vitest';
import { buildGeneratorModel, GANS, initialState } from '../../src/export/index.js';
import { loadGenerator, sampleLatents } from '../../src/infer/index.js';

const gan = GANS.mlp({ image: [3, 4, 4], latentSize: 5 });
const origin = { dataset: 'none', step: 7, version: '1.2.3' };
const bytes = buildGeneratorModel(gan, initialState(gan, 'adam', 1), origin);

describe('a generator', () => {
  it('describes itself from the metadata of its file', async () => {
    const { description } = await loadGenerator(bytes);
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
    const generator = await loadGenerator(bytes);
    const { data, latents, shape, count } = await generator.sample({ count: 70, seed: 2, start: 60 });
    expect([count, ...shape]).toEqual([70, 3, 4, 4]);
    expect(data).toHaveLength(70 * 48);
    expect(data.every((value) => value >= -1 && value <= 1)).toBe(true);
    const latent = { size: 5, distribution: { kind: 'normal' } } as const;
    expect(latents).toEqual(sampleLatents(latent, { count: 70, seed: 2, start: 60 }));
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
    const generator = await loadGenerator(bytes);
    await expect(generator.sample(request)).rejects.toThrow(message);
    await generator.release();
  });
});
