/**
 * gan.py's training at full size by this project's step graph, held against `test/golden/gan-parity.json`, which is
 * PyTorch's from the same parameters, batches and latents.
 */

import {
  buildStepGraph,
  GANS,
  type GanState,
  initialState,
  type Metric,
  type StateTensor,
  type StepGraphOptions,
} from '../../src/export/index.js';
import { createSessionEngine } from '../../src/train/session-engine.js';
import type { EngineRequest } from '../../src/train/trainer.js';
import { hash32, unit } from './hash.js';
import { largest, norm, readGolden, relativeError } from './numbers.js';

interface Measure {
  norm: number;
  slice: number[];
}

export interface Results {
  steps: { gLoss: number; dLoss: number; dReal: number; dFake: number }[];
  after: Record<
    string,
    {
      parameters: Record<string, Measure & { moved: number }>;
      running: Record<string, { mean: Measure; var: Measure; meanMinusBias: Measure }>;
    }
  >;
}

export interface ParityGolden {
  batch: number;
  latent: number;
  image: [number, number, number];
  adam: { lr: number; beta1: number; beta2: number; epsilon: number };
  inputs: {
    hash32: { i: number; s: number; value: number }[];
    pixels: { step: number; first: number[]; sum: number }[];
    latents: ({ step: number } & Measure)[];
  };
  parameters: {
    name: string;
    k: number;
    layer: string;
    shape: number[];
    fanIn: number | null;
    /** A bias in front of BatchNorm: its gradient is rounding noise. */
    zeroGradient: boolean;
    initial: number[];
  }[];
  float32: Results;
  float64: Results;
}

export const PARITY = readGolden<ParityGolden>('gan-parity.json');

const PIXELS = PARITY.image.reduce((a, b) => a * b, 1);

/** Batch of step `t`, uint8. */
export function pixels(t: number): Uint8Array {
  return Uint8Array.from({ length: PARITY.batch * PIXELS }, (_, i) => hash32(i, 1000 + t) >>> 24);
}

/** Latents of step `t`, float32. */
export function latents(t: number): Float32Array {
  const length = PARITY.batch * PARITY.latent;
  return Float32Array.from(
    { length },
    (_, i) => (unit(i, 18400 + 2 * t) + unit(i, 18401 + 2 * t) - 1) * Math.sqrt(6),
  );
}

/** This project's name of a parameter of the golden: G.model.3.weight is generator.3.weight. */
export function ourName(name: string): string {
  return name.replace(/^G\.model/, 'generator').replace(/^D\.model/, 'discriminator');
}

/** The golden's initial state: hashed values in Linear layers, 1 and 0 in BatchNorm. */
export function parityState(gan: StepGraphOptions['gan']): GanState {
  const state = initialState(gan, 'adam', 0);
  for (const { name, k, fanIn, shape, layer } of PARITY.parameters) {
    const tensor = state.get(ourName(name));
    if (String(tensor?.shape) !== String(shape))
      throw new Error(`${ourName(name)} is not of shape [${shape}]`);
    if (layer !== 'linear') continue;
    const data = Float32Array.from(tensor!.data, (_, i) => (2 * unit(i, k) - 1) / Math.sqrt(fanIn!));
    state.set(ourName(name), { shape, data });
  }
  return state;
}

let made: GanState | undefined;

/** The same, made once: three million hashes take a while. */
function initialParityState(gan: StepGraphOptions['gan']): GanState {
  made ??= parityState(gan);
  return made;
}

/** Largest relative differences from PyTorch seen, by what was compared. */
export type Worst = Record<
  'metrics' | 'norm' | 'slice' | 'moved' | 'runningMeanMinusBias' | 'runningVariance',
  number
>;

/** 16 evenly spaced elements, as the golden has them. */
function slice16(data: ArrayLike<number>): number[] {
  const count = Math.min(16, data.length);
  const stride = Math.floor(data.length / count);
  return Array.from({ length: count }, (_, i) => data[i * stride]!);
}

function difference(a: StateTensor, b: StateTensor): Float64Array {
  return Float64Array.from(a.data, (x, i) => x - b.data[i]!);
}

