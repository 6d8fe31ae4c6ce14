import { describe, expect, it } from 'vitest';
import {
  discriminatorLoss,
  GENERATOR_LOSSES,
  type GeneratorLoss,
  Graph,
  gradients,
  type Value,
} from '../../src/export/index.js';
import { uniform } from '../support/hash.js';
import { relativeError } from '../support/numbers.js';
import { runGraph } from '../support/run-graph.js';

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
const mean = (values: ArrayLike<number>, f: (x: number) => number): number =>
  Array.from(values, f).reduce((a, b) => a + b) / values.length;

/** A loss of logits and its gradient. */
async function evaluate(loss: (logits: Value) => Value, data: ArrayLike<number>) {
  const graph = new Graph('loss');
  const logits = graph.input('logits', 'float32', ['N', 1]);
  const value = loss(logits);
  expect(value.shape).toEqual([]);
  graph.output('loss', value);
  graph.output('slope', gradients(value, [logits])[0]!);
  const { loss: out, slope } = await runGraph(graph, { logits: { shape: [data.length, 1], data } });
  return { loss: out!.data[0]!, slope: slope!.data };
}

const TEXTBOOK: Record<GeneratorLoss, { loss: (l: number) => number; slope: (l: number) => number }> = {
  nonsaturating: { loss: (l) => -Math.log(sigmoid(l)), slope: (l) => sigmoid(l) - 1 },
  minimax: { loss: (l) => Math.log(1 - sigmoid(l)), slope: (l) => -sigmoid(l) },
};

/** Where the losses and their slopes go for logits of -1000 and 1000. */
const LIMITS: Record<GeneratorLoss, { loss: [number, number]; slope: [number, number] }> = {
  nonsaturating: { loss: [1000, 0], slope: [-1, 0] },
  minimax: { loss: [0, -1000], slope: [0, -1] },
};

describe.each(Object.keys(GENERATOR_LOSSES) as GeneratorLoss[])('the %s loss of the generator', (name) => {
  it('is the textbook formula for moderate logits, and so is its gradient', async () => {
    const logits = uniform(50, 1, -8, 8);
    const { loss, slope } = await evaluate(GENERATOR_LOSSES[name], logits);
    expect(loss).toBeCloseTo(mean(logits, TEXTBOOK[name].loss), 5);
    const expected = logits.map((l) => TEXTBOOK[name].slope(l) / logits.length);
    expect(relativeError(slope, expected)).toBeLessThan(1e-6);
  });

  it.each([
    [-1000, 0],
    [1000, 1],
  ] as const)('neither overflows nor loses its gradient for logits of %s', async (logit, i) => {
    const { loss, slope } = await evaluate(GENERATOR_LOSSES[name], [logit]);
    expect(loss).toBeCloseTo(LIMITS[name].loss[i], 5);
    expect(slope[0]).toBeCloseTo(LIMITS[name].slope[i], 6);
  });
});

describe('the loss of the discriminator', () => {
  const real = (logits: Value) =>
    discriminatorLoss(logits, logits.graph.constant('c', 'float32', [1, 1], Float32Array.of(0)));
  const fake = (logits: Value) =>
    discriminatorLoss(logits.graph.constant('c', 'float32', [1, 1], Float32Array.of(0)), logits);
  const HALF = Math.LN2 / 2;

  it('is the mean of the cross-entropies of real and generated', async () => {
    const logits = uniform(50, 2, -8, 8);
    const expectedReal = mean(logits, (l) => -Math.log(sigmoid(l))) / 2 + HALF;
    const expectedFake = mean(logits, (l) => -Math.log(1 - sigmoid(l))) / 2 + HALF;
    const [onReal, onFake] = [await evaluate(real, logits), await evaluate(fake, logits)];
    expect(onReal.loss).toBeCloseTo(expectedReal, 5);
    expect(onFake.loss).toBeCloseTo(expectedFake, 5);
    expect(
      relativeError(
        onReal.slope,
        logits.map((l) => (sigmoid(l) - 1) / 100),
      ),
    ).toBeLessThan(1e-6);
    expect(
      relativeError(
        onFake.slope,
        logits.map((l) => sigmoid(l) / 100),
      ),
    ).toBeLessThan(1e-6);
  });

  it.each([
    ['real', real, -1000, 500 + HALF, -0.5],
    ['real', real, 1000, HALF, 0],
    ['fake', fake, -1000, HALF, 0],
    ['fake', fake, 1000, 500 + HALF, 0.5],
  ] as const)('neither overflows nor loses its gradient: %s', async (_, loss, logit, expected, slope) => {
    const result = await evaluate(loss, [logit]);
    expect(result.loss).toBeCloseTo(expected, 4);
    expect(result.slope[0]).toBeCloseTo(slope, 6);
  });
});
