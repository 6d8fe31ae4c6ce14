import { describe, expect, it } from 'vitest';
import {
  buildStepGraph,
  type DType,
  GANS,
  Graph,
  gradients,
  type Shape,
  type Value,
} from '../../src/export/index.js';
import { decodeModel, modelMetadata } from '../../src/onnx/index.js';
import { runGraph } from '../support/run-graph.js';

function inputs(...shapes: Shape[]): [Graph, ...Value[]] {
  const graph = new Graph('g');
  return [graph, ...shapes.map((shape, i) => graph.input(`x${i}`, 'float32', shape))] as [Graph, ...Value[]];
}

const typed = (dtype: DType, shape: Shape = [2, 3]): Value => new Graph('g').input('x', dtype, shape);

const operators = (graph: Graph): string[] => graph.toModel().graph!.node!.map((node) => node.op_type!);

describe('a wrong shape is refused at once, naming the operator and the shapes', () => {
  const cases: [string, Shape[], (...values: Value[]) => unknown, string][] = [
    ['Add', [[2, 3], [4]], (a, b) => a!.add(b!), 'Add: shapes [2, 3] and [4] do not broadcast'],
    [
      'Mul',
      [
        ['N', 3],
        ['M', 3],
      ],
      (a, b) => a!.mul(b!),
      'Mul: shapes [N, 3] and [M, 3] do not broadcast',
    ],
    [
      'MatMul',
      [
        [2, 3],
        [2, 3],
      ],
      (a, b) => a!.matmul(b!),
      'MatMul: shapes [2, 3] and [2, 3] do not multiply',
    ],
    ['MatMul of vectors', [[3], [3]], (a, b) => a!.matmul(b!), 'MatMul: shapes [3] and [3] do not multiply'],
    [
      'Gemm',
      [
        ['N', 3],
        [3, 4],
      ],
      (a, b) => a!.gemm(b!, { transB: true }),
      'Gemm: shapes [N, 3] and [3, 4] do not multiply (transA 0, transB 1)',
    ],
    [
      'Gemm with bias',
      [[2, 3], [3, 4], [3]],
      (a, b, bias) => a!.gemm(b!, { bias: bias! }),
      'Gemm: shapes [3] and [2, 4] do not broadcast',
    ],
    [
      'Gemm with a bias that is larger',
      [
        [1, 3],
        [3, 4],
        [2, 4],
      ],
      (a, b, bias) => a!.gemm(b!, { bias: bias! }),
      'Gemm: x2 [2, 4] does not broadcast to [1, 4]',
    ],
    [
      'Reshape',
      [[2, 3]],
      (x) => x!.reshape([4, 2]),
      'Reshape: [2, 3] does not have as many elements as [4, 2]',
    ],
    [
      'Reshape to two symbols',
      [['N', 3]],
      (x) => x!.reshape(['N', 'M']),
      'Reshape: [N, M] has two symbolic dimensions',
    ],
    [
      'Reshape of another symbol',
      [['N', 3]],
      (x) => x!.reshape(['M', 3]),
      'Reshape: [N, 3] does not have as many',
    ],
    ['ReduceSum', [[2, 3]], (x) => x!.sum([2]), 'ReduceSum: axis 2 does not exist in rank 2'],
    ['ReduceMean', [[2, 3]], (x) => x!.mean([0, -2]), 'ReduceMean: an axis of 0,-2 is named twice'],
    ['Transpose', [[2, 3]], (x) => x!.transpose([0]), 'Transpose: permutation [0] does not fit [2, 3]'],
    ['Slice', [[2, 3]], (x) => x!.slice(1, 1, 4), 'Slice: 1 to 4 by 1 does not lie in axis 1 of size 3'],
    ['Slice of a symbol', [['N', 3]], (x) => x!.slice(0, 0, 1), 'Slice: axis 0 of [N, 3] is symbolic'],
    ['Split', [[2, 3]], (x) => x!.split(1, [1, 1]), 'Split: parts [1,1] do not add up to axis 1 of [2, 3]'],
    [
      'Concat',
      [
        [2, 3],
        [3, 3],
      ],
      (a, b) => a!.graph.concat([a!, b!], 1),
      'Concat: shapes [2, 3], [3, 3] do not join on axis 1',
    ],
    ['Pad', [['N', 3]], (x) => x!.pad([1, 0], [0, 0]), 'Pad: axis 0 of [N, 3] is symbolic'],
    [
      'Pad by less than nothing',
      [[2, 3]],
      (x) => x!.pad([1, 0], [-1, 0]),
      'Pad: amounts [1,0,-1,0] do not fit [2, 3]',
    ],
    ['Pad of too few axes', [[2, 3]], (x) => x!.pad([1], [0]), 'Pad: amounts [1,0] do not fit [2, 3]'],
    [
      'Expand',
      [
        [2, 3],
        [2, 4],
      ],
      (a, b) => a!.expandLike(b!),
      'Expand: shapes [2, 3] and [2, 4] do not broadcast',
    ],
    [
      'Expand to less',
      [
        [2, 3],
        [1, 3],
      ],
      (a, b) => a!.expandLike(b!),
      'Expand: [2, 3] does not broadcast to [1, 3]',
    ],
  ];
  it.each(cases)('%s', (_, shapes, build, message) => {
    const [, ...values] = inputs(...shapes);
    expect(() => build(...values)).toThrow(RangeError);
    expect(() => build(...values)).toThrow(message);
  });
});

