import { describe, expect, it } from 'vitest';
import {
  buildGeneratorModel,
  buildStepGraph,
  GANS,
  type GanSpec,
  type GanState,
  initialState,
  type Layer,
  type OptimizerSpec,
  type StepGraphName,
  type StepGraphOptions,
} from '../../src/export/index.js';
import { decodeModel, modelMetadata } from '../../src/onnx/index.js';
import type { StepInputs } from '../../src/train/engine.js';
import { createSessionEngine } from '../../src/train/session-engine.js';
import { hash32, uniform, unit } from '../support/hash.js';
import { largest, relativeError } from '../support/numbers.js';
import { runGraph } from '../support/run-graph.js';

const IMAGE = [1, 4, 4] as const;
const BATCH = 5;
const ALL: StepGraphName[] = ['joint', 'discriminator', 'generator'];

const adam: Extract<OptimizerSpec, { kind: 'adam' }> = {
  kind: 'adam',
  learningRate: { kind: 'constant', value: 5e-3 },
  b1: 0.5,
  b2: 0.999,
  eps: 1e-8,
};
const sgd: OptimizerSpec = {
  kind: 'sgd',
  learningRate: { kind: 'constant', value: 0.3 },
  momentum: { kind: 'constant', value: 0.5 },
};

const normal: Layer = { kind: 'batchNorm', eps: 0.8, momentum: 0.1 };
/** gan.py's shape in small: BatchNorm in G, pixels in [-1, 1]. */
const small: GanSpec = {
  name: 'small',
  latent: { size: 3, distribution: { kind: 'normal' } },
  image: IMAGE,
  range: [-1, 1],
  generator: {
    name: 'generator',
    inputs: 3,
    layers: [{ kind: 'linear', units: 8 }, normal, { kind: 'linear', units: 16 }, { kind: 'tanh' }],
  },
  discriminator: {
    name: 'discriminator',
    inputs: 16,
    layers: [
      { kind: 'linear', units: 8 },
      { kind: 'leakyRelu', slope: 0.2 },
      { kind: 'linear', units: 1 },
    ],
  },
};

/** goodfellow-mnist's in small: maxout and dropout in D, pixels in [0, 1]. */
const maxout: GanSpec = {
  name: 'maxout',
  latent: { size: 3, distribution: { kind: 'uniform', halfWidth: Math.sqrt(3) } },
  image: IMAGE,
  range: [0, 1],
  generator: {
    name: 'generator',
    inputs: 3,
    layers: [
      { kind: 'linear', units: 8 },
      { kind: 'relu' },
      { kind: 'linear', units: 16 },
      { kind: 'sigmoid' },
    ],
  },
  discriminator: {
    name: 'discriminator',
    inputs: 16,
    layers: [
      { kind: 'dropout', keep: 0.8 },
      { kind: 'maxout', units: 6, pieces: 5 },
      { kind: 'dropout', keep: 0.5 },
      { kind: 'linear', units: 1 },
    ],
  },
};

const options = (gan: GanSpec, optimizer: OptimizerSpec = adam): StepGraphOptions => ({
  gan,
  optimizer,
  generatorLoss: 'nonsaturating',
});

const masksOf = new Map(
  [small, maxout].map((gan) => {
    const noise = ALL.flatMap((name) => buildStepGraph(name, options(gan)).noise);
    return [gan, noise.filter((spec) => spec.kind === 'mask')];
  }),
);

/** Random inputs for any of the graphs of `gan`: batch, latents and masks number `t`. */
function inputsFor(gan: GanSpec, t: number): StepInputs {
  const noise: Record<string, Float32Array | Uint8Array> = {
    z: Float32Array.from(uniform(BATCH * gan.latent.size, 50 + t)),
  };
  for (const [k, { name, keep, features }] of masksOf.get(gan)!.entries()) {
    const stream = 1000 + 100 * t + k;
    noise[name] = Uint8Array.from({ length: BATCH * features }, (_, i) => (unit(i, stream) < keep ? 1 : 0));
  }
  const real = Uint8Array.from({ length: BATCH * 16 }, (_, i) => hash32(i, t) >>> 24);
  return { batchSize: BATCH, real, noise };
}

interface RunOptions {
  optimizer?: OptimizerSpec;
  state?: GanState;
  /** Feeds the same inputs in every step. */
  same?: boolean;
}

