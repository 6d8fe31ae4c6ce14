import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { buildLoopGraph, buildStepGraph, GANS, type StepGraphOptions } from '../../src/export/index.js';
import { countFlops } from '../../src/onnx/flops.js';
import {
  ATTRIBUTE_TYPES,
  type AttributeProto,
  DATA_TYPES,
  decodeModel,
  encodeModel,
  type FunctionProto,
  type GraphProto,
  InvalidModelError,
  type ModelProto,
  type NodeProto,
  type TensorProto,
  tensorProto,
  type ValueInfoProto,
} from '../../src/onnx/index.js';
import { inspectModel } from '../../src/onnx/inspect.js';
import { ADAM } from '../support/optimizers.js';

type Dim = number | string | null;

const value = (
  name: string,
  dims: readonly Dim[],
  elem_type: number = DATA_TYPES.float32,
): ValueInfoProto => ({
  name,
  type: {
    tensor_type: {
      elem_type,
      shape: {
        dim: dims.map((dim) =>
          dim === null ? {} : typeof dim === 'number' ? { dim_value: dim } : { dim_param: dim },
        ),
      },
    },
  },
});

const floats = (name: string, ...dims: number[]): TensorProto =>
  tensorProto(name, 'float32', dims, new Float32Array(dims.reduce((a, b) => a * b, 1)).fill(0.5));
const ints = (name: string, ...values: number[]): TensorProto =>
  tensorProto(name, 'int64', [values.length], BigInt64Array.from(values, BigInt));

const attribute = (name: string, given: number | readonly number[] | GraphProto): AttributeProto => {
  if (typeof given === 'number') return { name, type: ATTRIBUTE_TYPES.int, i: given };
  if (Array.isArray(given)) return { name, type: ATTRIBUTE_TYPES.ints, ints: given as number[] };
  return { name, type: ATTRIBUTE_TYPES.graph, g: given as GraphProto };
};

/** `y = Gemm(x, w, b)` and the like. */
function node(text: string, attributes: Record<string, Parameters<typeof attribute>[1]> = {}): NodeProto {
  const [, output, operator, input] = /^(.*) = (?:(\S+))\((.*)\)$/.exec(text)!;
  const [domain, op_type] = operator!.includes('.')
    ? [operator!.slice(0, operator!.lastIndexOf('.')), operator!.slice(operator!.lastIndexOf('.') + 1)]
    : ['', operator!];
  const names = (list: string) => (list === '' ? [] : list.split(', '));
  return {
    domain,
    op_type,
    input: names(input!),
    output: names(output!),
    attribute: Object.entries(attributes).map(([name, given]) => attribute(name, given)),
  };
}

interface Parts {
  inputs: readonly ValueInfoProto[];
  tensors?: readonly TensorProto[];
  nodes: readonly NodeProto[];
  /** Those of the last node by default. */
  outputs?: readonly ValueInfoProto[];
  functions?: FunctionProto[];
  more?: Partial<ModelProto>;
  graph?: Partial<GraphProto>;
}

/** As it comes out of a file. */
function model({ inputs, tensors = [], nodes, outputs, functions = [], more, graph }: Parts): ModelProto {
  const last = nodes.at(-1)?.output ?? [];
  return decodeModel(
    encodeModel({
      ir_version: 8,
      opset_import: [
        { domain: '', version: 18 },
        { domain: 'own', version: 1 },
      ],
      functions,
      graph: {
        name: 'g',
        input: [...inputs],
        initializer: [...tensors],
        node: [...nodes],
        output: [...(outputs ?? last.map((name) => ({ name })))],
        ...graph,
      },
      ...more,
    }),
  );
}

const whyNot = (parts: Parts, sizes?: ReadonlyMap<string, number>): string => {
  try {
    countFlops(model(parts), sizes);
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidModelError);
    return (error as Error).message;
  }
  return 'counted';
};