describe('a wrong type is refused at once, naming the operator', () => {
  it('Exp of integers', () => {
    expect(() => typed('int32').exp()).toThrow(new TypeError('Exp: x is int32, expected float32 or float64'));
  });

  it('Where on numbers', () => {
    expect(() => typed('float32').where(1, 2)).toThrow(new TypeError('Where: x is not bool'));
  });

  it('Add of two types', () => {
    const x = typed('float32');
    const message = 'Add: x is float32 and Cast_0 is float64, expected the same type';
    expect(() => x.add(x.cast('float64'))).toThrow(new TypeError(message));
  });
});

describe('shapes with symbols', () => {
  it('keep them through operators', () => {
    const [, x, w, bias] = inputs(['N', 3], [3, 4], [4]);
    expect(x!.gemm(w!, { bias: bias! }).shape).toEqual(['N', 4]);
    expect(x!.matmul(w!).add(bias!).shape).toEqual(['N', 4]);
    expect(x!.reshape([3, 'N']).shape).toEqual([3, 'N']);
    expect(x!.transpose().shape).toEqual([3, 'N']);
    expect(x!.mean([1]).shape).toEqual(['N']);
    expect(x!.mean([0], true).shape).toEqual([1, 3]);
    expect(x!.add(x!.graph.scalar(1)).shape).toEqual(['N', 3]);
  });

  it('stand for any size when the graph runs', async () => {
    const [graph, x] = inputs(['N', 2]);
    graph.output('centred', x!.sub(x!.mean([0])));
    graph.output('count', x!.countOf([0, 1]));
    for (const n of [1, 2, 5]) {
      const data = Array.from({ length: 2 * n }, (_, i) => i);
      const { centred, count } = await runGraph(graph, { x0: { shape: [n, 2], data } });
      expect(centred!.shape).toEqual([n, 2]);
      expect([...centred!.data]).toEqual(data.map((i) => 2 * Math.floor(i / 2) - (n - 1)));
      expect([...count!.data]).toEqual([2 * n]);
    }
  });
});

describe('a graph', () => {
  it('computes the same operation on the same values once', () => {
    const [, x, y] = inputs([2], [2]);
    expect(x!.add(y!).tanh()).toBe(x!.add(y!).tanh());
    expect(x!.add(1)).toBe(x!.add(1));
    expect(x!.sum([0])).not.toBe(x!.sum([0], true));
    expect(x!.leakyRelu(0.1)).not.toBe(x!.leakyRelu(0.2));
    expect(x!.sub(y!)).not.toBe(y!.sub(x!));
    expect(x!.mul(0)).not.toBe(x!.mul(-0));
  });

  it('leaves out nodes and constants that no output needs', () => {
    const [graph, x] = inputs([2]);
    x!.exp().add(5);
    graph.output('y', x!.tanh().mul(3));
    expect(operators(graph)).toEqual(['Tanh', 'Mul']);
    expect(graph.toModel().graph!.initializer).toHaveLength(1);
  });

  it('names a value after its output instead of copying it', async () => {
    const [graph, x] = inputs([2]);
    const y = x!.tanh();
    graph.output('y', y);
    graph.output('z', y.mul(2));
    expect(operators(graph)).toEqual(['Tanh', 'Mul']);
    const { y: first, z } = await runGraph(graph, { x0: { shape: [2], data: [0, 100] } });
    expect([...first!.data, ...z!.data]).toEqual([0, 1, 0, 2]);
  });

  it('copies what has a name already: an input, a constant, a second name for an output', async () => {
    const [graph, x] = inputs([1]);
    graph.output('copy', x!);
    graph.output('constant', graph.scalar(7));
    graph.output('once', x!.neg());
    graph.output('twice', x!.neg());
    expect(operators(graph).sort()).toEqual(['Identity', 'Identity', 'Identity', 'Neg']);
    const results = await runGraph(graph, { x0: { shape: [1], data: [2] } });
    expect(Object.values(results).map(({ data }) => data[0])).toEqual([2, 7, -2, -2]);
  });

  it('refuses a value of another graph, naming both graphs', () => {
    const [a, x] = inputs([2]);
    const other = new Graph('other').input('y', 'float32', [2]);
    const message = 'graph g: y belongs to graph other';
    expect(() => x!.add(other)).toThrow(message);
    expect(() => a.concat([x!, other], 0)).toThrow(message);
    expect(() => x!.gemm(x!, { bias: other })).toThrow(message);
    expect(() => a.output('out', other)).toThrow(message);
  });

  it('refuses a name that is taken', () => {
    const [graph, x] = inputs([2]);
    graph.output('y', x!.neg());
    expect(() => graph.input('x0', 'float32', [1])).toThrow('graph g: the name x0 is taken');
    expect(() => graph.output('x0', x!)).toThrow('graph g: the output name x0 is taken');
    expect(() => graph.output('y', x!)).toThrow('graph g: the output name y is taken');
    expect(() => graph.input('y', 'float32', [1])).toThrow('graph g: the name y is taken');
  });

  it('refuses a constant whose data does not fill its shape', () => {
    expect(() => new Graph('g').constant('c', 'float32', [3], Float32Array.of(1, 2))).toThrow(
      'tensor c: 8 bytes of data for float32 [3], which takes 12',
    );
  });

  it('carries metadata, description and version', () => {
    const [graph, x] = inputs([2]);
    graph.output('y', x!.neg());
    const model = decodeModel(
      graph.toBytes({ metadata: { key: 'value' }, description: 'what', version: '1.2.3' }),
    );
    expect([...modelMetadata(model)]).toEqual([['key', 'value']]);
    expect([model.graph!.doc_string, model.producer_name, model.producer_version]).toEqual([
      'what',
      'gan-onnx',
      '1.2.3',
    ]);
    expect(model.opset_import).toEqual([{ domain: '', version: 18 }]);
  });
});