/** Runs step graphs one after the other from a state. */
async function run(
  gan: GanSpec,
  steps: readonly StepGraphName[],
  { optimizer = adam, state = initialState(gan, optimizer.kind, 1), same = false }: RunOptions = {},
) {
  const graphs = [...new Set(steps)].map((name) => buildStepGraph(name, options(gan, optimizer)));
  const engine = await createSessionEngine({ graphs, state, image: IMAGE, threads: 1 });
  const results = [];
  for (const [t, name] of steps.entries()) {
    results.push(await engine.run(name, inputsFor(gan, same ? 0 : t), { generated: true }));
  }
  const after: GanState = new Map([...state, ...(await engine.readState())]);
  await engine.close();
  return { results, before: state, after };
}

const changed = (before: GanState, after: GanState): string[] =>
  [...before]
    .filter(([name, { data }]) => String(data) !== String(after.get(name)!.data))
    .map(([name]) => name);

describe('what a step graph reads and writes', () => {
  it.each([small, maxout])('$name: every output it writes is an input it reads', (gan) => {
    for (const name of ALL) {
      const graph = buildStepGraph(name, options(gan));
      const model = decodeModel(graph.bytes).graph!;
      const inputs = model.input!.map((value) => value.name);
      const real = graph.takesBatch ? ['real'] : [];
      const expected = [...graph.reads.map((s) => s.name), ...graph.noise.map((n) => n.name), ...real];
      expect(inputs.sort()).toEqual(expected.sort());
      const outputs = [...graph.writes.map((s) => `${s.name}.next`), ...graph.metrics, graph.generated];
      expect(model.output!.map((value) => value.name).sort()).toEqual(outputs.sort());
      const reads = graph.reads.map((spec) => spec.name);
      for (const spec of graph.writes) expect(reads).toContain(spec.name);
    }
  });

  it('the discriminator step writes nothing of G, and reads only its parameters', () => {
    const graph = buildStepGraph('discriminator', options(small));
    expect(graph.writes.every((spec) => spec.network === 'discriminator')).toBe(true);
    const ofG = graph.reads.filter((spec) => spec.network === 'generator');
    expect(ofG.every((spec) => spec.role === 'parameter')).toBe(true);
    expect(graph.metrics).toEqual(['d_loss', 'd_real', 'd_fake']);
    expect(graph.takesBatch).toBe(true);
  });

  it('the generator step writes nothing of D, and takes no batch', () => {
    const graph = buildStepGraph('generator', options(small));
    expect(graph.writes.every((spec) => spec.network === 'generator')).toBe(true);
    expect(graph.metrics).toEqual(['g_loss']);
    expect(graph.takesBatch).toBe(false);
  });

  it('the two objectives of the joint step share the masks of the generated batch', () => {
    const masks = buildStepGraph('joint', options(maxout)).noise.filter((spec) => spec.kind === 'mask');
    expect(masks.map(({ name }) => name).sort()).toEqual(
      ['fake', 'real'].flatMap((pass) => [0, 2].map((layer) => `${pass}.discriminator.${layer}.mask`)),
    );
  });

  it('the joint step runs D on the generated batch once', () => {
    const { graph } = decodeModel(buildStepGraph('joint', options(small)).bytes);
    const products = graph!.node!.filter((node) => node.op_type === 'Gemm');
    // Forward: 2 of G, 2 of D on each batch. Backward: 2 weights of G and 1 input; 2 x 2 weights of D, its inner input
    // on each batch and, on the way to G, both inputs for each objective that is not the same up to a factor.
    expect(products.length).toBeLessThanOrEqual(6 + 3 + 4 + 2 + 2);
  });
});

describe('the discriminator step', () => {
  it('moves every parameter of D, its slots and its counter, and leaves G', async () => {
    const { before, after } = await run(small, ['discriminator']);
    const expected = [...before.keys()].filter((name) => name.startsWith('discriminator'));
    expect(changed(before, after)).toEqual(expected);
    expect(after.get('discriminator.step')!.data[0]).toBe(1);
  });
});

