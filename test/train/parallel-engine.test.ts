import { expect, it } from 'vitest';
import {
  buildStepGraph,
  type GanSpec,
  type GanState,
  initialState,
  type OptimizerSpec,
  type StepGraphOptions,
} from '../../src/export/index.js';
import { type Share, shareOf } from '../../src/parallel/shard.js';
import { DEFAULT_CONFIG } from '../../src/train/config.js';
import { datasetInMemory } from '../../src/train/data/dataset.js';
import type { Engine, StepInputs, StepResult } from '../../src/train/engine.js';
import { drawNoise } from '../../src/train/feed.js';
import { createParallelEngine } from '../../src/train/parallel-engine.js';
import { PRESETS } from '../../src/train/presets.js';
import { createSessionEngine } from '../../src/train/session-engine.js';
import { createTrainer } from '../../src/train/trainer.js';
import { UPDATE_SCHEDULES } from '../../src/train/update-schedules.js';
import { uniform } from '../support/hash.js';
import { inProcessGroup } from '../support/in-process-group.js';
import { norm } from '../support/numbers.js';

const threads = 1;
const IMAGE = [1, 4, 4] as const;
const PIXELS = 16;
const BATCH = 12;

/** A small pair without BatchNorm, with maxout and dropout in D. */
const GAN: GanSpec = {
  name: 'small',
  latent: { size: 5, distribution: { kind: 'normal' } },
  image: IMAGE,
  range: [0, 1],
  generator: {
    name: 'generator',
    inputs: 5,
    layers: [
      { kind: 'linear', units: 40 },
      { kind: 'relu' },
      { kind: 'linear', units: PIXELS },
      { kind: 'sigmoid' },
    ],
  },
  discriminator: {
    name: 'discriminator',
    inputs: PIXELS,
    layers: [
      { kind: 'dropout', keep: 0.8 },
      { kind: 'maxout', units: 20, pieces: 3 },
      { kind: 'dropout', keep: 0.5 },
      { kind: 'linear', units: 1 },
    ],
  },
};

const { optimizer: adam } = DEFAULT_CONFIG;
const { optimizer: sgd } = PRESETS['goodfellow-mnist']!.settings;

/** What the joint graph draws; the others draw part of it. */
const { noise: NOISE } = buildStepGraph('joint', {
  gan: GAN,
  optimizer: adam,
  generatorLoss: 'nonsaturating',
});

interface Course {
  results: StepResult[];
  state: GanState;
}

interface Training {
  optimizer: OptimizerSpec;
  order: ReturnType<(typeof UPDATE_SCHEDULES)['joint']>;
  /** Sizes of batches, in turn. */
  batches: readonly number[];
  steps: number;
}

/** Inputs of a run by a process that has a share of the batch. */
function inputs(run: number, size: number, { first, count }: Share): StepInputs {
  const all = Uint8Array.from(uniform(size * PIXELS, 100 + run, 0, 256));
  return {
    batchSize: count,
    whole: { size, first },
    real: all.subarray(first * PIXELS, (first + count) * PIXELS),
    noise: drawNoise(NOISE, { run, batchSize: BATCH, size: count, first, seed: 3 }),
  };
}

async function course(
  { order, batches, steps }: Training,
  engine: Engine,
  share: (size: number) => Share,
): Promise<Course> {
  const results: StepResult[] = [];
  try {
    for (let run = 0; run < steps * order.length; run++) {
      const size = batches[run % batches.length]!;
      const given = inputs(run, size, share(size));
      results.push(await engine.run(order[run % order.length]!, given, { generated: run === 0 }));
    }
    return { results, state: await engine.readState() };
  } finally {
    await engine.close();
  }
}

/** The same training by one process and by several. */
async function both(training: Training, ranks: number): Promise<{ one: Course; several: Course[] }> {
  const { optimizer, order } = training;
  const options: StepGraphOptions = { gan: GAN, optimizer, generatorLoss: 'nonsaturating' };
  const graphs = [...new Set(order)].map((name) => buildStepGraph(name, options));
  const request = { options, graphs, order, image: IMAGE, threads };
  const state = initialState(GAN, optimizer.kind, 1);
  const single = await createSessionEngine({ ...request, state });
  const one = await course(training, single, (size) => ({ first: 0, count: size }));
  const several = await Promise.all(
    inProcessGroup(ranks).map(async (group) => {
      // All begin from rank 0's state.
      const own = group.rank === 0 ? state : initialState(GAN, optimizer.kind, 99);
      const engine = await createParallelEngine({ ...request, state: own, group });
      return course(training, engine, (size) => shareOf(size, group));
    }),
  );
  return { one, several };
}

