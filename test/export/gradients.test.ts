import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GRADIENTS } from '../../src/export/gradient-rules.js';
import {
  forward,
  Graph,
  gradients,
  type OpType,
  type Value,
  vectorJacobian,
} from '../../src/export/index.js';
import { OPERATORS } from '../../src/export/ops.js';
import { type Case, checkGradients } from '../support/check-gradients.js';
import { ALL_SETTINGS, GRADIENT_CASES } from '../support/gradient-cases.js';
import { readGolden, relativeError } from '../support/numbers.js';
import { type Numbers, runGraph } from '../support/run-graph.js';

const TOLERANCE = 1e-6;
const operators = Object.keys(OPERATORS) as OpType[];
/** Their outputs are steps or sizes: nothing flows back through them. */
const STEP_FUNCTIONS: readonly OpType[] = ['Greater', 'Less', 'Equal', 'GreaterOrEqual', 'Shape'];

/** ONNX Runtime has no double kernel of them: `convolution-gradients.test.ts` holds them against PyTorch's numbers. */
const ELSEWHERE: readonly OpType[] = ['Conv', 'ConvTranspose', 'AveragePool', 'Resize'];

describe('the table of gradient rules', () => {
  it('is covered: every rule is held against finite differences or PyTorch, or is that of a step function', () => {
    const covered = [...Object.keys(GRADIENT_CASES), ...STEP_FUNCTIONS, ...ELSEWHERE];
    expect(covered.sort()).toEqual(Object.keys(GRADIENTS).sort());
  });

  const standard = operators.filter((op) => !('domain' in OPERATORS[op]));
  it.each(standard.filter((op) => GRADIENTS[op] === undefined))(
    '%s, which has no rule, is refused by name',
    (op) => {
      const graph = new Graph('g');
      const [minimum] = OPERATORS[op].inputs;
      const inputs = [[2, 3], ...Array(minimum - 1).fill([3])].map((shape, i) =>
        graph.input(`x${i}`, 'float32', shape),
      );
      const [y] = graph.node(op, inputs, { epsilon: { float: 0.8 } });
      expect(() => gradients(y!.sum(), inputs)).toThrow(
        new RangeError(`gradients: operator ${op} has no gradient rule`),
      );
    },
  );

  it.each(['Greater', 'Less', 'Equal', 'GreaterOrEqual'] as const)(
    'nothing flows back through %s',
    async (op) => {
      const graph = new Graph('g');
      const x = graph.input('x', 'float64', ['N']);
      const [compared] = graph.node(op, [x, graph.scalar(0.5, 'float64')]);
      const [slope] = gradients(compared!.cast('float64').add(x.mul(3)).sum(), [x]);
      graph.output('slope', slope!);
      const { slope: result } = await runGraph(graph, { x: { shape: [3], data: [-1, 0.5, 2] } });
      expect(result).toEqual({ shape: [3], data: Float64Array.of(3, 3, 3) });
    },
  );

  it('nothing flows back through a cast to integers', async () => {
    const graph = new Graph('g');
    const x = graph.input('x', 'float64', [2]);
    const [slope] = gradients(x.cast('int32').cast('float64').mul(x).sum(), [x]);
    graph.output('slope', slope!);
    const { slope: result } = await runGraph(graph, { x: { shape: [2], data: [2.5, -3.25] } });
    expect([...result!.data]).toEqual([2, -3]);
  });
});

describe('gradients agree with central finite differences in double', () => {
  it.each(Object.keys(GRADIENT_CASES) as OpType[])('%s', async (op) => {
    await fc.assert(
      fc.asyncProperty(GRADIENT_CASES[op]!, fc.nat(1e6), async (example, seed) => {
        const { error, operators } = await checkGradients(example, { seed });
        expect(operators).toContain(op);
        expect(error).toBeLessThan(TOLERANCE);
      }),
      { seed: 2014, numRuns: 25 },
    );
  });

  const settings = Object.entries(ALL_SETTINGS).flatMap(([op, cases]) =>
    Object.entries(cases).map(([label, example]): [string, string, Case] => [op, label, example]),
  );
  it.each(settings)('%s with %s', async (op, _, example) => {
    const { error, operators } = await checkGradients(example);
    expect(operators).toContain(op);
    expect(error).toBeLessThan(TOLERANCE);
  });
});