describe('the generator step', () => {
  it('moves every parameter of G, its running statistics, slots and counter, and leaves D', async () => {
    const { before, after } = await run(small, ['generator']);
    const expected = [...before.keys()].filter((name) => name.startsWith('generator'));
    // The bias in front of BatchNorm has no gradient but rounding.
    const noise = /^generator\.0\.bias/;
    expect(changed(before, after).filter((name) => !noise.test(name))).toEqual(
      expected.filter((name) => !noise.test(name)),
    );
    expect(after.get('generator.step')!.data[0]).toBe(1);
  });
});

describe('the joint step', () => {
  /** Largest difference over the state of both networks, leaving out the biases in front of BatchNorm. */
  const distance = (a: GanState, b: GanState): number =>
    Math.max(
      ...[...a]
        .filter(([name]) => !/^generator\.0\.bias/.test(name))
        .map(([name, { data }]) => largest(Float64Array.from(data, (v, i) => v - b.get(name)!.data[i]!))),
    );

  it('is both other steps from one state: neither update sees the other', async () => {
    const joint = await run(small, ['joint']);
    const d = await run(small, ['discriminator']);
    const g = await run(small, ['generator']);
    const both: GanState = new Map(
      [...joint.after.keys()].map((name) => [name, (name.startsWith('d') ? d : g).after.get(name)!]),
    );
    expect(distance(joint.after, both)).toBeLessThan(1e-6);
    const { metrics } = joint.results[0]!;
    expect(metrics.d_loss).toBeCloseTo(d.results[0]!.metrics.d_loss!, 6);
    expect(metrics.g_loss).toBeCloseTo(g.results[0]!.metrics.g_loss!, 6);
  });

  it('differs from D first and from G first, where the second update sees the first', async () => {
    const joint = await run(small, ['joint']);
    const dFirst = await run(small, ['discriminator', 'generator'], { same: true });
    const gFirst = await run(small, ['generator', 'discriminator'], { same: true });
    for (const other of [dFirst, gFirst]) expect(distance(joint.after, other.after)).toBeGreaterThan(1e-5);
    // Whoever is first moves as in the joint step.
    const only = (state: GanState, network: string): GanState =>
      new Map([...state].filter(([name]) => name.startsWith(network)));
    expect(distance(only(joint.after, 'discriminator'), dFirst.after)).toBeLessThan(1e-6);
    expect(distance(only(joint.after, 'generator'), gFirst.after)).toBeLessThan(1e-6);
    expect(distance(only(joint.after, 'generator'), dFirst.after)).toBeGreaterThan(1e-5);
    expect(distance(only(joint.after, 'discriminator'), gFirst.after)).toBeGreaterThan(1e-5);
  });

  it('delivers the batch that G made before its update', async () => {
    const joint = await run(small, ['joint']);
    const d = await run(small, ['discriminator']);
    expect([...joint.results[0]!.generated!]).toEqual([...d.results[0]!.generated!]);
    const next = await run(small, ['joint'], { state: joint.after });
    expect([...next.results[0]!.generated!]).not.toEqual([...joint.results[0]!.generated!]);
  });

  it('reports the mean of D over each batch, and losses that fit it', async () => {
    // A discriminator that says 0.5 to everything.
    const state = initialState(small, 'adam', 1);
    for (const [name, { data }] of state) if (name.startsWith('discriminator.2')) data.fill(0);
    const { metrics } = (await run(small, ['joint'], { state })).results[0]!;
    expect(metrics.d_real).toBeCloseTo(0.5, 6);
    expect(metrics.d_fake).toBeCloseTo(0.5, 6);
    expect(metrics.d_loss).toBeCloseTo(Math.LN2, 6);
    expect(metrics.g_loss).toBeCloseTo(Math.LN2, 6);
  });

  it.each([
    ['small', 'adam', small, adam],
    ['small', 'sgd', small, sgd],
    ['maxout', 'adam', maxout, adam],
    ['maxout', 'sgd', maxout, sgd],
  ] as const)(
    '%s trains with %s: 60 steps on one batch teach D to tell it from G, and G to pass',
    async (_, __, gan, optimizer) => {
      const { results } = await run(gan, Array(60).fill('discriminator'), { optimizer, same: true });
      expect(results.at(-1)!.metrics.d_loss!).toBeLessThan(0.95 * results[0]!.metrics.d_loss!);
      const g = await run(gan, Array(60).fill('generator'), { optimizer, same: true });
      expect(g.results.at(-1)!.metrics.g_loss!).toBeLessThan(0.97 * g.results[0]!.metrics.g_loss!);
    },
  );
});

