import { describe, expect, it } from 'vitest';
import {
  Graph,
  type OptimizerSpec,
  optimizerSlotScales,
  optimizerSlots,
  optimizerStep,
  type Schedule,
  scheduleValue,
} from '../../src/export/index.js';
import { uniform, unit } from '../support/hash.js';
import { relativeError } from '../support/numbers.js';
import { openGraph } from '../support/run-graph.js';

const COUNT = 40;

interface State {
  parameter: Float64Array;
  slots: Float64Array[];
}

type Dtype = 'float32' | 'float64';

/** Runs updates of an optimiser in a graph, from zeros and update number `first` on; gives all states. */
async function runUpdates(
  spec: OptimizerSpec,
  gradients: readonly Float64Array[],
  dtype: Dtype,
  first: number,
) {
  const graph = new Graph('update');
  const names = optimizerSlots(spec.kind);
  const scales = optimizerSlotScales(spec);
  const { gradientScale, update } = optimizerStep(spec, graph.input('step', dtype, []));
  const [parameter, gradient, ...slots] = ['parameter', 'gradient', ...names].map((name) =>
    graph.input(name, dtype, [COUNT]),
  );
  const next = update(parameter!, gradient!.mul(gradientScale), slots);
  graph.output('parameter.next', next.parameter);
  for (const [i, name] of names.entries()) graph.output(`${name}.next`, next.slots[i]!);

  const open = await openGraph(graph);
  const shape = [COUNT];
  let state: State = { parameter: new Float64Array(COUNT), slots: names.map(() => new Float64Array(COUNT)) };
  const states: State[] = [];
  for (const [t, data] of gradients.entries()) {
    const results = await open.run({
      parameter: { shape, data: state.parameter },
      gradient: { shape, data },
      step: { shape: [], data: [first + t] },
      ...Object.fromEntries(names.map((name, i) => [name, { shape, data: state.slots[i]! }])),
    });
    state = {
      parameter: results['parameter.next']!.data,
      slots: names.map((name) => results[`${name}.next`]!.data),
    };
    // As the textbook quantities that the slots stand for.
    const slots = state.slots.map((data, i) => data.map((x) => x / scales[i]!));
    states.push({ parameter: state.parameter, slots });
  }
  await open.close();
  return states;
}

/** torch.optim.Adam in double, statement by statement, from zeros and update number `first` on. */
function torchAdam(
  gradients: readonly Float64Array[],
  { lr, b1, b2, eps }: { lr: number; b1: number; b2: number; eps: number },
  first: number,
): State[] {
  const param = new Float64Array(COUNT);
  const expAvg = new Float64Array(COUNT);
  const expAvgSq = new Float64Array(COUNT);
  return gradients.map((grad, t) => {
    const step = first + t + 1;
    const biasCorrection1 = 1 - b1 ** step;
    const biasCorrection2 = 1 - b2 ** step;
    for (let i = 0; i < COUNT; i++) {
      expAvg[i] = expAvg[i]! + (grad[i]! - expAvg[i]!) * (1 - b1);
      expAvgSq[i] = expAvgSq[i]! * b2 + grad[i]! * grad[i]! * (1 - b2);
      const denom = Math.sqrt(expAvgSq[i]!) / Math.sqrt(biasCorrection2) + eps;
      param[i] = param[i]! - (lr / biasCorrection1) * (expAvg[i]! / denom);
    }
    return { parameter: param.slice(), slots: [expAvg.slice(), expAvgSq.slice()] };
  });
}

/** Gradients of 50 updates, representable in float32. */
const gradientsOf = (size: number): Float64Array[] =>
  Array.from({ length: 50 }, (_, t) => uniform(COUNT, 100 + t, -size, size).map(Math.fround));

const constant = (value: number): Schedule => ({ kind: 'constant', value });

describe('Adam', () => {
  const settings = [
    { lr: 2e-4, b1: 0.5, b2: 0.999, eps: 1e-8 },
    { lr: 1e-3, b1: 0.9, b2: 0.999, eps: 1e-8 },
    { lr: 1e-3, b1: 0, b2: 0.9, eps: 1e-6 },
  ];
  const sizes = [1, 1e-4, 1e-9];
  const table = settings.flatMap((set) =>
    sizes.flatMap((size) => [0, 10_000].map((first) => ({ ...set, size, first }))),
  );

  it.each(table)('is torch.optim.Adam: b1 $b1, gradients of $size, from update $first', async (row) => {
    const { lr, b1, b2, eps, size, first } = row;
    const gradients = gradientsOf(size);
    const expected = torchAdam(gradients, row, first);
    const spec: OptimizerSpec = { kind: 'adam', learningRate: constant(lr), b1, b2, eps };
    for (const [dtype, tolerance] of [
      ['float64', 1e-11],
      ['float32', 2e-6],
    ] as const) {
      const actual = await runUpdates(spec, gradients, dtype, first);
      for (const [t, state] of actual.entries()) {
        expect(relativeError(state.parameter, expected[t]!.parameter)).toBeLessThan(tolerance);
        for (const slot of [0, 1]) {
          expect(relativeError(state.slots[slot]!, expected[t]!.slots[slot]!)).toBeLessThan(tolerance);
        }
      }
    }
  });

  it('eps counts: gradients far under it hardly move the parameter', async () => {
    const spec: OptimizerSpec = { kind: 'adam', learningRate: constant(1), b1: 0.5, b2: 0.999, eps: 1e-8 };
    const [small] = await runUpdates(spec, [new Float64Array(COUNT).fill(1e-10)], 'float32', 0);
    const [large] = await runUpdates(spec, [new Float64Array(COUNT).fill(1e-4)], 'float32', 0);
    expect(small!.parameter[0]).toBeCloseTo(-1e-10 / (1e-10 + 1e-8), 6);
    expect(large!.parameter[0]).toBeCloseTo(-1e-4 / (1e-4 + 1e-8), 6);
  });

  it('a gradient of zero leaves a fresh parameter as it is', async () => {
    const spec: OptimizerSpec = { kind: 'adam', learningRate: constant(1), b1: 0.5, b2: 0.999, eps: 1e-8 };
    const [state] = await runUpdates(spec, [new Float64Array(COUNT)], 'float32', 0);
    expect([...state!.parameter].every((x) => x === 0)).toBe(true);
  });

  it('takes its learning rate from a schedule', async () => {
    const gradients = gradientsOf(1);
    const learningRate: Schedule = { kind: 'linear', from: 0, to: 1e-3, steps: 2 };
    const states = await runUpdates(
      { kind: 'adam', learningRate, b1: 0, b2: 0, eps: 0 },
      gradients,
      'float64',
      0,
    );
    // With b1 = b2 = 0 each update is the rate times the sign of the gradient.
    for (const [t, rate] of [0, 5e-4, 1e-3, 1e-3].entries()) {
      const before = t === 0 ? 0 : states[t - 1]!.parameter[0]!;
      expect(states[t]!.parameter[0]! - before).toBeCloseTo(-rate * Math.sign(gradients[t]![0]!), 12);
    }
  });
});

