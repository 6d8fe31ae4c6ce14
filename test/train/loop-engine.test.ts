import * as ort from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import {
  buildStepGraph,
  GANS,
  type GanName,
  type GanState,
  initialState,
  type OptimizerSpec,
  type StateTensor,
  type StepGraphName,
} from '../../src/export/index.js';
import type { Engine, StepInputs } from '../../src/train/engine.js';
import { drawNoise } from '../../src/train/feed.js';
import { createSessionEngine } from '../../src/train/index.js';
import { createLoopEngine, type LoopEngine, type StepMetrics } from '../../src/train/loop-engine.js';
import { hash32 } from '../support/hash.js';
import { sameBits } from '../support/numbers.js';
import { ADAM, SGD } from '../support/optimizers.js';

const IMAGE = [1, 8, 8] as const;
const BATCH = 16;
const STEPS = 7;

/** One way to train: networks, optimiser and the order of a step; engines for it, and what they are fed. */
function setUp(name: GanName, optimizer: OptimizerSpec, order: readonly StepGraphName[], threads = 1) {
  const gan = GANS[name]({ image: IMAGE, latentSize: 8 });
  const options = { gan, optimizer, generatorLoss: 'nonsaturating' } as const;
  const graphs = [...new Set(order)].map((graph) => buildStepGraph(graph, options));
  const state = initialState(gan, optimizer.kind, 1);
  const common = { graphs, state, image: IMAGE, threads };
  /** Inputs of run i of step s. */
  const inputs = (s: number, i: number, batchSize = BATCH): StepInputs => {
    const { noise, takesBatch } = graphs.find((graph) => graph.name === order[i])!;
    const run = s * order.length + i;
    const real = Uint8Array.from({ length: batchSize * 64 }, (_, k) => hash32(k, run) >>> 24);
    return {
      batchSize,
      noise: drawNoise(noise, { run, batchSize, size: batchSize, seed: 1 }),
      ...(takesBatch ? { real } : {}),
    };
  };
  return {
    order,
    state,
    inputs,
    single: () => createSessionEngine(common),
    looped: (given: GanState = state, preallocated = true, unrolled = 1) =>
      createLoopEngine({ ...common, state: given, ort, order, options, preallocated, unrolled }),
  };
}

type Training = ReturnType<typeof setUp>;

/** Runs step s graph by graph, as the trainer does. */
async function runStep(engine: Engine, { order, inputs }: Training, s: number): Promise<StepMetrics> {
  const metrics: StepMetrics = {};
  for (const [i, name] of order.entries()) {
    Object.assign(metrics, (await engine.run(name, inputs(s, i))).metrics);
  }
  return metrics;
}

/** Runs steps `first` to `first + count - 1` in one call. */
function runLoop(engine: LoopEngine, { order, inputs }: Training, first: number, count: number) {
  return engine.runMany(
    Array.from({ length: count }, (_, k) => order.map((_name, i) => inputs(first + k, i))),
  );
}

async function finish(engine: Engine): Promise<GanState> {
  const end = await engine.readState();
  await engine.close();
  return end;
}

/** What single steps on the session engine come to. */
async function singleSteps(training: Training): Promise<{ metrics: StepMetrics[]; end: GanState }> {
  const engine = await training.single();
  const metrics = [];
  for (let s = 0; s < STEPS; s++) metrics.push(await runStep(engine, training, s));
  return { metrics, end: await finish(engine) };
}

/** Every bit, NaN and the sign of zero included. */
function sameTensor(a: StateTensor | undefined, b: StateTensor): boolean {
  return a !== undefined && String(a.shape) === String(b.shape) && sameBits(a.data, b.data);
}

function expectSameState(actual: GanState, expected: GanState): void {
  expect([...actual.keys()].sort()).toEqual([...expected.keys()].sort());
  const different = [...expected].filter(([name, tensor]) => !sameTensor(actual.get(name), tensor));
  expect(different.map(([name]) => name)).toEqual([]);
}

const D_TWICE: StepGraphName[] = ['discriminator', 'discriminator', 'generator'];

describe.each<[string, GanName, OptimizerSpec, StepGraphName[], number]>([
  ['the joint step with adam', 'pytorch-gan', ADAM, ['joint'], 1],
  ['the joint step with sgd and schedules', 'pytorch-gan', SGD, ['joint'], 1],
  ['D twice, then G, with dropout', 'mlp', ADAM, D_TWICE, 1],
  ['G, then D, with dropout, sgd and schedules', 'mlp', SGD, ['generator', 'discriminator'], 1],
  ["dcgan's joint step", 'dcgan', ADAM, ['joint'], 1],
  ["dcgan, whose D has running statistics that G's step moves too", 'dcgan', ADAM, D_TWICE, 1],
  ['the joint step on two threads', 'pytorch-gan', ADAM, ['joint'], 2],
])('%s', (_name, gan, optimizer, order, threads) => {
  const training = setUp(gan, optimizer, order, threads);

  it.each([
    [1, [3, 3, 1]],
    [2, [5, 2]],
    [3, [6, 1]],
  ])(
    'is the same to the bit in a loop of %i steps as in single steps: metrics and state',
    async (unrolled, calls) => {
      const single = await singleSteps(training);
      const engine = await training.looped(training.state, true, unrolled);
      const metrics: StepMetrics[] = [];
      for (const count of calls) metrics.push(...(await runLoop(engine, training, metrics.length, count)));
      expect(metrics).toEqual(single.metrics);
      const end = await finish(engine);
      expectSameState(end, single.end);
      const weight = 'generator.0.weight';
      expect(sameTensor(end.get(weight), training.state.get(weight)!)).toBe(false);
    },
  );

  it('may mix single steps with loops, in any order', async () => {
    const single = await singleSteps(training);
    const engine = await training.looped();
    const metrics = [await runStep(engine, training, 0)];
    metrics.push(...(await runLoop(engine, training, 1, 2)));
    metrics.push(await runStep(engine, training, 3), await runStep(engine, training, 4));
    metrics.push(...(await runLoop(engine, training, 5, 2)));
    expect(metrics).toEqual(single.metrics);
    expectSameState(await finish(engine), single.end);
  });
});

