import { describe, expect, it } from 'vitest';
import { buildStepGraph, GANS, type GanState, initialState, type StepGraph } from '../../src/export/index.js';
import { drawNoise } from '../../src/train/feed.js';
import { createSessionEngine } from '../../src/train/index.js';
import { hash32 } from '../support/hash.js';
import { sameBits } from '../support/numbers.js';
import { ADAM, SGD } from '../support/optimizers.js';

const IMAGE = [1, 8, 8] as const;
const BATCH = 16;

/** State after a few steps of all given graphs, run in order. */
async function train(graphs: readonly StepGraph[], state: GanState, steps: number): Promise<GanState> {
  const engine = await createSessionEngine({ graphs, state, image: IMAGE, threads: 2 });
  for (let step = 0; step < steps; step++) {
    for (const graph of graphs) {
      const real = Uint8Array.from({ length: BATCH * 64 }, (_, i) => hash32(i, step) >>> 24);
      const noise = drawNoise(graph.noise, { run: step, batchSize: BATCH, size: BATCH, seed: 1 });
      await engine.run(graph.name, { batchSize: BATCH, noise, ...(graph.takesBatch ? { real } : {}) });
    }
  }
  const end = await engine.readState();
  await engine.close();
  return end;
}

describe.each([
  ['adam', ADAM],
  ['sgd', SGD],
])('the session engine with %s', (_, optimizer) => {
  const gan = GANS['pytorch-gan']({ image: IMAGE, latentSize: 8 });
  const state = initialState(gan, optimizer.kind, 1);
  const build = (name: 'joint' | 'discriminator' | 'generator') =>
    buildStepGraph(name, { gan, optimizer, generatorLoss: 'nonsaturating' });

  it.each([
    ['joint', [build('joint')]],
    ['d-first', [build('discriminator'), build('generator')]],
  ])('writes state in place without a difference of one bit (%s)', async (_name, graphs) => {
    const inPlace = graphs.flatMap((graph) => [...graph.inPlace]);
    // All large tensors are updated in place: nothing of a weight's size is held twice.
    for (const graph of graphs) {
      for (const { name, shape } of graph.writes) {
        if (shape.length === 2 && shape[0]! * shape[1]! > 2 ** 14)
          expect(graph.inPlace.has(name), name).toBe(true);
      }
    }
    expect(inPlace.length).toBeGreaterThan(20);
    const copying = graphs.map((graph) => ({ ...graph, inPlace: new Set<string>() }));
    const [shared, separate] = [await train(graphs, state, 6), await train(copying, state, 6)];
    for (const [name, { data }] of separate) {
      expect(sameBits(shared.get(name)!.data, data), name).toBe(true);
    }
    expect(shared.get('generator.0.weight')!.data).not.toEqual(state.get('generator.0.weight')!.data);
  });

  it('never writes to the state that it was given', async () => {
    const before = new Map([...state].map(([name, { data }]) => [name, data.slice()]));
    await train([build('joint')], state, 2);
    for (const [name, { data }] of state) expect(sameBits(data, before.get(name)!), name).toBe(true);
  });

  it('counts the updates of both networks', async () => {
    const end = await train([build('joint')], state, 3);
    expect(end.get('generator.step')!.data[0]).toBe(3);
    expect(end.get('discriminator.step')!.data[0]).toBe(3);
  });

  it('refuses a state that lacks a tensor', async () => {
    const partial = new Map(state);
    partial.delete('generator.2.weight');
    await expect(
      createSessionEngine({ graphs: [build('joint')], state: partial, image: IMAGE }),
    ).rejects.toThrow('session engine: the state has no tensor generator.2.weight');
  });
});