describe('a pair with maxout, dropout and pixels in [0, 1]', () => {
  it.each(ALL)('takes three %s steps with finite losses and moves every parameter', async (name) => {
    const { results, before, after } = await run(maxout, [name, name, name], { optimizer: sgd });
    for (const { metrics } of results) {
      for (const value of Object.values(metrics)) expect(Number.isFinite(value)).toBe(true);
    }
    const moved = changed(before, after);
    const networks = name === 'joint' ? ['generator', 'discriminator'] : [name];
    for (const network of networks) {
      const parameters = [...before.keys()].filter((key) => key.startsWith(network));
      expect(moved.filter((key) => key.startsWith(network))).toEqual(parameters);
      expect(after.get(`${network}.step`)!.data[0]).toBe(3);
    }
  });

  it('shows its images in [-1, 1] while D sees them in [0, 1]', async () => {
    const state = initialState(maxout, 'adam', 1);
    // G's last layer saturates: black and white pixels in turn.
    state.get('generator.2.bias')!.data.forEach((_, i, bias) => {
      bias[i] = i % 2 === 0 ? -100 : 100;
    });
    const { results } = await run(maxout, ['joint'], { state });
    expect([...results[0]!.generated!.slice(0, 4)]).toEqual([-1, 1, -1, 1]);
  });
});

describe('generator.onnx', () => {
  const origin = { dataset: 'digits', step: 12, version: '0.0.0' };

  it.each([small, maxout])('of $name delivers images in [-1, 1] for any number of latents', async (gan) => {
    const bytes = buildGeneratorModel(gan, initialState(gan, 'adam', 3), origin);
    for (const n of [1, 4]) {
      const { image } = await runGraph(bytes, { z: { shape: [n, 3], data: uniform(3 * n, 9, -50, 50) } });
      expect(image!.shape).toEqual([n, ...IMAGE]);
      expect(Math.min(...image!.data)).toBeGreaterThanOrEqual(-1);
      expect(Math.max(...image!.data)).toBeLessThanOrEqual(1);
      expect(Math.min(...image!.data)).toBeLessThan(-0.2);
    }
  });

  it('normalises by running statistics: an image does not depend on its batch', async () => {
    const { after } = await run(small, ['joint', 'joint']);
    const bytes = buildGeneratorModel(small, after, origin);
    const data = uniform(12, 9);
    const { image: all } = await runGraph(bytes, { z: { shape: [4, 3], data } });
    const { image: one } = await runGraph(bytes, { z: { shape: [1, 3], data: data.subarray(6, 9) } });
    expect(relativeError(one!.data, all!.data.subarray(32, 48))).toBeLessThan(1e-6);
  });

  it('says in its metadata how to sample from it', () => {
    const metadata = modelMetadata(
      decodeModel(buildGeneratorModel(maxout, initialState(maxout, 'adam', 3), origin)),
    );
    expect(JSON.parse(metadata.get('latent.distribution')!)).toEqual({
      kind: 'uniform',
      halfWidth: Math.sqrt(3),
    });
    expect(metadata.get('latent.size')).toBe('3');
    expect(metadata.get('image.range')).toBe('[-1,1]');
    expect(metadata.get('gan-onnx.dataset')).toBe('digits');
    expect(metadata.get('gan-onnx.step')).toBe('12');
  });

  it('is refused while a parameter is missing, by its name', () => {
    const state = initialState(small, 'adam', 3);
    state.delete('generator.1.running_var');
    expect(() => buildGeneratorModel(small, state, origin)).toThrow(
      'no value for parameter generator.1.running_var',
    );
  });
});

describe('the pair pytorch-gan', () => {
  it('has the parameters of gan.py, counted', () => {
    const gan = GANS['pytorch-gan']({ image: [1, 28, 28], latentSize: 100 });
    const graph = buildStepGraph('joint', options(gan));
    const count = (network: string) =>
      graph.writes
        .filter((spec) => spec.network === network && spec.role === 'parameter')
        .reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
    expect([count('generator'), count('discriminator')]).toEqual([1_510_032, 533_505]);
  });
});