describe('the loop engine', () => {
  const training = setUp('mlp', ADAM, D_TWICE);
  const { state, inputs, order } = training;
  const step = (s: number, batchSize = BATCH): StepInputs[] => order.map((_, i) => inputs(s, i, batchSize));

  it('takes batches of another size from call to call', async () => {
    const single = await training.single();
    for (const [s, size] of [BATCH, 5].entries()) {
      for (const [i, name] of order.entries()) await single.run(name, inputs(s, i, size));
    }
    const engine = await training.looped();
    await engine.runMany([step(0)]);
    await engine.runMany([step(1, 5)]);
    expectSameState(await finish(engine), await finish(single));
  });

  it('refuses batches of different sizes in one call, and steps with too few or too many runs', async () => {
    const engine = await training.looped();
    await expect(engine.runMany([step(0), step(1, 5)])).rejects.toThrow(
      new RangeError('loop engine: batches of 16, 5 in one call, expected one size'),
    );
    await expect(engine.runMany([[...step(0).slice(0, 2), inputs(0, 2, 5)]])).rejects.toThrow(RangeError);
    await expect(engine.runMany([step(0), step(1).slice(1)])).rejects.toThrow(
      new RangeError(
        'loop engine: step 1 has inputs for 2 runs, expected 3 (discriminator, discriminator, generator)',
      ),
    );
    await expect(engine.runMany([[...step(0), inputs(0, 2)]])).rejects.toThrow(RangeError);
    const narrow = step(1).map((given) => ({
      ...given,
      noise: { ...given.noise, z: new Float32Array(BATCH) },
    }));
    await expect(engine.runMany([step(0), narrow])).rejects.toThrow(
      new RangeError('loop engine: inputs of [16,8] and [16,1] cannot be stacked'),
    );
    expectSameState(await finish(engine), state);
  });

  it('does nothing for no steps', async () => {
    const engine = await training.looped();
    expect(await engine.runMany([])).toEqual([]);
    expectSameState(await finish(engine), state);
  });

  it('brings back pictures and metrics of a single step as they are asked for', async () => {
    const [single, engine] = [await training.single(), await training.looped()];
    for (const wants of [{ generated: true }, { generated: true, metrics: true }]) {
      const expected = await single.run('discriminator', inputs(0, 0), wants);
      expect(await engine.run('discriminator', inputs(0, 0), wants)).toEqual(expected);
      expect(expected.generated).toHaveLength(BATCH * 64);
    }
    expect(await engine.run('generator', inputs(0, 2), { generated: false, metrics: false })).toEqual({
      metrics: {},
    });
    await single.close();
    await engine.close();
  });

  it('never writes to the state that it was given, nor to one that was read', async () => {
    const before = new Map(
      [...state].map(([name, { shape, data }]) => [name, { shape, data: data.slice() }]),
    );
    const engine = await training.looped();
    const first = await engine.readState();
    await engine.runMany([step(0), step(1)]);
    await engine.runMany([step(2)]);
    await engine.close();
    expectSameState(first, state);
    expectSameState(state, before);
  });

  it('refuses a state that lacks a tensor, and a graph that was not loaded', async () => {
    const partial = new Map(state);
    partial.delete('generator.0.weight');
    await expect(training.looped(partial)).rejects.toThrow(
      'loop engine: the state has no tensor generator.0.weight',
    );
    const engine = await training.looped();
    await expect(engine.run('joint', inputs(0, 0))).rejects.toThrow(
      'loop engine: no step graph joint was loaded',
    );
    await engine.close();
  });
});

describe('a loop engine whose runs bring memory of their own, as onnxruntime-web does', () => {
  it('ends where one does that gives them memory, whatever its calls are', async () => {
    const training = setUp('mlp', ADAM, D_TWICE);
    const engine = await training.looped(training.state, false);
    const metrics = [...(await runLoop(engine, training, 0, 3)), await runStep(engine, training, 3)];
    metrics.push(...(await runLoop(engine, training, 4, STEPS - 4)));
    const { metrics: expected, end } = await singleSteps(training);
    expect(metrics).toEqual(expected);
    expectSameState(await finish(engine), end);
  });
});