describe('gradients of gradients agree with central finite differences in double', () => {
  // A cast that is coarse cannot be cubed.
  it.each((Object.keys(GRADIENT_CASES) as OpType[]).filter((op) => op !== 'Cast'))('%s', async (op) => {
    await fc.assert(
      fc.asyncProperty(GRADIENT_CASES[op]!, fc.nat(1e6), async (example, seed) => {
        // Cubed, so that linear operators have second derivatives too.
        const cubed: Case = {
          ...example,
          build: (values, graph) => {
            const built = example.build(values, graph);
            const outputs: readonly Value[] = 'length' in built ? built : [built];
            return outputs.map((y) => y.mul(y).mul(y));
          },
        };
        expect((await checkGradients(cubed, { seed, order: 2 })).error).toBeLessThan(TOLERANCE);
      }),
      { seed: 2015, numRuns: 6 },
    );
  });
});

describe('at kinks and ties, gradients are those of PyTorch', () => {
  const cases: [string, (x: Value) => Value, number[], number[]][] = [
    ['abs has 0 at 0', (x) => x.abs(), [0, -1, 2], [0, -1, 1]],
    ['relu has 0 at 0', (x) => x.relu(), [0, -1, 2], [0, 0, 1]],
    ['leaky relu has its slope at 0', (x) => x.leakyRelu(0.25), [0, -1, 2], [0.25, 0.25, 1]],
    ['max of equal values shares evenly', (x) => x.max(1), [1, 0, 2], [0.5, 0, 1]],
    ['min of equal values shares evenly', (x) => x.min(1), [1, 0, 2], [0.5, 1, 0]],
    ['a maximum attained twice is shared', (x) => x.reduceMax([0]), [2, -1, 2], [0.5, 0, 0.5]],
    ['a minimum attained twice is shared', (x) => x.reduceMin([0]), [-2, -2, 2], [0.5, 0.5, 0]],
  ];
  it.each(cases)('%s', async (_, build, x, expected) => {
    const graph = new Graph('g');
    const input = graph.input('x', 'float64', [3]);
    graph.output('slope', gradients(build(input).sum(), [input])[0]!);
    const { slope } = await runGraph(graph, { x: { shape: [3], data: x } });
    expect([...slope!.data]).toEqual(expected);
  });
});