const MLP: Omit<Parts, 'inputs'> = {
  tensors: [floats('w', 3, 5), floats('b', 5), floats('v', 5, 2), floats('c', 2)],
  nodes: [node('h = Gemm(x, w, b)'), node('a = Relu(h)'), node('m = MatMul(a, v)'), node('y = Add(m, c)')],
};
/** 2 x 3 x 5 and 5 biases, 5 of Relu, 2 x 5 x 2, 2 of Add. */
const MLP_FLOPS = 30 + 5 + 5 + 20 + 2;

describe('FLOPs', () => {
  it('of a small MLP are those computed by hand', () => {
    const flops = countFlops(model({ ...MLP, inputs: [value('x', ['N', 3])] }));
    expect(flops).toMatchObject({ sample: MLP_FLOPS, run: 0, batch: 'any' });
    expect([...flops.byOperator].map(([name, { sample }]) => [name, sample])).toEqual([
      ['Gemm', 35],
      ['MatMul', 20],
      ['Relu', 5],
      ['Add', 2],
    ]);
  });

  it.each([[1], [8], [64]])('are the same a sample when the model takes batches of %i only', (batch) => {
    const flops = countFlops(model({ ...MLP, inputs: [value('x', [batch, 3])] }));
    expect(flops).toMatchObject({ sample: MLP_FLOPS, run: 0, batch });
  });

  it.each([[null], [0], [-1]])('take a first axis of size %s for an open one', (dim) => {
    expect(countFlops(model({ ...MLP, inputs: [value('x', [dim, 3])] }))).toMatchObject({
      sample: MLP_FLOPS,
      batch: 'any',
    });
  });

  it('of a small convolutional network are those computed by hand', () => {
    const flops = countFlops(
      model({
        inputs: [value('x', ['N', 3, 8, 8])],
        tensors: [
          floats('w', 4, 3, 3, 3),
          floats('b', 4),
          floats('scale', 4),
          floats('shift', 4),
          floats('mean', 4),
          floats('var', 4),
          floats('u', 4, 2, 4, 4),
          floats('g', 2, 1, 3, 3),
        ],
        nodes: [
          node('c = Conv(x, w, b)', { strides: [2, 2], pads: [1, 1, 1, 1] }),
          node('n = BatchNormalization(c, scale, shift, mean, var)'),
          node('r = Relu(n)'),
          node('t = ConvTranspose(r, u)', { strides: [2, 2], pads: [1, 1, 1, 1] }),
          node('d = Conv(t, g)', { group: 2 }),
          node('p = MaxPool(d)', { kernel_shape: [3, 3], strides: [3, 3] }),
          node('q = GlobalAveragePool(p)'),
          node('f = Flatten(q)'),
          node('y = Softmax(f)'),
        ],
      }),
    );
    const each = Object.fromEntries([...flops.byOperator].map(([name, { sample }]) => [name, sample]));
    expect(each).toEqual({
      // [4, 4, 4] outputs of 3 x 3 x 3 weights, and a bias; [2, 6, 6] outputs of 3 x 3 weights.
      Conv: 2 * 64 * 27 + 64 + 2 * 72 * 9,
      BatchNormalization: 2 * 64,
      Relu: 64,
      // Every one of 4 x 4 x 4 inputs meets 2 x 4 x 4 weights.
      ConvTranspose: 2 * 64 * 32,
      // [2, 2, 2] windows of 3 x 3.
      MaxPool: 8 * 9,
      GlobalAveragePool: 8,
      Softmax: 5 * 2,
    });
    expect(flops.sample).toBe(Object.values(each).reduce((a, b) => a + b));
  });

  it.each([
    ['ij,jk->ik', [4, 5], [5, 6], 2 * 4 * 5 * 6],
    ['ij,kl->ijkl', [4, 5], [2, 3], 120],
    ['ij,ij->', [4, 5], [4, 5], 40],
  ])('of Einsum %s', (equation, a, b, expected) => {
    const einsum = node('y = Einsum(x, w)');
    const given = { name: 'equation', type: ATTRIBUTE_TYPES.string, s: new TextEncoder().encode(equation) };
    const flops = countFlops(
      model({
        inputs: [value('x', a)],
        tensors: [floats('w', ...b)],
        nodes: [{ ...einsum, attribute: [given] }],
      }),
    );
    expect(flops.sample * a[0]!).toBe(expected);
  });

  /** An operator of an input [1, 4, 6, 6], what it is given beside, and the FLOPs of 144 elements. */
  it.each<[string, readonly TensorProto[], Record<string, number | readonly number[]>, number]>([
    ['Relu', [], {}, 144],
    ['Exp', [], {}, 144],
    ['Add', [floats('a', 2, 4, 6, 6)], {}, 2 * 144],
    ['Greater', [floats('a', 1)], {}, 144],
    ['Max', [floats('a', 1), floats('b', 6)], {}, 2 * 144],
    ['Sum', [], {}, 0],
    ['Mean', [floats('a', 1)], {}, 2 * 144],
    ['Softmax', [], {}, 5 * 144],
    ['ReduceSum', [], {}, 144],
    ['ReduceL2', [ints('axes', 1)], {}, 2 * 144],
    ['ArgMax', [], {}, 144],
    ['AveragePool', [], { kernel_shape: [2, 2], strides: [2, 2] }, 4 * 9 * 4],
    ['GlobalMaxPool', [], {}, 144],
    ['BatchNormalization', [floats('a', 4), floats('b', 4), floats('c', 4), floats('d', 4)], {}, 2 * 144],
    ['InstanceNormalization', [floats('a', 4), floats('b', 4)], {}, 7 * 144],
    ['LayerNormalization', [floats('a', 6)], {}, 7 * 144],
    ['LRN', [], { size: 5 }, 8 * 144],
    ['Dropout', [], {}, 0],
    ['Transpose', [], {}, 0],
    ['Flatten', [], {}, 0],
    ['Cast', [], { to: DATA_TYPES.float16 }, 0],
    ['DepthToSpace', [], { blocksize: 2 }, 0],
    ['Conv', [floats('a', 2, 4, 1, 1)], {}, 2 * 72 * 4],
    ['Conv', [floats('a', 4, 1, 1, 1), floats('b', 4)], { group: 4 }, 2 * 144 + 144],
    ['com.microsoft.FusedMatMul', [floats('a', 6, 5)], {}, 2 * 120 * 6],
    ['com.microsoft.InPlaceAccumulatorV2', [floats('a', 1, 4, 6, 6)], {}, 144],
  ])('of %s', (operator, tensors, attributes, expected) => {
    const inputs = ['x', ...tensors.map(({ name }) => name)].join(', ');
    const nodes = [node(`y = ${operator}(${inputs})`, attributes)];
    const parts = { inputs: [value('x', [1, 4, 6, 6])], tensors, nodes };
    expect(countFlops(model(parts)).sample).toBe(expected);
  });

  it('count what grows with the batch apart from what every run costs', () => {
    const flops = countFlops(
      model({
        inputs: [value('x', ['N', 3]), value('w', [3, 4]), value('rate', [])],
        nodes: [node('y = MatMul(x, w)'), node('s = Mul(w, rate)'), node('w.next = Sub(w, s)')],
        outputs: [{ name: 'y' }, { name: 'w.next' }],
      }),
    );
    expect(flops).toMatchObject({ sample: 2 * 3 * 4, run: 12 + 12, batch: 'any' });
  });

  it('are of the whole run where the inputs share no batch', () => {
    const parts = { inputs: [value('a', [2, 3]), value('b', [3, 4])], nodes: [node('y = MatMul(a, b)')] };
    expect(countFlops(model(parts))).toMatchObject({ sample: 0, run: 2 * 2 * 3 * 4, batch: undefined });
  });

  it('are of a batch of 64 where they do not grow in proportion to it', () => {
    const nodes = [node('t = Transpose(x)'), node('y = MatMul(x, t)')];
    const flops = countFlops(model({ inputs: [value('x', ['N', 3])], nodes }));
    expect(flops).toMatchObject({ sample: (2 * 64 * 64 * 3) / 64, batch: 64 });
  });

  it('are of a batch of 1 where the nodes take no other, whatever the input declares', () => {
    const nodes = [node('r = Reshape(x, shape)'), node('y = MatMul(r, w)')];
    const tensors = [ints('shape', 1, 6), floats('w', 6, 2)];
    const flops = countFlops(model({ inputs: [value('x', ['N', 2, 3])], tensors, nodes }));
    expect(flops).toMatchObject({ sample: 2 * 6 * 2, batch: 1 });
  });

  it('leave out what is computed once, and what is done to sizes', () => {
    const flops = countFlops(
      model({
        inputs: [value('x', ['N', 3])],
        tensors: [floats('w', 4, 3), floats('two', 1), ints('one', 1), ints('more', 1)],
        nodes: [
          node('doubled = Mul(w, two)'),
          node('t = Transpose(doubled)'),
          node('shape = Shape(x)'),
          node('sum = Add(shape, more)'),
          node('y = MatMul(x, t)'),
        ],
        outputs: [{ name: 'y' }, { name: 'sum' }],
      }),
    );
    expect(flops).toMatchObject({ sample: 2 * 3 * 4, run: 0 });
  });

  it('count a function for every call, and of a branch that is known only that one', () => {
    const square: FunctionProto = {
      name: 'Square',
      domain: 'own',
      input: ['a'],
      output: ['b'],
      opset_import: [{ domain: '', version: 18 }],
      node: [node('b = Mul(a, a)')],
    };
    const branch = (operator: string, out: string): GraphProto => ({
      name: out,
      node: [node(`${out} = ${operator}(s)`)],
      output: [{ name: out }],
    });
    const noise: GraphProto = {
      name: 'noise',
      output: [{ name: 'q' }],
      node: [node('n = RandomNormal()', { shape: [9] }), node('q = Add(s, n)')],
    };
    const parts: Parts = {
      inputs: [value('x', ['N', 7])],
      tensors: [tensorProto('yes', 'bool', [], Uint8Array.of(1))],
      functions: [square],
      nodes: [
        node('r = own.Square(x)'),
        node('s = own.Square(r)'),
        node('y = If(yes)', { then_branch: branch('Relu', 'p'), else_branch: noise }),
      ],
    };
    expect(countFlops(model(parts))).toMatchObject({ sample: 7 + 7 + 7, run: 0 });
    expect([...inspectModel(model(parts)).operators]).toEqual([
      ['own.Square', 2],
      ['Add', 1],
      ['If', 1],
      ['Mul', 1],
      ['RandomNormal', 1],
      ['Relu', 1],
    ]);
  });

  it('take sizes that the inputs leave open from whoever knows them', () => {
    const parts = {
      inputs: [value('x', ['N', 'length', 3])],
      tensors: [floats('w', 3, 4)],
      nodes: [node('y = MatMul(x, w)')],
    };
    expect(whyNot(parts)).toBe('axis 1 of input "x" has the open size "length", which must be given');
    expect(countFlops(model(parts), new Map([['length', 10]]))).toMatchObject({ sample: 240, batch: 'any' });
    const both = new Map(Object.entries({ length: 10, N: 2 }));
    expect(countFlops(model(parts), both)).toMatchObject({ sample: 240, batch: 2 });
  });

  it('of the whole step of gan.py are those of its matrix products, counted by hand', () => {
    const gan = GANS['pytorch-gan']({ image: [1, 28, 28], latentSize: 100 });
    const options: StepGraphOptions = { gan, optimizer: ADAM, generatorLoss: 'nonsaturating' };
    const g = 100 * 128 + 128 * 256 + 256 * 512 + 512 * 1024 + 1024 * 784;
    const d = 784 * 512 + 512 * 256 + 256;
    const biases = 128 + 256 + 512 + 1024 + 784 + 2 * (512 + 256 + 1);
    // Forwards G once and D twice; gradients of all weights; of all inputs but latents, of images only for G's loss. On G's
    // batch both losses share D's, the last of which is the same row of weights for every sample.
    const forward = 2 * g + 2 * 2 * d + biases;
    const ofWeights = 2 * g + 2 * 2 * d;
    const ofInputs = 2 * (g - 100 * 128) + 2 * (d - 256) + 2 * (d - 784 * 512);
    const flops = countFlops(decodeModel(buildStepGraph('joint', options).bytes));
    expect(flops.batch).toBe('any');
    expect(flops.byOperator.get('Gemm')).toEqual({ sample: forward + ofWeights + ofInputs, run: 0 });
    // Adam does at least 8 operations on each parameter, and no more than 20.
    const parameters = g + d + biases + 2 * (256 + 512 + 1024);
    expect(flops.run / parameters).toBeGreaterThan(8);
    expect(flops.run / parameters).toBeLessThan(20);
    expect(inspectModel(decodeModel(buildLoopGraph(['joint'], options).bytes)).flops).toEqual({
      unknown: 'the cost of Loop cannot be told from shapes',
    });
  });

  it.each<[string, Parts, string]>([
    [
      'operators that it does not know',
      { inputs: [value('x', [1, 3])], nodes: [node('a = LSTM(x, x, x)'), node('y = ai.onnx.ml.Scaler(a)')] },
      'the cost of LSTM, ai.onnx.ml.Scaler cannot be told from shapes',
    ],
    [
      'sizes that depend on data',
      {
        inputs: [value('x', ['N', 3]), value('s', [2], DATA_TYPES.int64)],
        nodes: [node('y = Reshape(x, s)')],
      },
      'node "y" (Reshape): the size of its output depends on computed data, its input 1',
    ],
    [
      'a branch that depends on data',
      {
        inputs: [value('x', ['N', 3]), value('c', [], DATA_TYPES.bool)],
        nodes: [
          node('y = If(c)', {
            then_branch: { name: 't', node: [node('p = Relu(x)')], output: [{ name: 'p' }] },
            else_branch: { name: 'e', node: [node('q = Tanh(x)')], output: [{ name: 'q' }] },
          }),
        ],
      },
      'node "y" (If): which of its branches runs depends on computed data',
    ],
    [
      'an axis without a size',
      { inputs: [value('x', ['N', null])], nodes: [node('y = Relu(x)')] },
      'axis 1 of input "x" has no declared size',
    ],
    [
      'an input without a shape',
      { inputs: [{ name: 'x', type: { tensor_type: { elem_type: 1 } } }], nodes: [node('y = Relu(x)')] },
      'input "x" has no declared shape',
    ],
    [
      'an input that is a sequence',
      {
        inputs: [{ name: 'x', type: { sequence_type: { elem_type: { tensor_type: { elem_type: 1 } } } } }],
        nodes: [node('y = Identity(x)')],
      },
      'input "x" is not a tensor',
    ],
    [
      'an absurd size',
      { inputs: [value('x', ['N', 2 ** 52])], nodes: [node('y = Relu(x)')] },
      'node "y" (Relu): its output would be of shape [64, 4503599627370496]',
    ],
  ])('are unknown, and why, with %s; all else is said', (_, parts, reason) => {
    expect(whyNot(parts)).toBe(reason);
    const summary = inspectModel(model(parts));
    expect(summary.flops).toEqual({ unknown: reason });
    expect(summary.inputs).toHaveLength(parts.inputs.length);
  });
});

