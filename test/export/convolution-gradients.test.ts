import { describe, expect, it } from 'vitest';
import { Graph, gradients, type Value, vectorJacobian } from '../../src/export/index.js';
import { readGolden, relativeError } from '../support/numbers.js';
import { type Numbers, runGraph } from '../support/run-graph.js';

/** Convolutions and pools of gradients.json: PyTorch's in float64, ours in float32, the only type that has kernels. */
interface Golden {
  name: string;
  attributes: {
    stride: number;
    padding: number;
    outputPadding: number;
    kernel: number;
    ceil: boolean;
  };
  inputs: Record<string, Numbers>;
  upstream: Numbers;
  output: Numbers;
  /** Of `pullbacks`: what the first gradients are weighed with. */
  weights: Record<string, Numbers>;
  gradients: Record<string, Numbers>;
}

const TOLERANCE = 1e-5;
const golden = readGolden<{ firstOrder: Golden[]; pullbacks: Golden[] }>('gradients.json');
const square = (n: number): [number, number] => [n, n];
const around = (n: number): [number, number, number, number] => [n, n, n, n];

type Build = (inputs: Record<string, Value>, golden: Golden) => Value;

const conv: Build = ({ x, weight, bias }, { attributes: { stride, padding } }) =>
  x!.conv(weight!, { strides: square(stride), pads: around(padding), ...(bias ? { bias } : {}) });
const convTranspose: Build = (
  { x, weight, bias },
  { attributes: { stride, padding, outputPadding: extra } },
) =>
  x!.convTranspose(weight!, {
    strides: square(stride),
    pads: around(padding),
    outputPadding: square(extra),
    ...(bias ? { bias } : {}),
  });

/** By the first words of a case's name, the longest first. */
const FUNCTIONS: readonly [string, Build][] = [
  ['conv_transpose', convTranspose],
  ['conv', conv],
  [
    'max_pool',
    ({ x }, { attributes: { kernel, stride, padding, ceil } }) =>
      x!.maxPool({ kernel: square(kernel), strides: square(stride), pads: around(padding), ceil }),
  ],
  ['upsample_conv', ({ x, weight, bias }) => x!.upsample(2).conv(weight!, { pads: around(1), bias: bias! })],
  ['upsample', ({ x }) => x!.upsample(2)],
  ['average_pool', ({ x }) => x!.averagePool(2)],
];
const functionOf = ({ name }: Golden): Build | undefined =>
  FUNCTIONS.find(([start]) => name.startsWith(start))?.[1];

/** The inputs with a batch whose size is not known. */
function goldenInputs(graph: Graph, { inputs }: Golden): Record<string, Value> {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, { shape }]) => {
      const declared = name === 'x' ? ['N', ...shape.slice(1)] : [...shape];
      return [name, graph.input(name, 'float32', declared)];
    }),
  );
}

const windowed = golden.firstOrder.filter((example) => functionOf(example) !== undefined);

describe('convolutions and pools are those of PyTorch', () => {
  it('has cases of each function', () => {
    for (const [start] of FUNCTIONS) {
      expect(
        windowed.some(({ name }) => name.startsWith(start)),
        start,
      ).toBe(true);
    }
  });

  it.each(windowed)('$name, and its gradients', async (example) => {
    const graph = new Graph('g');
    const inputs = goldenInputs(graph, example);
    const output = functionOf(example)!(inputs, example);
    expect(output.shape.slice(1)).toEqual(example.output.shape.slice(1));
    const upstream = graph.input('upstream', 'float32', output.shape);
    const names = Object.keys(example.gradients);
    const wrt = names.map((name) => inputs[name]!);
    const slopes = vectorJacobian([output], [upstream], wrt);
    graph.output('output', output);
    for (const [i, name] of names.entries()) {
      expect(slopes[i]!.shape).toEqual(wrt[i]!.shape);
      graph.output(`gradient.${name}`, slopes[i]!);
    }
    const results = await runGraph(graph, { ...example.inputs, upstream: example.upstream });
    expect(relativeError(results.output!.data, example.output.data)).toBeLessThan(TOLERANCE);
    for (const name of names) {
      const error = relativeError(results[`gradient.${name}`]!.data, example.gradients[name]!.data);
      expect(error, name).toBeLessThan(TOLERANCE);
    }
  });
});