describe('SGD', () => {
  it('is v <- momentum v - lr g, p <- p + v, with both rates following their schedules', async () => {
    const learningRate: Schedule = { kind: 'exponential', initial: 0.1, factor: 1 / 1.01, minimum: 0.07 };
    const momentum: Schedule = { kind: 'linear', from: 0.5, to: 0.7, steps: 20 };
    const gradients = gradientsOf(1);
    const actual = await runUpdates({ kind: 'sgd', learningRate, momentum }, gradients, 'float64', 0);
    const p = new Float64Array(COUNT);
    const v = new Float64Array(COUNT);
    for (const [t, g] of gradients.entries()) {
      const lr = Math.max(0.1 / 1.01 ** t, 0.07);
      const m = 0.5 + 0.2 * Math.min(t / 20, 1);
      for (let i = 0; i < COUNT; i++) {
        v[i] = m * v[i]! - lr * g[i]!;
        p[i] = p[i]! + v[i]!;
      }
      expect(relativeError(actual[t]!.parameter, p)).toBeLessThan(1e-12);
      expect(relativeError(actual[t]!.slots[0]!, v)).toBeLessThan(1e-12);
    }
  });
});

describe('schedules', () => {
  const cases: [string, Schedule, (step: number) => number][] = [
    ['constant', constant(0.25), () => 0.25],
    [
      'exponential, as the authors of the 2014 paper set it',
      { kind: 'exponential', initial: 0.1, factor: 1 / 1.000004, minimum: 1e-6 },
      (step) => Math.max(0.1 / 1.000004 ** step, 1e-6),
    ],
    [
      'exponential that reaches its minimum',
      { kind: 'exponential', initial: 2, factor: 0.9, minimum: 0.5 },
      (step) => Math.max(2 * 0.9 ** step, 0.5),
    ],
    [
      'linear upwards',
      { kind: 'linear', from: 0.5, to: 0.7, steps: 1000 },
      (step) => 0.5 + 0.2 * Math.min(1, step / 1000),
    ],
    [
      "by epochs, as momentum grows in the 2014 paper's code: first in the second epoch",
      { kind: 'linearByEpoch', from: 0.5, to: 0.7, epochs: 249, epochSteps: 500 },
      (step) => 0.5 + (0.2 * Math.min(249, Math.floor(step / 500))) / 249,
    ],
    [
      'linear downwards to zero',
      { kind: 'linear', from: 1, to: 0, steps: 500 },
      (step) => 1 - Math.min(1, step / 500),
    ],
  ];
  it.each(cases)('%s follows its closed form', async (_, schedule, closedForm) => {
    const graph = new Graph('schedule');
    const value = scheduleValue(schedule, graph.input('step', 'float32', []));
    expect(value.shape).toEqual([]);
    graph.output('value', value);
    const open = await openGraph(graph);
    for (const step of [0, 1, 2, 10, 499, 500, 999, 1000, 1001, 123_456, 5_000_000]) {
      const { value } = await open.run({ step: { shape: [], data: [step] } });
      const scale = schedule.kind.startsWith('linear') ? 1 : closedForm(step);
      expect(Math.abs(value!.data[0]! - closedForm(step))).toBeLessThan(3e-6 * scale);
    }
    await open.close();
  });

  it('a schedule far past its end stays there', async () => {
    const graph = new Graph('schedule');
    const schedule: Schedule = { kind: 'exponential', initial: 1, factor: 0.5, minimum: 1e-3 };
    graph.output('value', scheduleValue(schedule, graph.input('step', 'float32', [])));
    const open = await openGraph(graph);
    for (let k = 0; k < 5; k++) {
      const step = Math.round(20 + unit(k, 1) * 1e6);
      expect((await open.run({ step: { shape: [], data: [step] } })).value!.data[0]).toBe(Math.fround(1e-3));
    }
    await open.close();
  });
});