describe('gradients()', () => {
  it('adds up the paths of a value that is used several times', async () => {
    const { error } = await checkGradients({
      inputs: [{ shape: [3] }, { shape: ['N', 3] }],
      build: ([a, b]) => [a!.mul(a!).add(a!.tanh().mul(b!)), a!.sub(b!).exp().mul(a!)],
    });
    expect(error).toBeLessThan(TOLERANCE);
  });

  it('gives zeros of its own shape for a value that the loss does not depend on', async () => {
    const graph = new Graph('g');
    const x = graph.input('x', 'float32', ['N', 2]);
    const other = graph.input('other', 'float32', ['N', 3]);
    const [slope] = gradients(x.sum(), [other]);
    expect(slope!.shape).toEqual(['N', 3]);
    graph.output('slope', slope!);
    const feeds = {
      x: { shape: [2, 2], data: [1, 2, 3, 4] },
      other: { shape: [2, 3], data: Array(6).fill(1) },
    };
    expect((await runGraph(graph, feeds)).slope).toEqual({ shape: [2, 3], data: new Float64Array(6) });
  });

  it('takes intermediate values, whatever operator they come from', async () => {
    const graph = new Graph('g');
    const x = graph.input('x', 'float32', [1, 2]);
    const ones = graph.constant('ones', 'float32', [2], Float32Array.of(1, 1));
    const [normal] = graph.node('BatchNormalization', [x, ones, ones, ones, ones], { epsilon: { float: 0 } });
    graph.output('slope', gradients(normal!.mul(normal!).sum(), [normal!])[0]!);
    const { slope } = await runGraph(graph, { x: { shape: [1, 2], data: [3, 5] } });
    expect([...slope!.data]).toEqual([6, 10]);
  });

  it('of the means of columns are a row for all samples alike, not a matrix', async () => {
    const graph = new Graph('g');
    const x = graph.input('x', 'float32', ['N', 2]);
    const mean = x.mean([0]);
    graph.output('slope', gradients(mean.mul(mean).sum(), [x])[0]!.add(x.mul(0)));
    // d (m1^2 + m2^2) / dx = 2 m / N
    const { slope } = await runGraph(graph, { x: { shape: [4, 2], data: [1, 2, 3, 4, 5, 6, 7, 20] } });
    expect([...slope!.data]).toEqual([2, 4, 2, 4, 2, 4, 2, 4]);
    const products = graph.toModel().graph!.node!.filter(({ op_type }) => op_type === 'MatMul');
    expect(products).toHaveLength(1);
  });

  it('computes only the gradients that are asked for', () => {
    const graph = new Graph('g');
    const x = graph.input('x', 'float32', ['N', 4]);
    const w = graph.input('w', 'float32', [4, 2]);
    graph.output('dw', gradients(x.matmul(w).tanh().sum(), [w])[0]!);
    const products = graph.toModel().graph!.node!.filter((node) => node.op_type === 'MatMul');
    expect(products).toHaveLength(2);
  });

  it('refuses a loss that is not a scalar, naming its shape', () => {
    const graph = new Graph('g');
    const x = graph.input('x', 'float32', ['N', 2]);
    expect(() => gradients(x, [x])).toThrow(`gradients: the loss x has shape [N, 2], expected a scalar`);
  });

  it('refuses a loss of an integer type', () => {
    const x = new Graph('g').input('x', 'int32', [1]);
    expect(() => gradients(x, [x])).toThrow(/the loss x is int32/);
  });

  it('vectorJacobian weighs several outputs by their upstream gradients', async () => {
    const graph = new Graph('g');
    const x = graph.input('x', 'float64', [2]);
    const upstream = [graph.scalar(10, 'float64').expandLike(x), graph.scalar(7, 'float64')];
    graph.output('slope', vectorJacobian([x.mul(x), x.sum()], upstream, [x])[0]!);
    const { slope } = await runGraph(graph, { x: { shape: [2], data: [1, 2] } });
    expect([...slope!.data]).toEqual([27, 47]);
  });
});

interface Golden {
  name: string;
  attributes: { alpha?: number; eps?: number; activation?: string };
  inputs: Record<string, Numbers>;
  upstream: Numbers;
  output: Numbers;
  inputGradient: Numbers;
  penalty: number;
  gradients: Record<string, Numbers>;
}

const golden = readGolden<{ firstOrder: Golden[]; secondOrder: Golden[] }>('gradients.json');

/** The functions of gradients.json, as graphs. */
const FUNCTIONS: Record<string, (inputs: Record<string, Value>, golden: Golden) => Value> = {
  softplus: ({ x }) => x!.softplus(),
  leaky_relu: ({ x }, { attributes }) => x!.leakyRelu(attributes.alpha!),
  sigmoid: ({ x }) => x!.sigmoid(),
  tanh: ({ x }) => x!.tanh(),
  abs: ({ x }) => x!.abs(),
  relu: ({ x }) => x!.relu(),
  max: ({ a, b }) => a!.max(b!),
  min: ({ a, b }) => a!.min(b!),
  batch_norm({ x, weight, bias }, { attributes }) {
    const parameters = new Map([
      ['generator.0.weight', weight!],
      ['generator.0.bias', bias!],
    ]);
    const layers = [{ kind: 'batchNorm', eps: attributes.eps!, momentum: 0.1 } as const];
    const network = { name: 'generator', inputs: 4, layers } as const;
    return forward(x!.graph, network, x!, { mode: 'training', parameters }).output;
  },
  bce_with_logits_mean: ({ logits, targets }) => logits!.softplus().sub(logits!.mul(targets!)).mean(),
};

