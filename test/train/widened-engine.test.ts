import { describe, expect, it } from 'vitest';
import {
  buildStepGraph,
  GANS,
  initialState,
  type OptimizerSpec,
  resizedState,
} from '../../src/export/index.js';
import type { Engine } from '../../src/train/engine.js';
import { drawNoise } from '../../src/train/feed.js';
import { createSessionEngine } from '../../src/train/index.js';
import type { EngineRequest } from '../../src/train/trainer.js';
import { createWidened } from '../../src/train/widened-engine.js';
import { hash32 } from '../support/hash.js';
import { relativeError, sameBits } from '../support/numbers.js';
import { ADAM, SGD } from '../support/optimizers.js';

const IMAGE = [1, 8, 8] as const;
const BATCH = 16;

function requestOf(optimizer: OptimizerSpec): EngineRequest {
  const gan = GANS['pytorch-gan']({ image: IMAGE, latentSize: 8 });
  const options = { gan, optimizer, generatorLoss: 'nonsaturating' } as const;
  return {
    options,
    graphs: [buildStepGraph('joint', options)],
    order: ['joint'],
    state: initialState(gan, optimizer.kind, 1),
    image: IMAGE,
  };
}

/** Five steps; gives the losses of each. */
async function train(engine: Engine, { graphs: [graph] }: EngineRequest): Promise<number[]> {
  const losses: number[] = [];
  for (let step = 0; step < 5; step++) {
    const real = Uint8Array.from({ length: BATCH * 64 }, (_, i) => hash32(i, step) >>> 24);
    const noise = drawNoise(graph!.noise, { run: step, batchSize: BATCH, size: BATCH, seed: 1 });
    const { metrics } = await engine.run('joint', { batchSize: BATCH, noise, real });
    losses.push(metrics.d_loss!, metrics.g_loss!);
  }
  return losses;
}

describe.each([
  ['adam', ADAM],
  ['sgd', SGD],
])('an engine on widened networks, with %s', (_name, optimizer) => {
  const request = requestOf(optimizer);

  it('trains as one on the networks themselves, whose state is what it takes and gives', async () => {
    const engines = [await createSessionEngine(request), await createWidened(request, createSessionEngine)];
    const [own, wide] = [await train(engines[0]!, request), await train(engines[1]!, request)];
    expect(relativeError(wide, own)).toBeLessThan(1e-6);
    const states = [await engines[0]!.readState(), await engines[1]!.readState()];
    for (const [name, { shape, data }] of states[0]!) {
      expect(states[1]!.get(name)!.shape, name).toEqual(shape);
      // What is rounding alone, such as gradients of biases before BatchNorm, Adam divides by its own size.
      const isBeforeNorm = /^generator\.(2|5|8)\.bias/.test(name);
      if (!isBeforeNorm)
        expect(relativeError(states[1]!.get(name)!.data, data, 0.1), name).toBeLessThan(1e-4);
    }
    for (const engine of engines) await engine.close();
  });

  it('leaves the units beside them at zero', async () => {
    let inner: Engine | undefined;
    const engine = await createWidened(request, async (wide) => {
      inner = await createSessionEngine(wide);
      return inner;
    });
    await train(engine, request);
    const [state, narrow] = [await inner!.readState(), await engine.readState()];
    await engine.close();
    const { gan } = request.options;
    for (const [name, { data }] of resizedState(gan, optimizer.kind, state)) {
      expect(sameBits(narrow.get(name)!.data, data), name).toBe(true);
    }
    for (const [name, { shape, data }] of state) {
      if (shape.at(-1) === 1040) {
        const isBeside = (i: number): boolean => i % 1040 >= 1024;
        expect(
          Array.from(data).filter((x, i) => isBeside(i) && x !== 0),
          name,
        ).toEqual([]);
      } else if (shape[0] === 1040) {
        expect(
          data.subarray(1024 * shape[1]!).every((x) => x === 0),
          name,
        ).toBe(true);
      }
    }
  });
});
