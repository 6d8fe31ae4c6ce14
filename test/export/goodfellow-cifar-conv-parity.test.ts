import { describe, expect, it } from 'vitest';
import { type CifarConvWidths, goodfellowCifarConv } from '../../src/export/goodfellow.js';
import {
  buildStepGraph,
  initialState,
  networkParameters,
  type OptimizerSpec,
} from '../../src/export/index.js';
import { createSessionEngine } from '../../src/train/session-engine.js';
import { hash32, unit } from '../support/hash.js';
import { norm, readGolden, relativeError } from '../support/numbers.js';

interface Measure {
  norm: number;
  stride: number;
  slice: number[];
}

/** Of PyTorch, from the same parameters, batches, latents and masks: see make_goodfellow_cifar_conv.py. */
const golden = readGolden<{
  batch: number;
  latent: number;
  steps: number;
  widths: CifarConvWidths;
  learningRate: number;
  momentum: number;
  halfWidths: number[];
  dLosses: number[];
  gLosses: number[];
  images: Measure;
  moved: Measure[];
}>('goodfellow-cifar-conv.json');

const { batch, latent, steps, widths } = golden;
const STREAMS = { latents: 20_000, pixels: 30_000, masks: 50_000 };
const gan = goodfellowCifarConv({ image: [3, 32, 32], latentSize: latent }, widths);
const parameters = [gan.generator, gan.discriminator].flatMap(networkParameters);
const optimizer: OptimizerSpec = {
  kind: 'sgd',
  learningRate: { kind: 'constant', value: golden.learningRate },
  momentum: { kind: 'constant', value: golden.momentum },
};

function startingState() {
  const state = initialState(gan, 'sgd', 0);
  for (const [k, { name, shape }] of parameters.entries()) {
    const halfWidth = golden.halfWidths[k]!;
    const data = Float32Array.from(state.get(name)!.data, (_, i) => (2 * unit(i, k) - 1) * halfWidth);
    state.set(name, { shape, data });
  }
  return state;
}

/** What step number `run` is fed. */
function inputsOf(run: number, { noise: specs }: ReturnType<typeof buildStepGraph>) {
  const passes = ['fake', 'real'];
  const noise: Record<string, Float32Array | Uint8Array> = {};
  const layers = { fake: 0, real: 0 };
  for (const spec of specs) {
    if (spec.kind === 'latents') {
      const draw = (i: number): number => (2 * unit(i, STREAMS.latents + run) - 1) * Math.sqrt(3);
      noise[spec.name] = Float32Array.from({ length: batch * latent }, (_, i) => draw(i));
    } else {
      const pass = spec.name.split('.')[0] as 'fake' | 'real';
      const stream = STREAMS.masks + 100 * run + 10 * passes.indexOf(pass) + layers[pass]++;
      const kept = (_: unknown, i: number): number => (unit(i, stream) < spec.keep ? 1 : 0);
      noise[spec.name] = Uint8Array.from({ length: batch * spec.features }, kept);
    }
  }
  const real = Uint8Array.from(
    { length: batch * 3 * 32 * 32 },
    (_, i) => hash32(i, STREAMS.pixels + run) >>> 24,
  );
  return { batchSize: batch, noise, real };
}

describe('joint steps of the convolutional CIFAR-10 networks of the 2014 paper, narrowed', () => {
  it('follow PyTorch: losses, images and how far each parameter moved', async () => {
    const graph = buildStepGraph('joint', { gan, optimizer, generatorLoss: 'nonsaturating' });
    const initial = startingState();
    const engine = await createSessionEngine({
      graphs: [graph],
      state: initial,
      image: gan.image,
      threads: 1,
    });
    const results: Awaited<ReturnType<typeof engine.run>>[] = [];
    for (let run = 0; run < steps; run++) {
      results.push(await engine.run('joint', inputsOf(run, graph), { generated: true }));
    }
    const after = await engine.readState();
    await engine.close();

    const metric = (name: string) => results.map(({ metrics }) => (metrics as Record<string, number>)[name]!);
    expect(relativeError(metric('d_loss'), golden.dLosses)).toBeLessThan(1e-5);
    expect(relativeError(metric('g_loss'), golden.gLosses)).toBeLessThan(1e-5);
    const generated = results.at(-1)!.generated!.filter((_, i) => i % golden.images.stride === 0);
    expect(relativeError(generated, golden.images.slice)).toBeLessThan(1e-5);
    for (const [k, { name }] of parameters.entries()) {
      const before = initial.get(name)!.data;
      const moved = Float64Array.from(after.get(name)!.data, (x, i) => x - before[i]!);
      const wanted = golden.moved[k]!;
      const slice = moved.filter((_, i) => i % wanted.stride === 0);
      // Weights of G's second layer are a thousand times what they move by: float32 leaves 7e-5 of that.
      expect(relativeError(slice, wanted.slice), name).toBeLessThan(2e-4);
      expect(relativeError([norm(moved)], [wanted.norm]), name).toBeLessThan(1e-5);
    }
  });
});
