import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { buildGeneratorModel, GANS, initialState, type StateTensor } from '../../src/export/index.js';
import { describeGenerator, Generator } from '../../src/infer/index.js';
import { DATA_TYPES, decodeModel } from '../../src/onnx/index.js';

const origin = { dataset: 'mnist', step: 1, version: '0' };

/** The weights of a generator file, by name. */
function weights(path: string): Map<string, StateTensor> {
  const { initializer = [] } = decodeModel(readFileSync(new URL(path, import.meta.url))).graph!;
  return new Map(
    initializer
      .filter(({ data_type }) => data_type === DATA_TYPES.float32)
      .map(({ name, dims = [], raw_data }) => {
        const data = new Float32Array(Uint8Array.from(raw_data!).buffer);
        return [name!, { shape: dims, data }];
      }),
  );
}

async function images(bytes: Uint8Array): Promise<Float32Array> {
  const generator = await Generator.load(bytes);
  try {
    return (await generator.sample({ count: 256, seed: 1 })).data;
  } finally {
    await generator.release();
  }
}

/** Element types of a model's initialisers by name. */
function storedTypes(bytes: Uint8Array): Map<string, number> {
  const { initializer = [] } = decodeModel(bytes).graph!;
  return new Map(initializer.map(({ name, data_type }) => [name!, data_type!]));
}

describe('a generator in fp16', () => {
  const gan = GANS.mlp({ image: [1, 28, 28], latentSize: 64 });

  it('takes half the bytes and draws what the trained one draws, within 1e-2', async () => {
    const trained = weights('../../models/mnist/generator.onnx');
    const full = buildGeneratorModel(gan, trained, origin);
    const small = buildGeneratorModel(gan, trained, origin, 'fp16');
    expect(small.length / full.length).toBeLessThan(0.51);
    const [expected, found] = [await images(full), await images(small)];
    const worst = found.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i]!)), 0);
    expect(worst).toBeGreaterThan(0);
    expect(worst).toBeLessThan(1e-2);
  });

  it('says its precision in its metadata, and is float32 outside', () => {
    const state = initialState(gan, 'adam', 1);
    const small = describeGenerator(buildGeneratorModel(gan, state, origin, 'fp16'));
    const full = describeGenerator(buildGeneratorModel(gan, state, origin));
    expect(small.metadata.get('gan-onnx.precision')).toBe('fp16');
    expect(full.metadata.get('gan-onnx.precision')).toBe('fp32');
    expect({ ...small, metadata: undefined }).toEqual({ ...full, metadata: undefined });
  });

  it('halves matrices and leaves vectors, and what float16 cannot hold, in float32', () => {
    const state = initialState(gan, 'adam', 1);
    const { data } = state.get('generator.3.weight')!;
    data[5] = 70000;
    // Normalisations are part of the layers before them: layer 3 of the run is layer 2 of the file.
    const types = storedTypes(buildGeneratorModel(gan, state, origin, 'fp16'));
    expect(types.get('generator.0.weight')).toBe(DATA_TYPES.float16);
    expect(types.get('generator.2.weight')).toBe(DATA_TYPES.float32);
    expect(types.get('generator.0.bias')).toBe(DATA_TYPES.float32);
  });
});
