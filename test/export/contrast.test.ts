import { describe, expect, it } from 'vitest';
import { HostInputs } from '../../src/export/host-inputs.js';
import { buildGeneratorModel, type GanSpec, Graph, initialState } from '../../src/export/index.js';
import { Generator } from '../../src/infer/index.js';
import { hash32 } from '../support/hash.js';
import { relativeError } from '../support/numbers.js';
import { runGraph } from '../support/run-graph.js';

const PIXELS = 12;

const gan: GanSpec = {
  name: 'contrast',
  latent: { size: 3, distribution: { kind: 'normal' } },
  image: [3, 2, 2],
  range: [-1, 1],
  contrastNorm: 55,
  generator: { name: 'generator', inputs: 3, layers: [{ kind: 'linear', units: PIXELS }] },
  discriminator: { name: 'discriminator', inputs: PIXELS, layers: [{ kind: 'linear', units: 1 }] },
};

describe('global contrast normalisation', () => {
  it('takes the mean off each image and gives the rest a norm; an image of one colour becomes zeros', async () => {
    const graph = new Graph('real');
    graph.output('x', new HostInputs(graph, gan).real());
    const bytes = Array.from({ length: 3 * PIXELS }, (_, i) => (i < 2 * PIXELS ? hash32(i, 1) >>> 24 : 200));
    const { x } = await runGraph(graph, { real: { shape: [3, 3, 2, 2], data: bytes } });
    const expected = [0, 1, 2].flatMap((image) => {
      const own = bytes.slice(image * PIXELS, (image + 1) * PIXELS);
      const mean = own.reduce((a, b) => a + b, 0) / PIXELS;
      const length = Math.hypot(...own.map((byte) => byte - mean));
      return own.map((byte) => (length === 0 ? 0 : (55 * (byte - mean)) / length));
    });
    expect(relativeError(x!.data, expected)).toBeLessThan(1e-6);
    expect([...x!.data.subarray(2 * PIXELS)]).toEqual(Array(PIXELS).fill(0));
  });

  it('makes images of what G delivers: each by its own largest magnitude, so that generator.onnx stays in [-1, 1]', async () => {
    const state = initialState(gan, 'sgd', 4);
    const bytes = buildGeneratorModel(gan, state, { dataset: 'none', step: 0, version: '0' });
    const generator = await Generator.load(bytes);
    const latents = Float32Array.of(1, -2, 3, -30, 5, 11);
    const { data } = await generator.fromLatents(latents);
    await generator.release();
    const [weight, bias] = ['weight', 'bias'].map((name) => state.get(`generator.0.${name}`)!.data);
    const expected = [0, 1].flatMap((sample) => {
      const z = latents.subarray(sample * 3, sample * 3 + 3);
      const flat = Array.from({ length: PIXELS }, (_, i) =>
        z.reduce((sum, value, k) => sum + value * weight![i * 3 + k]!, bias![i]!),
      );
      const largest = Math.max(...flat.map(Math.abs));
      return flat.map((value) => value / largest);
    });
    expect(relativeError(data, expected)).toBeLessThan(1e-6);
  });
});
