import { describe, expect, it } from 'vitest';
import {
  buildStepGraph,
  type GanSpec,
  type GanState,
  type GeneratorLoss,
  initialState,
  type Layer,
  type NoiseSpec,
  networkParameters,
  type OptimizerSpec,
} from '../../src/export/index.js';
import { createSessionEngine } from '../../src/train/session-engine.js';
import { type ScheduleName, UPDATE_SCHEDULES } from '../../src/train/update-schedules.js';
import { hash32, unit } from '../support/hash.js';
import { norm, readGolden, relativeError } from '../support/numbers.js';

/** A straight transcription of the paper's training in PyTorch: test/golden/make_goodfellow.py. */
const golden = readGolden<{
  steps: number;
  cases: Record<
    string,
    {
      size: { latent: number; hidden: number[]; pixels: number; units: number; halfWidth: number };
      schedule: ScheduleName;
      k: number;
      loss: GeneratorLoss;
      lossSwitchStep?: number;
      dLosses: number[];
      gLosses: number[];
      /** From the first value to the one after the last step: the norm, and every stride-th element. */
      moved: { norm: number; stride: number; slice: number[] }[];
    }
  >;
}>('goodfellow.json');

type Size = (typeof golden.cases)[string]['size'];

const BATCH = 8;
const STREAMS = { latents: 20_000, pixels: 30_000, masks: 50_000 };

function ganOf({ latent, hidden, pixels, units }: Size): GanSpec {
  const side = Math.sqrt(pixels);
  return {
    name: 'golden',
    latent: { size: latent, distribution: { kind: 'uniform', halfWidth: Math.sqrt(3) } },
    image: [1, side, side],
    range: [0, 1],
    generator: {
      name: 'generator',
      inputs: latent,
      layers: [
        ...hidden.flatMap((width): Layer[] => [{ kind: 'linear', units: width }, { kind: 'relu' }]),
        { kind: 'linear', units: pixels },
        { kind: 'sigmoid' },
      ],
    },
    discriminator: {
      name: 'discriminator',
      inputs: pixels,
      layers: [
        { kind: 'dropout', keep: 0.8 },
        { kind: 'maxout', units, pieces: 5 },
        { kind: 'dropout', keep: 0.5 },
        { kind: 'maxout', units, pieces: 5 },
        { kind: 'dropout', keep: 0.5 },
        { kind: 'linear', units: 1 },
      ],
    },
  };
}

const optimizer: OptimizerSpec = {
  kind: 'sgd',
  learningRate: { kind: 'exponential', initial: 0.1, factor: 1 / 1.01, minimum: 0.085 },
  momentum: { kind: 'linearByEpoch', from: 0.5, to: 0.7, epochs: 3, epochSteps: 4 },
};

const parametersOf = ({ generator, discriminator }: GanSpec) =>
  [generator, discriminator].flatMap(networkParameters);

function startingState(gan: GanSpec, weightHalfWidth: number): GanState {
  const state = initialState(gan, 'sgd', 0);
  for (const [k, { name, shape }] of parametersOf(gan).entries()) {
    const halfWidth = shape.length > 1 ? weightHalfWidth : 0.1;
    const data = Float32Array.from(state.get(name)!.data, (_, i) => (2 * unit(i, k) - 1) * halfWidth);
    state.set(name, { shape, data });
  }
  return state;
}

function noiseOf(spec: NoiseSpec, run: number): Float32Array | Uint8Array {
  if (spec.kind === 'latents') {
    const length = BATCH * spec.size;
    return Float32Array.from({ length }, (_, i) => (2 * unit(i, STREAMS.latents + run) - 1) * Math.sqrt(3));
  }
  const [, pass, layer] = /^(fake|real)\.discriminator\.(\d)\.mask$/.exec(spec.name)!;
  const stream = STREAMS.masks + 10 * run + (pass === 'real' ? 3 : 0) + Number(layer) / 2;
  const length = BATCH * spec.features;
  return Uint8Array.from({ length }, (_, i) => (unit(i, stream) < spec.keep ? 1 : 0));
}

const pixelsOf = (run: number, pixels: number): Uint8Array =>
  Uint8Array.from({ length: BATCH * pixels }, (_, i) => hash32(i, STREAMS.pixels + run) >>> 24);

describe('20 steps follow a transcription of the paper in PyTorch', () => {
  it.each(Object.entries(golden.cases))('%s', async (_, expected) => {
    const { schedule, k, loss: generatorLoss, lossSwitchStep, size } = expected;
    const gan = ganOf(size);
    const initial = startingState(gan, size.halfWidth);
    const order = UPDATE_SCHEDULES[schedule](k);
    const options = { gan, optimizer, generatorLoss, ...(lossSwitchStep ? { lossSwitchStep } : {}) };
    const graphs = new Map([...new Set(order)].map((name) => [name, buildStepGraph(name, options)]));
    const engine = await createSessionEngine({
      graphs: [...graphs.values()],
      state: initial,
      image: gan.image,
      threads: 1,
    });
    const losses = { d_loss: [] as number[], g_loss: [] as number[] };
    let run = 0;
    for (let step = 0; step < golden.steps; step++) {
      const metrics: Record<string, number> = {};
      for (const name of order) {
        const { noise: specs, takesBatch } = graphs.get(name)!;
        const noise = Object.fromEntries(specs.map((spec) => [spec.name, noiseOf(spec, run)]));
        const real = takesBatch ? { real: pixelsOf(run, size.pixels) } : {};
        Object.assign(metrics, (await engine.run(name, { batchSize: BATCH, noise, ...real })).metrics);
        run++;
      }
      losses.d_loss.push(metrics.d_loss!);
      losses.g_loss.push(metrics.g_loss!);
    }
    const state = await engine.readState();
    await engine.close();
    expect(relativeError(losses.d_loss, expected.dLosses)).toBeLessThan(1e-5);
    expect(relativeError(losses.g_loss, expected.gLosses)).toBeLessThan(1e-5);
    for (const [i, { name }] of parametersOf(gan).entries()) {
      const [before, after] = [initial, state].map((tensors) => tensors.get(name)!.data);
      const moved = Float64Array.from(after!, (x, j) => x - before![j]!);
      const wanted = expected.moved[i]!;
      const slice = moved.filter((_, j) => j % wanted.stride === 0);
      expect(relativeError(slice, wanted.slice), name).toBeLessThan(2e-4);
      expect(relativeError([norm(moved)], [wanted.norm]), name).toBeLessThan(1e-5);
    }
  });
});