describe('every operator gives the shape that the builder says', () => {
  it.each([
    ['transpose with axes from the end', (x: Value) => x.transpose([-1, 0, -2])],
    ['slice from the end', (x: Value) => x.slice(-1, 1, 4, 2)],
    ['concat from the end', (x: Value) => x.graph.concat([x, x.mul(2)], -1)],
    ['split from the end', (x: Value) => x.split(-1, [1, 3])[1]!],
    ['reduceMax', (x: Value) => x.reduceMax([-1])],
    ['pad', (x: Value) => x.pad([1, 0, 0], [0, 2, 3])],
    ['sumTo', (x: Value) => x.sumTo([3, 1])],
    ['expandLike', (x: Value) => x.mean([0], true).expandLike(x)],
    ['gradient', (x: Value) => gradients(x.slice(-1, 1, 4, 2).tanh().sum(), [x])[0]!],
  ])('%s', async (_, build) => {
    const [graph, x] = inputs([2, 3, 4]);
    const y = build(x!);
    graph.output('y', y);
    const data = Array.from({ length: 24 }, (_, i) => i);
    const { y: result } = await runGraph(graph, { x0: { shape: [2, 3, 4], data } });
    expect(result!.shape).toEqual(y.shape);
  });
});

describe('the bytes of a step graph', () => {
  it('are the same for the same options, and others for others', () => {
    const build = (beta: number) =>
      Buffer.from(
        buildStepGraph('joint', {
          gan: GANS['pytorch-gan']({ image: [1, 8, 8], latentSize: 10 }),
          optimizer: {
            kind: 'adam',
            learningRate: { kind: 'constant', value: 2e-4 },
            b1: beta,
            b2: 0.999,
            eps: 1e-8,
          },
          generatorLoss: 'nonsaturating',
        }).bytes,
      ).toString('base64');
    expect(build(0.5)).toBe(build(0.5));
    expect(build(0.5)).not.toBe(build(0.6));
  });
});

describe('memory shared between an input and its next value', () => {
  const build = () => {
    const graph = new Graph('update');
    const state = graph.input('state', 'float32', [2, 3]);
    const slope = graph.input('slope', 'float32', [2, 3]);
    return { graph, state, slope };
  };

  it('is safe when the writer alone reads the input, element by element', () => {
    const { graph, state, slope } = build();
    const next = state.sub(slope);
    graph.output('next', next);
    expect(graph.mayShareMemory(state, next)).toBe(true);
  });

  it('is not safe when another node reads the input, directly or through a view of it', () => {
    for (const view of [(x: Value) => x, (x: Value) => x.reshape([6])]) {
      const { graph, state, slope } = build();
      const next = state.sub(slope);
      graph.output('next', next);
      graph.output('other', view(state).exp());
      expect(graph.mayShareMemory(state, next)).toBe(false);
    }
  });

  it('becomes safe when the writer waits for the other readers', () => {
    for (const view of [(x: Value) => x, (x: Value) => x.reshape([6])]) {
      const { graph, state, slope } = build();
      graph.output('other', view(state).exp());
      const zero = graph.zeroAfterReaders(state, [slope]);
      const next = state.sub(slope.add(zero!));
      graph.output('next', next);
      expect(graph.mayShareMemory(state, next)).toBe(true);
    }
  });
});