describe('a summary', () => {
  it('of models/mnist has the parameters of its layers', () => {
    const summary = inspectModel(decodeModel(readFileSync('models/mnist/generator.onnx')));
    const weights = 64 * 256 + 256 * 512 + 512 * 784;
    const biases = 256 + 512 + 784;
    const normalisation = 4 * 256 + 4 * 512;
    expect(summary.parameters).toBe(weights + biases + normalisation);
    expect(summary.flops).toMatchObject({ batch: 'any', run: 0 });
    expect(summary.flops).toHaveProperty(
      'sample',
      2 * weights + biases + 2 * (256 + 512) + (256 + 512) + 784, // Batch normalisation, LeakyRelu, Tanh.
    );
    expect(summary.inputs).toEqual([{ name: 'z', type: 'float32', shape: ['N', 64] }]);
    expect(summary.outputs).toEqual([{ name: 'image', type: 'float32', shape: ['N', 1, 28, 28] }]);
    expect(summary.opsets).toEqual([{ domain: 'ai.onnx', version: 18 }]);
    expect(summary.metadata.get('latent.size')).toBe('64');
  });

  it('counts initialisers by type, also sparse ones and those of branches', () => {
    const branch = (name: string): GraphProto => ({
      name,
      initializer: [
        { name: `${name}.w`, dims: [3], data_type: DATA_TYPES.float64, raw_data: new Uint8Array(24) },
      ],
      node: [node(`${name}.y = Identity(${name}.w)`)],
      output: [{ name: `${name}.y` }],
    });
    const summary = inspectModel(
      model({
        inputs: [value('c', [], DATA_TYPES.bool), value('kept', [2]), value('d', [2])],
        tensors: [
          floats('kept', 2),
          { name: 'half', dims: [5], data_type: DATA_TYPES.float16, raw_data: new Uint8Array(10) },
          { name: 'brain', dims: [4], data_type: 16, raw_data: new Uint8Array(8) },
          { name: 'tiny', dims: [3], data_type: 22, raw_data: new Uint8Array(2) },
          {
            name: 'words',
            dims: [2],
            data_type: DATA_TYPES.string,
            string_data: [Uint8Array.of(1, 2, 3), Uint8Array.of(4)],
          },
        ],
        graph: {
          sparse_initializer: [{ values: floats('sparse', 2), indices: ints('', 1, 7), dims: [100] }],
        },
        nodes: [node('y = If(c)', { then_branch: branch('t'), else_branch: branch('e') })],
      }),
    );
    const totals = (tensors: number, elements: number, bytes: number, float: boolean) => ({
      tensors,
      elements,
      bytes,
      float,
    });
    expect(Object.fromEntries(summary.initialisers)).toEqual({
      float64: totals(2, 6, 48, true),
      float32: totals(2, 4, 16, true),
      int64: totals(1, 2, 16, false),
      float16: totals(1, 5, 10, true),
      bfloat16: totals(1, 4, 8, true),
      string: totals(1, 2, 4, false),
      int4: totals(1, 3, 2, false),
    });
    expect(summary.parameters).toBe(6 + 4 + 5 + 4);
    // One that has an initialiser as its default is no input that anybody must give.
    expect(summary.inputs.map(({ name }) => name)).toEqual(['c', 'd']);
  });

  it('says shapes and types as they are declared', () => {
    const summary = inspectModel(
      model({
        inputs: [
          value('a', ['N', 3, null, -1]),
          { name: 'b', type: { tensor_type: { elem_type: 16 } } },
          { name: 'c', type: { sequence_type: { elem_type: value('', [2], 7).type } } },
          { name: 'd' },
          value('e', [], 99),
        ],
        nodes: [],
        outputs: [{ name: 'a' }],
      }),
    );
    expect(summary.inputs).toEqual([
      { name: 'a', type: 'float32', shape: ['N', 3, null, -1] },
      { name: 'b', type: 'bfloat16', shape: null },
      { name: 'c', type: 'sequence of int64', shape: null },
      { name: 'd', type: 'unknown', shape: null },
      { name: 'e', type: 'type 99', shape: [] },
    ]);
  });

  it('is refused where there is more of something than any real model has', () => {
    const refusal = (parts: Partial<Parts>) => {
      try {
        inspectModel(model({ inputs: [value('x', [1])], nodes: [], outputs: [{ name: 'x' }], ...parts }));
      } catch (error) {
        expect(error).toBeInstanceOf(InvalidModelError);
        return (error as Error).message;
      }
      return 'accepted';
    };
    const metadata = (count: number, length: number) => ({
      more: {
        metadata_props: Array.from({ length: count }, (_, i) => ({ key: `${i}`, value: 'v'.repeat(length) })),
      },
    });
    expect(refusal(metadata(10_000, 100))).toBe('accepted');
    expect(refusal(metadata(10_001, 1))).toBe('it has 10001 metadata, more than 10000');
    expect(refusal(metadata(2, 2 ** 23))).toMatch(/^it has 1677\d+ characters of names and metadata/);
    expect(
      refusal({
        inputs: Array.from({ length: 10_001 }, (_, i) => value(`x${i}`, [1])),
        outputs: [{ name: 'x0' }],
      }),
    ).toBe('it has 10001 inputs, more than 10000');
    expect(refusal({ inputs: [value('x', Array(33).fill(1))] })).toBe('value "x" has 33 axes');
  });
});