describe('gradients of the gradients of convolutions are those of PyTorch', () => {
  it.each(golden.pullbacks)('$name', async (example) => {
    const graph = new Graph('g');
    const inputs = goldenInputs(graph, example);
    const output = functionOf(example)!(inputs, example);
    const names = Object.keys(inputs);
    const wrt = names.map((name) => inputs[name]!);
    const upstream = graph.input('upstream', 'float32', output.shape);
    const first = gradients(output.mul(output).mul(upstream).sum(), wrt);
    const weighed = first.map((slope, i) =>
      slope.mul(graph.input(`v.${names[i]}`, 'float32', slope.shape)).sum(),
    );
    const second = gradients(
      weighed.reduce((a, b) => a.add(b)),
      wrt,
    );
    for (const [i, slope] of second.entries()) graph.output(`gradient.${names[i]}`, slope);
    const weights = Object.entries(example.weights).map(([name, value]) => [`v.${name}`, value]);
    const feeds = { ...example.inputs, upstream: example.upstream, ...Object.fromEntries(weights) };
    const results = await runGraph(graph, feeds);
    for (const name of names) {
      const error = relativeError(results[`gradient.${name}`]!.data, example.gradients[name]!.data);
      expect(error, name).toBeLessThan(10 * TOLERANCE);
    }
  });
});

describe('of equal values in a window, the first in reading order is the maximum', () => {
  // Two rows of windows 2 x 2, which overlap by one row and end outside the image on the right.
  it('for overlapping windows that end outside', async () => {
    const graph = new Graph('g');
    const x = graph.input('x', 'float32', ['N', 1, 3, 3]);
    const y = x.maxPool({ kernel: [2, 2], strides: [1, 2], ceil: true });
    expect(y.shape).toEqual(['N', 1, 2, 2]);
    const weights = graph.constant('w', 'float32', [1, 1, 2, 2], Float32Array.of(1, 10, 100, 1000));
    graph.output('slope', gradients(y.mul(weights).sum(), [x])[0]!);
    // Negative: the zeros that stand for the outside would win if they took part.
    const data = [-1, -1, -5, -1, -2, -5, -3, -3, -7];
    const { slope } = await runGraph(graph, { x: { shape: [1, 1, 3, 3], data } });
    expect([...slope!.data]).toEqual([1, 0, 10, 100, 0, 1000, 0, 0, 0]);
  });
});

describe('upsampling and then a convolution 3 x 3 with padding 1', () => {
  it('is one transposed convolution', () => {
    const graph = new Graph('g');
    const x = graph.input('x', 'float32', ['N', 3, 5, 4]);
    const weight = graph.input('weight', 'float32', [2, 3, 3, 3]);
    graph.output('y', x.upsample(2).conv(weight, { pads: [1, 1, 1, 1] }));
    const operators = graph.toModel().graph!.node!.map((node) => node.op_type);
    expect(operators).toContain('ConvTranspose');
    expect(operators).not.toContain('Resize');
    expect(operators).not.toContain('Conv');
  });
});

describe('wrong shapes are refused at once, naming the operator and the shapes', () => {
  const graph = new Graph('g');
  const x = graph.input('x', 'float32', ['N', 3, 5, 6]);
  const flat = graph.input('flat', 'float32', ['N', 3]);
  const weight = graph.input('weight', 'float32', [4, 3, 3, 3]);
  const back = graph.input('back', 'float32', [3, 4, 3, 3]);
  const bias = graph.input('bias', 'float32', [3]);
  const cases: [string, () => unknown, string][] = [
    ['channels', () => x.conv(back), 'Conv: shapes [N, 3, 5, 6], [3, 4, 3, 3] do not fit'],
    [
      'channels of a transposed convolution',
      () => x.convTranspose(weight),
      'ConvTranspose: shapes [N, 3, 5, 6], [4, 3, 3, 3] do not fit',
    ],
    ['a bias', () => x.conv(weight, { bias }), 'Conv: shapes [N, 3, 5, 6], [4, 3, 3, 3], [3] do not fit'],
    ['rank', () => flat.conv(weight), 'Conv: [N, 3] is no [N, C, height, width]'],
    [
      'a kernel larger than the image',
      () => x.slice(2, 0, 2).conv(weight),
      'Conv: [N, 3, 2, 6] has no room for kernel [3,3], strides [1,1], pads [0,0,0,0]',
    ],
    [
      'output padding as large as the stride',
      () => x.convTranspose(back, { strides: [2, 2], outputPadding: [2, 0] }),
      'ConvTranspose: output padding [2,0] is not below the strides [2,2]',
    ],
    [
      'a stride of 0',
      () => x.conv(weight, { strides: [0, 1] }),
      'Conv: kernel [3,3], strides [0,1] and pads [0,0,0,0] are no window',
    ],
    [
      'a window of padding alone',
      () => x.maxPool({ kernel: [2, 2], pads: [2, 0, 0, 0] }),
      'MaxPool: kernel [2,2], strides [1,1], pads [2,0,0,0]: a window could lie outside the image',
    ],
    ['tiles that do not fit', () => x.averagePool(2), 'AveragePool: kernel [2,2]'],
    ['a factor of one and a half', () => x.upsample(1.5), 'Resize: factor 1.5 for [N, 3, 5, 6]'],
  ];
  it.each(cases)('%s', (_, build, message) => {
    expect(build).toThrow(RangeError);
    expect(build).toThrow(message);
  });
});