/** What trains: a step on the whole batch, and the state after it. */
interface Training {
  step(t: number): Promise<Partial<Record<Metric, number>>>;
  readState(): Promise<GanState>;
  close(): Promise<void>;
}

/** The same engine as everywhere, of one process. */
async function trainAlone(request: EngineRequest): Promise<Training> {
  const engine = await createSessionEngine({ ...request, threads: 1 });
  return {
    async step(t) {
      const inputs = { batchSize: PARITY.batch, real: pixels(t), noise: { z: latents(t) } };
      return (await engine.run('joint', inputs)).metrics;
    },
    readState: () => engine.readState(),
    close: () => engine.close(),
  };
}

/** Trains `steps` joint steps and measures how far each quantity is from PyTorch in `precision`, or from other results of it. */
export async function comparePytorch(
  steps: number,
  options: {
    precision?: 'float32' | 'float64';
    golden?: Results;
    train?: (request: EngineRequest) => Promise<Training>;
  } = {},
): Promise<Worst> {
  const { precision = 'float64', golden = PARITY[precision], train = trainAlone } = options;
  const gan = GANS['pytorch-gan']({ image: PARITY.image, latentSize: PARITY.latent });
  const { lr, beta1, beta2, epsilon } = PARITY.adam;
  const stepOptions: StepGraphOptions = {
    gan,
    optimizer: {
      kind: 'adam',
      learningRate: { kind: 'constant', value: lr },
      b1: beta1,
      b2: beta2,
      eps: epsilon,
    },
    generatorLoss: 'nonsaturating',
  };
  const initial = initialParityState(gan);
  const engine = await train({
    options: stepOptions,
    graphs: [buildStepGraph('joint', stepOptions)],
    order: ['joint'],
    state: initial,
    image: PARITY.image,
  });
  const worst: Worst = {
    metrics: 0,
    norm: 0,
    slice: 0,
    moved: 0,
    runningMeanMinusBias: 0,
    runningVariance: 0,
  };
  const note = (key: keyof Worst, error: number): void => {
    if (!(error <= worst[key])) worst[key] = error;
  };
  try {
    for (let t = 0; t < steps; t++) {
      const metrics = await engine.step(t);
      const { gLoss, dLoss, dReal, dFake } = golden.steps[t]!;
      note('metrics', relativeError([metrics.g_loss!], [gLoss]));
      note('metrics', relativeError([metrics.d_loss!], [dLoss]));
      note('metrics', relativeError([metrics.d_real!], [dReal]));
      note('metrics', relativeError([metrics.d_fake!], [dFake]));
      const after = golden.after[t + 1];
      if (after === undefined) continue;

      const state = await engine.readState();
      for (const { name, zeroGradient } of PARITY.parameters) {
        if (zeroGradient) continue;
        const tensor = state.get(ourName(name))!;
        const expected = after.parameters[name]!;
        const moved = difference(tensor, initial.get(ourName(name))!);
        note('norm', relativeError([norm(tensor.data)], [expected.norm]));
        note('slice', relativeError(slice16(tensor.data), expected.slice));
        note('moved', relativeError([norm(moved)], [expected.moved]));
      }
      for (const [name, { mean, var: variance, meanMinusBias }] of Object.entries(after.running)) {
        const layer = ourName(name);
        const bias = layer.replace(/\d+$/, (index) => String(Number(index) - 1));
        const centre = difference(state.get(`${layer}.running_mean`)!, state.get(`${bias}.bias`)!);
        const running = state.get(`${layer}.running_var`)!.data;
        // Where mean and bias nearly cancel, the size of the mean is the scale of what rounding leaves.
        const scale = largest(mean.slice);
        note('runningMeanMinusBias', relativeError(slice16(centre), meanMinusBias.slice, scale));
        note('runningVariance', relativeError(slice16(running), variance.slice));
        note('runningVariance', relativeError([norm(running)], [variance.norm]));
      }
    }
  } finally {
    await engine.close();
  }
  return worst;
}