/** Norm of the difference of two states over the norm of the second: parameters, slots and counters. */
function distance(a: GanState, b: GanState): number {
  const all = (state: GanState, of: (name: string) => ArrayLike<number>) =>
    Math.hypot(...[...state.keys()].map((name) => norm(of(name))));
  const difference = all(b, (name) => {
    const other = a.get(name)!.data;
    return Float64Array.from(b.get(name)!.data, (value, i) => value - other[i]!);
  });
  return difference / all(b, (name) => b.get(name)!.data);
}

const { joint, 'd-first': dFirst } = UPDATE_SCHEDULES;

const CASES: [name: string, ranks: number, training: Training][] = [
  ['Adam', 2, { optimizer: adam, order: joint(1), batches: [12], steps: 50 }],
  ['uneven shares', 4, { optimizer: adam, order: joint(1), batches: [12, 11, 5], steps: 50 }],
  ['fewer samples than processes', 3, { optimizer: adam, order: joint(1), batches: [12, 2, 1], steps: 50 }],
  ['SGD with schedules', 2, { optimizer: sgd!, order: joint(1), batches: [12, 5], steps: 50 }],
  ['two updates of D for each of G', 3, { optimizer: adam, order: dFirst(2), batches: [12], steps: 20 }],
];

for (const [name, ranks, training] of CASES) {
  it(`${ranks} processes train as one: ${name}`, async () => {
    const { one, several } = await both(training, ranks);
    const moved = distance(one.state, initialState(GAN, training.optimizer.kind, 1));
    expect(moved).toBeGreaterThan(0.01);
    for (const { state, results } of several) {
      expect(distance(state, one.state)).toBeLessThan(1e-4);
      for (const [i, { metrics }] of results.entries()) {
        for (const [metric, value] of Object.entries(one.results[i]!.metrics)) {
          expect(metrics[metric as keyof typeof metrics], `${metric} of run ${i}`).toBeCloseTo(value, 5);
        }
      }
      // Each has G's whole batch.
      const [seen, expected] = [results, one.results].map(([first]) => first!.generated!);
      expect(seen!.length).toBe(expected!.length);
      expect(norm(seen!.map((value, i) => value - expected![i]!))).toBeLessThan(1e-5);
    }
  });
}

it('ends all processes after the step in which one of them wants to', async () => {
  const options: StepGraphOptions = { gan: GAN, optimizer: adam, generatorLoss: 'nonsaturating' };
  const order = joint(1);
  const state = initialState(GAN, adam.kind, 1);
  const ends = await Promise.all(
    inProcessGroup(3).map(async (group) => {
      let step = 0;
      let agreed: number | undefined;
      const stop = {
        wanted: () => group.rank === 1 && step >= 2,
        agreed: () => {
          agreed ??= step;
        },
      };
      const engine = await createParallelEngine({
        options,
        graphs: [],
        order,
        image: IMAGE,
        threads,
        state,
        group,
        stop,
      });
      for (; step < 5; step++) await engine.run('joint', inputs(step, BATCH, shareOf(BATCH, group)));
      await engine.close();
      return agreed;
    }),
  );
  expect(ends).toEqual([2, 2, 2]);
});

it('a trainer gives each process its share of every batch, and the noise of those samples', async () => {
  const seen = await Promise.all(
    inProcessGroup(3).map(async (group) => {
      const runs: StepInputs[] = [];
      const trainer = await createTrainer({
        config: { ...DEFAULT_CONFIG, gan: 'mlp', imageSize: 4, latentSize: 3, batchSize: 8 },
        dataset: datasetInMemory(
          { name: 'counted', count: 18, shape: [1, 4, 4], sha256: '' },
          Uint8Array.from({ length: 18 * PIXELS }, (_, i) => Math.floor(i / PIXELS)),
        ),
        engine: async () => ({
          run: async (_, given) => {
            runs.push(given);
            return { metrics: {} };
          },
          readState: async () => new Map(),
          close: async () => {},
        }),
        share: (size) => shareOf(size, group),
      });
      for (let i = 0; i < 3; i++) await trainer.step();
      return runs;
    }),
  );
  const whole = (step: number, of: (given: StepInputs) => ArrayLike<number>) =>
    seen.flatMap((runs) => Array.from(of(runs[step]!)));
  expect(seen.map((runs) => runs.map(({ batchSize }) => batchSize))).toEqual([
    [3, 3, 1],
    [3, 3, 1],
    [2, 2, 0],
  ]);
  const images = [0, 1, 2].flatMap((step) => whole(step, ({ real }) => real!));
  // An epoch has each image once.
  expect(images.filter((_, i) => i % PIXELS === 0).sort((a, b) => a - b)).toEqual([...Array(18).keys()]);
  const latents = { name: 'z', kind: 'latents', size: 3, distribution: { kind: 'normal' } } as const;
  const alone = drawNoise([latents], { run: 1, batchSize: 8, size: 8, seed: DEFAULT_CONFIG.seed });
  expect(whole(1, ({ noise }) => noise.z!)).toEqual(Array.from(alone.z!));
});