function goldenInputs(graph: Graph, { inputs }: Golden, dtype: 'float32' | 'float64'): Record<string, Value> {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, { shape }]) => [name, graph.input(name, dtype, [...shape])]),
  );
}

describe.each(['float32', 'float64'] as const)(
  'in %s, gradients are those of PyTorch in float64',
  (dtype) => {
    const tolerance = dtype === 'float32' ? 1e-5 : 1e-7;

    it.each(golden.firstOrder.filter(({ name }) => name in FUNCTIONS))('$name', async (example) => {
      const graph = new Graph('g');
      const inputs = goldenInputs(graph, example, dtype);
      const output = FUNCTIONS[example.name]!(inputs, example);
      const upstream = graph.input('upstream', dtype, [...example.upstream.shape]);
      const names = Object.keys(example.gradients);
      const slopes = vectorJacobian(
        [output],
        [upstream],
        names.map((name) => inputs[name]!),
      );
      graph.output('output', output);
      for (const [i, name] of names.entries()) graph.output(`gradient.${name}`, slopes[i]!);
      const results = await runGraph(graph, { ...example.inputs, upstream: example.upstream });
      expect(relativeError(results.output!.data, example.output.data)).toBeLessThan(tolerance);
      for (const name of names) {
        expect(relativeError(results[`gradient.${name}`]!.data, example.gradients[name]!.data)).toBeLessThan(
          tolerance,
        );
      }
    });

    it.each(golden.secondOrder)('$name, by the weights: second order', async (example) => {
      const graph = new Graph('g');
      const inputs = goldenInputs(graph, example, dtype);
      const [output, slope, penalty] = gradientPenalty(inputs, example.attributes);
      const names = Object.keys(example.gradients);
      graph.output('output', output);
      graph.output('slope', slope);
      graph.output('penalty', penalty);
      gradients(
        penalty,
        names.map((name) => inputs[name]!),
      ).forEach((value, i) => {
        graph.output(`gradient.${names[i]!}`, value);
      });
      const results = await runGraph(graph, example.inputs);
      expect(relativeError(results.output!.data, example.output.data)).toBeLessThan(tolerance);
      expect(relativeError(results.slope!.data, example.inputGradient.data)).toBeLessThan(tolerance);
      expect(relativeError(results.penalty!.data, [example.penalty])).toBeLessThan(tolerance);
      for (const name of names) {
        const error = relativeError(results[`gradient.${name}`]!.data, example.gradients[name]!.data, 0.1);
        expect(error).toBeLessThan(tolerance);
      }
    });
  },
);

/** WGAN-GP's penalty of x -> Linear -> activation -> Linear: [output, its slope by x, the penalty]. */
function gradientPenalty(
  { x, weight1, bias1, weight2, bias2 }: Record<string, Value>,
  { activation, alpha }: Golden['attributes'],
): [Value, Value, Value] {
  const hidden = x!.gemm(weight1!, { transB: true, bias: bias1! });
  const active =
    activation === 'tanh'
      ? hidden.tanh()
      : activation === 'softplus'
        ? hidden.softplus()
        : hidden.leakyRelu(alpha!);
  const output = active.gemm(weight2!, { transB: true, bias: bias2! });
  const [slope] = gradients(output.sum(), [x!]);
  const excess = slope!.mul(slope!).sum([1]).sqrt().sub(1);
  return [output, slope!, excess.mul(excess).mean()];
}

describe('the gradient of a gradient penalty', () => {
  it.each(['tanh', 'softplus', 'leaky_relu'])(
    'through an MLP with %s matches finite differences',
    async (activation) => {
      const { error } = await checkGradients({
        inputs: [{ shape: ['N', 5] }, { shape: [7, 5] }, { shape: [7] }, { shape: [1, 7] }, { shape: [1] }],
        build: ([x, weight1, bias1, weight2, bias2]) =>
          gradientPenalty(
            { x: x!, weight1: weight1!, bias1: bias1!, weight2: weight2!, bias2: bias2! },
            { activation, alpha: 0.2 },
          )[2],
      });
      expect(error).toBeLessThan(TOLERANCE);
    },
  );
});
