import { InferenceSession } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { operatorNames } from '../../src/onnx/dry-run/operators.js';
import {
  ATTRIBUTE_TYPES,
  type AttributeProto,
  DATA_TYPES,
  decodeModel,
  dryRun,
  encodeModel,
  type FunctionProto,
  type GraphProto,
  InvalidModelError,
  type ModelProto,
  type NodeProto,
  type TensorProto,
  tensorProto,
} from '../../src/onnx/index.js';

type Plain = number | string | readonly number[] | TensorProto | GraphProto | { float: number };

/** Floats from 1 in steps of 1/4, without zeros and whole numbers only. */
function floats(...dims: number[]): TensorProto {
  const count = dims.reduce((a, b) => a * b, 1);
  return tensorProto(
    '',
    'float32',
    dims,
    Float32Array.from({ length: count }, (_, i) => 1 + (i % 16) / 4),
  );
}

const numbers = (...values: number[]) =>
  tensorProto('', 'float32', [values.length], Float32Array.from(values));
const ints = (...values: number[]) =>
  tensorProto('', 'int64', [values.length], BigInt64Array.from(values, BigInt));
const int = (value: number) => tensorProto('', 'int64', [], BigInt64Array.of(BigInt(value)));
const bytes = (...dims: number[]) =>
  tensorProto('', 'uint8', dims, new Uint8Array(dims.reduce((a, b) => a * b, 1)).fill(2));
const byte = () => bytes();
const scale = () => tensorProto('', 'float32', [], Float32Array.of(0.5));
const truths = (...values: number[]) => tensorProto('', 'bool', [values.length], Uint8Array.from(values));

function attribute(name: string, value: Plain): AttributeProto {
  const type = (kind: keyof typeof ATTRIBUTE_TYPES) => ({ name, type: ATTRIBUTE_TYPES[kind] });
  if (typeof value === 'number') return { ...type('int'), i: value };
  if (typeof value === 'string') return { ...type('string'), s: new TextEncoder().encode(value) };
  if (Array.isArray(value)) return { ...type('ints'), ints: value as number[] };
  if ('float' in value) return { ...type('float'), f: value.float };
  return 'data_type' in value
    ? { ...type('tensor'), t: value }
    : { ...type('graph'), g: value as GraphProto };
}

const attributes = (values: Record<string, Plain> = {}) =>
  Object.entries(values).map(([name, value]) => attribute(name, value));

const node = (
  op_type: string,
  input: readonly string[],
  output: readonly string[],
  values?: Record<string, Plain>,
): NodeProto => ({ op_type, input: [...input], output: [...output], attribute: attributes(values) });

interface Case {
  /** Inputs of the node; null is one that is left out. */
  inputs: readonly (TensorProto | null)[];
  attributes?: Record<string, Plain>;
  outputs?: number;
  opset?: number;
}

/** A model of one node whose inputs are constant. */
function single(name: string, { inputs, attributes: values, outputs = 1, opset = 21 }: Case): ModelProto {
  const microsoft = name.startsWith('com.microsoft.');
  const domain = microsoft ? 'com.microsoft' : '';
  const op = name.replace('com.microsoft.', '');
  const output = Array.from({ length: outputs }, (_, i) => `y${i}`);
  const input = inputs.map((tensor, i) => (tensor === null ? '' : `x${i}`));
  return {
    ir_version: 10,
    opset_import: [
      { domain: '', version: opset },
      { domain: 'com.microsoft', version: 1 },
    ],
    graph: {
      name: 'single',
      initializer: inputs.flatMap((tensor, i) => (tensor === null ? [] : [{ ...tensor, name: `x${i}` }])),
      node: [{ ...node(op, input, output, values), domain }],
      output: output.map((y) => ({ name: y })),
    },
  };
}

function outlines(model: ModelProto) {
  const file = encodeModel(model);
  return dryRun(decodeModel(file), new Map(), file.length);
}

/** Why a model is refused; anything but an InvalidModelError fails the test. */
function refusal(model: ModelProto, inputs = new Map<string, number[]>(), size?: number): string {
  const file = encodeModel(model);
  try {
    dryRun(decodeModel(file), inputs, size ?? file.length);
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidModelError);
    return (error as Error).message;
  }
  return 'accepted';
}

const refusalOf = (name: string, one: Case) => refusal(single(name, one));

const each = (names: string, cases: readonly Case[]): Record<string, Case[]> =>
  Object.fromEntries(names.split(' ').map((name) => [name, [...cases]]));
const same = (names: string) => each(names, [{ inputs: [floats(2, 3, 4)] }]);
const pairs = (names: string) =>
  each(names, [
    { inputs: [floats(2, 1, 4), floats(3, 1)] },
    { inputs: [numbers(1.5, 2, 3), numbers(2)] },
    { inputs: [floats(), floats(0, 3)] },
  ]);
const REDUCTIONS: readonly Case[] = [
  { inputs: [floats(2, 3, 4), ints(-1, 0)] },
  { inputs: [floats(2, 3, 4), ints(1)], attributes: { keepdims: 0 } },
  { inputs: [floats(2, 3, 4)] },
  { inputs: [floats(2, 3), ints()], attributes: { noop_with_empty_axes: 1 } },
  { inputs: [floats(2, 3, 4)], attributes: { axes: [1], keepdims: 0 }, opset: 11 },
];
const ofIntegers: Case = { inputs: [ints(2, 3, 4)], attributes: { keepdims: 0 } };

/** At least one case of each operator that a model may have. */
const CASES: Record<string, Case[]> = {
  ...same('Abs Acos Acosh Asin Asinh Atan Atanh Ceil Celu Cos Cosh Dropout Elu Erf Exp Floor HardSigmoid'),
  ...same(
    'HardSwish Hardmax Identity IsInf IsNaN LeakyRelu Log LogSoftmax LpNormalization Mish Neg Reciprocal',
  ),
  ...same('Relu Round Selu Shape Shrink Sigmoid Sign Sin Sinh Size Softmax Softplus Softsign Sqrt Tan Tanh'),
  ...same('ThresholdedRelu com.microsoft.Gelu com.microsoft.QuickGelu com.microsoft.FastGelu'),
  ...pairs('Add Sub Mul Div Pow Max Min Mean Sum Equal Greater GreaterOrEqual Less LessOrEqual PRelu'),
  ...each('ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMean ReduceSumSquare', REDUCTIONS),
  ...each('ReduceMax ReduceMin ReduceProd ReduceSum', [...REDUCTIONS, ofIntegers]),
  AffineGrid: [
    { inputs: [floats(2, 2, 3), ints(2, 3, 4, 5)] },
    { inputs: [floats(2, 3, 4), ints(2, 3, 4, 5, 6)] },
  ],
  And: [{ inputs: [truths(0, 1, 1), truths(1)] }],
  ArgMax: [{ inputs: [floats(2, 3, 4)], attributes: { axis: -1, keepdims: 0 } }, { inputs: [floats(2, 3)] }],
  ArgMin: [{ inputs: [floats(2, 3, 4)], attributes: { axis: 1 } }],
  Attention: [
    { inputs: [floats(2, 3, 4, 8), floats(2, 3, 6, 8), floats(2, 3, 6, 5)], opset: 23 },
    {
      inputs: [floats(2, 4, 24), floats(2, 6, 24), floats(2, 6, 30)],
      attributes: { q_num_heads: 3, kv_num_heads: 3 },
      opset: 23,
    },
  ],
  AveragePool: [
    {
      inputs: [floats(1, 2, 7, 9)],
      attributes: { kernel_shape: [3, 2], strides: [2, 3], pads: [1, 0, 1, 1] },
    },
  ],
  BatchNormalization: [{ inputs: [floats(2, 3, 4), floats(3), floats(3), floats(3), floats(3)] }],
  BitShift: [{ inputs: [bytes(2, 3), byte()], attributes: { direction: 'LEFT' } }],
  BitwiseAnd: [{ inputs: [ints(5, 6), ints(3)] }],
  BitwiseNot: [{ inputs: [ints(5, 6)] }],
  BitwiseOr: [{ inputs: [ints(5, 6), ints(3)] }],
  BitwiseXor: [{ inputs: [ints(5, 6), ints(3)] }],
  Cast: [
    { inputs: [numbers(-1.5, 0, 2.7)], attributes: { to: DATA_TYPES.int64 } },
    { inputs: [numbers(-1.5, 0, 2.7)], attributes: { to: DATA_TYPES.bool } },
    { inputs: [ints(16_777_217)], attributes: { to: DATA_TYPES.float32 } },
  ],
  CastLike: [{ inputs: [numbers(1.5, 2), ints(1)] }],
  Clip: [{ inputs: [floats(2, 3), scale(), null] }],
  Col2Im: [{ inputs: [floats(1, 12, 4), ints(4, 4), ints(2, 2)], attributes: { strides: [2, 2] } }],
  Concat: [
    { inputs: [ints(1, 2), ints(3)], attributes: { axis: 0 } },
    { inputs: [floats(2, 3), floats(2, 1), floats(2, 0)], attributes: { axis: -1 } },
  ],
  Constant: [
    { inputs: [], attributes: { value: ints(4, 5) } },
    { inputs: [], attributes: { value_ints: [4, 5] } },
    { inputs: [], attributes: { value_int: 4 } },
    { inputs: [], attributes: { value_float: { float: 0.5 } } },
  ],
  ConstantOfShape: [{ inputs: [ints(2, 3)] }, { inputs: [ints()], attributes: { value: ints(7) } }],
  Conv: [
    {
      inputs: [floats(2, 4, 9, 8), floats(6, 2, 3, 2), floats(6)],
      attributes: { group: 2, strides: [2, 1], dilations: [1, 3], pads: [1, 0, 2, 1] },
    },
    { inputs: [floats(1, 2, 9), floats(3, 2, 4)], attributes: { auto_pad: 'SAME_UPPER', strides: [2] } },
    { inputs: [floats(1, 2, 9), floats(3, 2, 4)], attributes: { auto_pad: 'VALID', strides: [2] } },
  ],
  ConvInteger: [{ inputs: [bytes(1, 2, 5, 5), bytes(3, 2, 3, 3), byte()] }],
  ConvTranspose: [
    {
      inputs: [floats(2, 4, 3, 5), floats(4, 3, 3, 4), null],
      attributes: {
        group: 2,
        strides: [2, 3],
        pads: [1, 0, 0, 1],
        output_padding: [1, 0],
        dilations: [2, 1],
      },
    },
    {
      inputs: [floats(1, 1, 3, 3), floats(1, 1, 4, 4)],
      attributes: { strides: [2, 2], output_shape: [7, 8] },
    },
    {
      inputs: [floats(1, 1, 3, 3), floats(1, 1, 4, 4)],
      attributes: { strides: [2, 2], auto_pad: 'SAME_LOWER' },
    },
  ],
  CumSum: [{ inputs: [floats(2, 3), int(1)] }],
  DepthToSpace: [{ inputs: [floats(2, 8, 3, 4)], attributes: { blocksize: 2 } }],
  DequantizeLinear: [{ inputs: [bytes(2, 3), scale(), byte()] }],
  Div: [{ inputs: [ints(7, -7), ints(2)] }, { inputs: [floats(2, 3), floats(3)] }],
  DynamicQuantizeLinear: [{ inputs: [floats(2, 3)], outputs: 3 }],
  Dropout: [{ inputs: [floats(2, 3)], outputs: 2 }],
  Einsum: [
    { inputs: [floats(2, 3), floats(3, 4)], attributes: { equation: 'ij,jk->ik' } },
    { inputs: [floats(2, 3), floats(3, 4)], attributes: { equation: 'ij , jk' } },
    { inputs: [floats(5, 2, 3), floats(3, 4)], attributes: { equation: '...ij,jk->...ik' } },
    { inputs: [floats(2, 3), floats(4)], attributes: { equation: 'ij,k->kij' } },
    { inputs: [floats(3, 3)], attributes: { equation: 'ii->i' } },
    { inputs: [floats(2, 3)], attributes: { equation: 'ji' } },
  ],
  Expand: [{ inputs: [floats(3, 1), ints(2, 1, 4)] }, { inputs: [ints(1, 2), ints(2, 2)] }],
  EyeLike: [{ inputs: [floats(2, 3)] }],
  Flatten: [
    { inputs: [floats(2, 3, 4)], attributes: { axis: -1 } },
    { inputs: [floats(2, 3)], attributes: { axis: 2 } },
  ],
  Gather: [
    { inputs: [floats(2, 3, 4), ints(1, -1)], attributes: { axis: 1 } },
    { inputs: [ints(5, 6, 7), int(-1)] },
  ],
  GatherElements: [{ inputs: [floats(3, 3), tensorProto('', 'int64', [1, 2], BigInt64Array.of(0n, 2n))] }],
  GatherND: [
    { inputs: [floats(2, 3, 4), tensorProto('', 'int64', [2, 2], BigInt64Array.of(0n, 1n, 1n, 2n))] },
    {
      inputs: [floats(2, 3, 4), tensorProto('', 'int64', [2, 1], BigInt64Array.of(1n, 2n))],
      attributes: { batch_dims: 1 },
    },
  ],
  Gelu: [{ inputs: [floats(2, 3)] }],
  Gemm: [
    { inputs: [floats(2, 3), floats(3, 4), floats(4)] },
    { inputs: [floats(3, 2), floats(4, 3)], attributes: { transA: 1, transB: 1 } },
  ],
  ...Object.fromEntries(
    ['GlobalAveragePool', 'GlobalLpPool', 'GlobalMaxPool'].map((name) => [
      name,
      [{ inputs: [floats(2, 3, 4, 5)] }],
    ]),
  ),
  GridSample: [{ inputs: [floats(2, 3, 4, 5), floats(2, 6, 7, 2)] }],
  GroupNormalization: [{ inputs: [floats(2, 4, 5), floats(4), floats(4)], attributes: { num_groups: 2 } }],
  InstanceNormalization: [{ inputs: [floats(2, 4, 5), floats(4), floats(4)] }],
  LRN: [{ inputs: [floats(2, 4, 5, 5)], attributes: { size: 3 } }],
  LayerNormalization: [
    { inputs: [floats(2, 3, 4), floats(3, 4), floats(3, 4)], attributes: { axis: 1 }, outputs: 3 },
  ],
  LpPool: [{ inputs: [floats(1, 2, 7, 9)], attributes: { kernel_shape: [3, 2] } }],
  MatMul: [
    { inputs: [floats(5, 1, 2, 3), floats(4, 3, 6)] },
    { inputs: [floats(3), floats(4, 3, 6)] },
    { inputs: [floats(2, 3), floats(3)] },
    { inputs: [floats(3), floats(3)] },
  ],
  MatMulInteger: [{ inputs: [bytes(2, 3), bytes(3, 4), byte()] }],
  MaxPool: [
    { inputs: [floats(1, 2, 7, 9)], attributes: { kernel_shape: [3, 2], dilations: [2, 1] }, outputs: 2 },
    { inputs: [floats(1, 1, 5, 7)], attributes: { kernel_shape: [2, 2], strides: [2, 3], ceil_mode: 1 } },
    {
      inputs: [floats(1, 1, 2, 2)],
      attributes: { kernel_shape: [1, 1], strides: [2, 2], pads: [0, 0, 0, 0], ceil_mode: 1 },
    },
  ],
  MeanVarianceNormalization: [{ inputs: [floats(2, 3, 4, 4)] }],
  Mod: [
    { inputs: [ints(7, -7, 8), ints(3, 3, -3)] },
    { inputs: [ints(7, -7, 8), ints(3)], attributes: { fmod: 1 } },
  ],
  Not: [{ inputs: [truths(0, 1)] }],
  OneHot: [
    { inputs: [ints(0, 2), int(3), numbers(0, 1)] },
    { inputs: [ints(0, 2), int(3), numbers(0, 1)], attributes: { axis: 0 } },
  ],
  Or: [{ inputs: [truths(0, 1), truths(0)] }],
  Pad: [
    { inputs: [floats(2, 3), ints(1, 0, 2, -1)] },
    { inputs: [floats(2, 3), ints(1, 2), null, ints(-1)] },
    { inputs: [floats(2, 3)], attributes: { pads: [1, 0, 2, 3] }, opset: 10 },
  ],
  QLinearConv: [
    { inputs: [bytes(1, 2, 5, 5), scale(), byte(), bytes(3, 2, 3, 3), scale(), byte(), scale(), byte()] },
  ],
  QLinearMatMul: [{ inputs: [bytes(2, 3), scale(), byte(), bytes(3, 4), scale(), byte(), scale(), byte()] }],
  QuantizeLinear: [{ inputs: [floats(2, 3), scale(), byte()] }],
  RMSNormalization: [{ inputs: [floats(2, 3), floats(3)], opset: 23 }],
  RandomNormal: [{ inputs: [], attributes: { shape: [2, 3] } }],
  RandomNormalLike: [{ inputs: [floats(2, 3)] }],
  RandomUniform: [{ inputs: [], attributes: { shape: [2, 3] } }],
  RandomUniformLike: [{ inputs: [floats(2, 3)] }],
  Range: [
    { inputs: [int(2), int(9), int(3)] },
    { inputs: [int(9), int(2), int(-2)] },
    { inputs: [int(9), int(2), int(1)] },
  ],
  Reshape: [
    { inputs: [floats(2, 3, 4), ints(0, -1, 2)] },
    { inputs: [ints(1, 2, 3, 4), ints(2, -1)] },
    { inputs: [floats(0, 3), ints(3, 0)], attributes: { allowzero: 1 } },
  ],
  Resize: [
    { inputs: [floats(1, 2, 4, 5), null, numbers(1, 1, 1.7, 2)] },
    { inputs: [floats(1, 2, 4, 5), null, null, ints(1, 2, 9, 3)], attributes: { mode: 'linear' } },
    { inputs: [floats(1, 2, 4, 5), null, null, ints(9, 3)], attributes: { axes: [2, 3] } },
    {
      inputs: [floats(1, 2, 4, 5), null, null, ints(9, 9)],
      attributes: { axes: [2, 3], keep_aspect_ratio_policy: 'not_larger' },
    },
    { inputs: [floats(1, 2, 4, 5), numbers(1, 1, 2, 3)], opset: 10 },
  ],
  Scatter: [
    {
      inputs: [floats(3, 3), tensorProto('', 'int64', [1, 2], BigInt64Array.of(0n, 2n)), floats(1, 2)],
      opset: 10,
    },
  ],
  ScatterElements: [
    { inputs: [floats(3, 3), tensorProto('', 'int64', [1, 2], BigInt64Array.of(0n, 2n)), floats(1, 2)] },
  ],
  ScatterND: [
    { inputs: [floats(3, 2), tensorProto('', 'int64', [1, 1], BigInt64Array.of(2n)), floats(1, 2)] },
  ],
  Slice: [
    { inputs: [floats(5, 6), ints(1, -2), ints(9, -9), ints(0, 1), ints(2, -3)] },
    { inputs: [ints(1, 2, 3, 4, 5), ints(-1), ints(-(2 ** 62)), ints(0), ints(-2)] },
    { inputs: [floats(5, 6), ints(3), ints(1)] },
    { inputs: [floats(5, 6)], attributes: { starts: [1], ends: [3], axes: [1] }, opset: 9 },
  ],
  SpaceToDepth: [{ inputs: [floats(2, 2, 6, 4)], attributes: { blocksize: 2 } }],
  Split: [
    { inputs: [floats(2, 7), ints(3, 4)], attributes: { axis: 1 }, outputs: 2 },
    { inputs: [ints(1, 2, 3, 4, 5)], attributes: { num_outputs: 3 }, outputs: 3 },
    { inputs: [floats(6)], outputs: 3, opset: 13 },
  ],
  Squeeze: [
    { inputs: [floats(1, 3, 1), ints(-1)] },
    { inputs: [floats(1, 3, 1)] },
    { inputs: [floats(1, 3, 1)], attributes: { axes: [0] }, opset: 11 },
  ],
  Swish: [{ inputs: [floats(2, 3)], opset: 24 }],
  Tile: [{ inputs: [floats(2, 3), ints(2, 0)] }, { inputs: [ints(1, 2), ints(3)] }],
  TopK: [
    { inputs: [floats(2, 5), ints(3)], outputs: 2 },
    { inputs: [floats(2, 5), ints(1)], attributes: { axis: 0 }, outputs: 2 },
  ],
  Transpose: [
    { inputs: [floats(2, 3, 4)], attributes: { perm: [2, 0, 1] } },
    { inputs: [floats(2, 3)] },
    { inputs: [tensorProto('', 'int64', [2, 3], BigInt64Array.of(1n, 2n, 3n, 4n, 5n, 6n))] },
  ],
  Trilu: [{ inputs: [floats(3, 4)] }],
  Unsqueeze: [
    { inputs: [floats(2, 3), ints(0, -1)] },
    { inputs: [floats(2)], attributes: { axes: [1] }, opset: 11 },
  ],
  Upsample: [{ inputs: [floats(1, 2, 4, 5), numbers(1, 1, 2, 3)], opset: 9 }],
  Where: [{ inputs: [truths(0, 1), ints(5), ints(7, 8)] }],
  Xor: [{ inputs: [truths(0, 1), truths(1)] }],
  'com.microsoft.BiasGelu': [{ inputs: [floats(2, 3), floats(3)] }],
  'com.microsoft.FusedConv': [
    { inputs: [floats(1, 2, 5, 5), floats(3, 2, 3, 3)], attributes: { activation: 'Relu' } },
  ],
  'com.microsoft.FusedGemm': [
    { inputs: [floats(2, 3), floats(3, 4), floats(4)], attributes: { activation: 'Relu' } },
  ],
  'com.microsoft.FusedMatMul': [{ inputs: [floats(3, 2), floats(3, 4)], attributes: { transA: 1 } }],
};

/** Operators of opset 24 that that this ONNX Runtime has no kernel for. */
const WITHOUT_KERNEL = ['Swish'];

describe('a dry run', () => {
  it('is tried on every operator that a model may have', () => {
    expect(Object.keys(CASES).sort()).toEqual(operatorNames().sort());
  });

  const cases = Object.entries(CASES).flatMap(([name, list]) =>
    list.map((one, i) => [name, i, one] as const),
  );
  it.each(cases)(
    'gives %s (%i) the shape, and any elements, that ONNX Runtime does',
    async (name, _, one) => {
      const model = single(name, one);
      const found = outlines(model);
      if (WITHOUT_KERNEL.includes(name)) return;
      const session = await InferenceSession.create(encodeModel(model), { logSeverityLevel: 4 });
      for (const [output, tensor] of Object.entries(await session.run({}))) {
        const { shape, values } = found.get(output)!;
        expect(shape).toEqual(tensor.dims);
        if (values === undefined) continue;
        const computed = Array.from(tensor.data as Float32Array | BigInt64Array, Number);
        for (const [i, value] of computed.entries())
          expect(values[i]! / (value || 1)).toBeCloseTo(value ? 1 : 0, 5);
      }
      await session.release();
    },
  );

  it.each(operatorNames().filter((name) => (CASES[name]![0]!.inputs.length ?? 0) > 0))(
    'refuses %s without inputs',
    (name) => {
      expect(refusalOf(name, { ...CASES[name]![0]!, inputs: [] })).toMatch(/it has 0 inputs|missing|has no/);
    },
  );
});

/** A model around nodes that begin at `z`, float32 [64, 8], and end at `image`. */
function chain(
  nodes: readonly NodeProto[],
  more: Partial<GraphProto> = {},
  model: Partial<ModelProto> = {},
): ModelProto {
  const shape = { dim: [{ dim_param: 'N' }, { dim_value: 8 }] };
  return {
    ir_version: 8,
    opset_import: [{ domain: '', version: 18 }],
    ...model,
    graph: {
      name: 'chain',
      input: [{ name: 'z', type: { tensor_type: { elem_type: 1, shape } } }],
      output: [{ name: 'image' }],
      node: [...nodes],
      ...more,
    },
  };
}

const named = (name: string, tensor: TensorProto): TensorProto => ({ ...tensor, name });
const Z = new Map([['z', [64, 8]]]);
const refusalOfChain = (...parameters: Parameters<typeof chain>) => refusal(chain(...parameters), Z);
const subgraph = (nodes: NodeProto[], output: string, more: Partial<GraphProto> = {}): GraphProto => ({
  name: 'branch',
  node: nodes,
  output: [{ name: output }],
  ...more,
});

describe('a dry run refuses what crashes ONNX Runtime, or never ends there', () => {
  it.each(['Max', 'Mean', 'Min', 'Sum', 'Concat', 'Einsum'])('%s with an input left out', (name) => {
    expect(refusalOf(name, { inputs: [floats(2, 2), null] })).toBe(
      `node "y0" (${name}): its input 1 is missing`,
    );
  });

  it.each(['', 'com.microsoft.'])('%sLayerNormalization with an empty name for its bias', (domain) => {
    const message = refusalOf(`${domain}LayerNormalization`, { inputs: [floats(2, 3), floats(3), null] });
    expect(message).toMatch(domain === '' ? /its input 2 is missing/ : /not among those/);
  });

  it.each(['RandomNormal', 'RandomNormalLike'])('%s with a negative scale', (name) => {
    const inputs = name === 'RandomNormal' ? [] : [floats(2)];
    const values = { shape: [2], scale: { float: -2 } };
    expect(refusalOf(name, { inputs, attributes: values })).toMatch(/its scale is -2/);
    expect(refusalOf(name, { inputs, attributes: { ...values, scale: { float: Number.NaN } } })).toMatch(
      /NaN/,
    );
  });

  it.each(['RandomUniform', 'RandomUniformLike'])('%s with bounds in the wrong order', (name) => {
    const inputs = name === 'RandomUniform' ? [] : [floats(2)];
    const draw = (low: number, high: number) =>
      refusalOf(name, { inputs, attributes: { shape: [2], low: { float: low }, high: { float: high } } });
    expect(draw(1, 0)).toMatch(/it draws between 1 and 0/);
    expect(draw(0, Number.POSITIVE_INFINITY)).toMatch(/between 0 and Infinity/);
    expect(draw(-1, 1)).toBe('accepted');
  });

  it.each(['Div', 'Mod'])(
    '%s of integers by zero, by -1 where that may overflow, or by computed ones',
    (name) => {
      expect(refusalOf(name, { inputs: [ints(4), ints(2, 0)] })).toMatch(/divides integers by zero/);
      expect(refusalOf(name, { inputs: [ints(-(2 ** 63)), ints(-1)] })).toMatch(/overflow by -1/);
      expect(refusalOf(name, { inputs: [ints(5), ints(-1)] })).toBe('accepted');
      expect(refusalOf(name, { inputs: [floats(2), floats(2)] })).toBe('accepted');
      const nodes = [
        node('Cast', ['z'], ['whole'], { to: DATA_TYPES.int64 }),
        node(name, ['whole', 'whole'], ['image']),
      ];
      expect(refusalOfChain(nodes)).toMatch(/not known beforehand/);
    },
  );

  it('GatherND with batch_dims outside of its inputs', () => {
    const at = (batch_dims: number) =>
      refusalOf('GatherND', { inputs: [floats(3), ints(1)], attributes: { batch_dims } });
    expect(at(-7)).toMatch(/batch_dims is -7/);
    expect(at(1)).toMatch(/batch_dims is 1/);
  });

  it('Split into other numbers of parts than it has outputs', () => {
    const parts = (num_outputs: number) =>
      refusalOf('Split', { inputs: [floats(6)], outputs: 3, attributes: { num_outputs } });
    expect(parts(2)).toMatch(/2 parts and 3 outputs/);
    expect(parts(2 ** 31)).toMatch(/2147483648 parts/);
    expect(refusalOf('Split', { inputs: [floats(6), ints(2, 2, 2)], outputs: 2 })).toMatch(
      /3 parts and 2 outputs/,
    );
  });

  it('BatchNormalization in a mode that does not exist', () => {
    const inputs = [floats(2, 3), floats(3), floats(3), floats(3), floats(3)];
    expect(refusalOf('BatchNormalization', { inputs, attributes: { training_mode: 2 } })).toMatch(
      /mode is 2/,
    );
  });

  it.each([
    ['strides', [0, 1]],
    ['strides', [1]],
    ['dilations', [1, -1]],
    ['kernel_shape', [0, 3]],
    ['pads', [0, 0, 0, -1]],
  ])('a convolution with %s of %j', (name, values) => {
    const inputs = [floats(1, 2, 5, 5), floats(2, 2, 3, 3)];
    for (const op of ['Conv', 'ConvTranspose']) {
      expect(refusalOf(op, { inputs, attributes: { [name]: values } })).toContain(
        `${name} [${values.join(', ')}]`,
      );
    }
    const pool = { kernel_shape: [2, 2], [name]: values };
    expect(refusalOf('MaxPool', { inputs: inputs.slice(0, 1), attributes: pool })).toContain(
      `${name} [${values.join(', ')}]`,
    );
  });

  it('a convolution of no groups, or with weights of other axes', () => {
    const x = floats(1, 2, 5, 5);
    expect(refusalOf('Conv', { inputs: [x, floats(2, 2, 3, 3)], attributes: { group: 0 } })).toMatch(
      /group is 0/,
    );
    expect(refusalOf('Conv', { inputs: [x, floats(2, 2, 3)] })).toMatch(/weights of 3 axes for images of 4/);
  });

  it.each(['Loop', 'Scan', 'SequenceEmpty', 'ImageDecoder', 'Inverse', 'constructor', 'toString'])(
    'the operator %s, of which nobody knows beforehand what it takes',
    (name) => {
      const message = `node "y0" (${name}): this operator is not among those that generators are known to need`;
      expect(refusalOf(name, { inputs: [floats(2)] })).toBe(message);
    },
  );

  it('operators of other domains', () => {
    expect(refusalOfChain([{ ...node('Tanh', ['z'], ['image']), domain: 'ai.onnx.ml' }])).toMatch(
      /not among/,
    );
    expect(refusalOfChain([{ ...node('Tanh', ['z'], ['image']), domain: 'ai.onnx' }])).toBe('accepted');
  });
});

describe('a dry run refuses what would take memory or time out of all proportion', () => {
  const HUGE = 2 ** 40;

  it.each<[string, Case]>([
    ['ConstantOfShape', { inputs: [ints(HUGE)] }],
    ['Expand', { inputs: [floats(1), ints(HUGE)] }],
    ['Tile', { inputs: [floats(2), ints(HUGE)] }],
    ['Pad', { inputs: [floats(2), ints(0, HUGE)] }],
    ['Range', { inputs: [int(0), int(HUGE), int(1)] }],
    ['Resize', { inputs: [floats(1, 1, 2, 2), null, null, ints(1, 1, HUGE, 1)] }],
    ['Upsample', { inputs: [floats(1, 2), numbers(1, 1e12)], opset: 9 }],
    ['OneHot', { inputs: [ints(0), int(HUGE), numbers(0, 1)] }],
    ['AffineGrid', { inputs: [floats(1, 2, 3), ints(1, 1, HUGE, 1)] }],
    ['RandomNormal', { inputs: [], attributes: { shape: [HUGE] } }],
    ['ConvTranspose', { inputs: [floats(1, 1, 2), floats(1, 1, 2)], attributes: { strides: [HUGE] } }],
    ['ConvTranspose', { inputs: [floats(1, 1, 2), floats(1, 1, 2)], attributes: { output_shape: [HUGE] } }],
    ['Conv', { inputs: [floats(1, 1, 2), floats(1, 1, 2)], attributes: { pads: [0, HUGE] } }],
    ['TopK', { inputs: [floats(2), ints(HUGE)], outputs: 2 }],
    ['Add', { inputs: [floats(20_000, 1), floats(1, 20_000)] }],
    ['MatMul', { inputs: [floats(20_000, 1), floats(1, 20_000)] }],
    ['Einsum', { inputs: [floats(20_000), floats(20_000)], attributes: { equation: 'i,j->ij' } }],
    ['Einsum', { inputs: [floats(900), floats(900), floats(900)], attributes: { equation: 'i,j,k->' } }],
  ])('%s (%#)', (name, one) => {
    expect(refusalOf(name, one)).toMatch(/^node "y0" \(\w+\): running it would take \d+ bytes, too many/);
  });

  it.each<[string, Case]>([
    ['a dimension that no number can have', { inputs: [ints(2 ** 31, 2 ** 31)] }],
    ['a negative dimension', { inputs: [ints(-1)] }],
    ['more axes than any tensor has', { inputs: [ints(...Array<number>(40).fill(1))] }],
  ])('%s', (_, one) => {
    expect(refusalOf('ConstantOfShape', one)).toMatch(/would be of shape|has 40 axes|bytes, too many/);
  });

  it('a tensor that doubles node by node, at the node where it is too large', () => {
    const nodes = Array.from({ length: 60 }, (_, i) =>
      node('Concat', [i ? `y${i - 1}` : 'z', i ? `y${i - 1}` : 'z'], [i < 59 ? `y${i}` : 'image'], {
        axis: 1,
      }),
    );
    expect(refusalOfChain(nodes)).toMatch(/^node "y\d\d" \(Concat\): running it would take/);
  });

  it('what is needed at the same time, and not what comes and goes', () => {
    const initializer = [named('wide', ints(64, 300_000))];
    const grow = node('Expand', ['column', 'wide'], ['y0']);
    const column = node('ReduceSum', ['z', 'axis'], ['column'], { keepdims: 1 });
    const one = (i: number, from: string) => node('Tanh', [from], [`y${i}`]);
    const more = { initializer: [...initializer, named('axis', ints(1))], output: [{ name: 'y' }] };
    const step = Array.from({ length: 30 }, (_, i) => one(i + 1, `y${i}`));
    const last = node('ReduceSum', ['y30'], ['y']);
    expect(refusalOfChain([column, grow, ...step, last], more)).toBe('accepted');
    const fan = Array.from({ length: 30 }, (_, i) => one(i + 1, 'y0'));
    const sum = node(
      'Sum',
      [...Array(31).keys()].map((i) => `y${i}`),
      ['y'],
    );
    expect(refusalOfChain([column, grow, ...fan, sum], more)).toMatch(/bytes, too many/);
  });

  it('what a file computes from constants alone, which ONNX Runtime keeps', () => {
    const initializer = [named('shape', ints(10_000_000))];
    const nodes = Array.from({ length: 20 }, (_, i) => [
      node('ConstantOfShape', ['shape'], [`c${i}`]),
      node('ReduceSum', [`c${i}`], [`s${i}`]),
    ]).flat();
    const sum = node('Sum', ['z', ...[...Array(20).keys()].map((i) => `s${i}`)], ['image']);
    expect(refusalOfChain([...nodes, sum], { initializer })).toMatch(/bytes, too many/);
    expect(
      refusalOfChain([...nodes.slice(0, 4), node('Sum', ['z', 's0', 's1'], ['image'])], { initializer }),
    ).toBe('accepted');
  });

  it('products of matrices that would take minutes', () => {
    const initializer = [named('wide', ints(1, 512))];
    const nodes = [
      node('Tile', ['z', 'wide'], ['rows']),
      node('Transpose', ['rows'], ['columns']),
      node('MatMul', ['columns', 'rows'], ['square']),
      ...Array.from({ length: 8 }, (_, i) =>
        node('MatMul', [i ? `m${i - 1}` : 'square', 'square'], [i < 7 ? `m${i}` : 'image']),
      ),
    ];
    expect(refusalOfChain(nodes, { initializer })).toMatch(/would take too long/);
  });

  it('measured by the size of the file: a large one may take more', () => {
    const initializer = [named('wide', ints(64, 4_000_000)), named('axis', ints(1))];
    const nodes = [
      node('ReduceSum', ['z', 'axis'], ['column'], { keepdims: 1 }),
      node('Expand', ['column', 'wide'], ['image']),
    ];
    const model = chain(nodes, { initializer });
    expect(refusal(model, Z)).toMatch(/bytes, too many/);
    expect(refusal(model, Z, 50_000_000)).toBe('accepted');
  });

  it('a size that depends on what the model computes', () => {
    const nodes = [
      node('Cast', ['z'], ['whole'], { to: DATA_TYPES.int64 }),
      node('ConstantOfShape', ['whole'], ['image']),
    ];
    expect(refusalOfChain(nodes)).toBe(
      'node "image" (ConstantOfShape): the size of its output depends on computed data, its input 0',
    );
  });
});

describe('a dry run is quick', () => {
  const LONG = 300_000;
  const quickly = (model: ModelProto, message: RegExp) => {
    const started = performance.now();
    expect(refusal(model, Z)).toMatch(message);
    expect(performance.now() - started).toBeLessThan(20_000);
  };
  const inputs = (name: string) => Array<string>(LONG).fill(name);

  it.each(['Max', 'Min', 'Sum', 'Mean'])('about a %s of very many inputs', (op) => {
    const initializer = [named('w', numbers(1, 2))];
    quickly(chain([node(op, inputs('z'), ['image'])]), /accepted/);
    quickly(
      chain([node(op, inputs('w'), ['y']), node('ReduceSum', ['y'], ['image'])], { initializer }),
      /accepted/,
    );
    quickly(
      chain([node(op, [...inputs('z'), 'w'], ['image'])], { initializer }),
      /^.{0,200} do not broadcast$/,
    );
  });

  it('about very many values that are needed until the end', () => {
    const many = Array.from({ length: 19_000 }, (_, i) => node('ReduceSum', ['z'], [`y${i}`]));
    const names = many.map(({ output }) => output![0]!);
    quickly(chain([...many, node('Sum', names, ['image'])]), /accepted/);
  });

  it.each<[string, string, RegExp]>([
    ['Unsqueeze', 'axes', /has \d+ axes|no axis/],
    ['Transpose', 'perm', /a permutation of|no axis/],
    ['Resize', 'axes', /axes of 2/],
    ['Reshape', 'shape', /as many elements/],
  ])('about %s with very many %s', (op, name, message) => {
    const values = { [name]: Array.from({ length: LONG }, (_, i) => i % 2) };
    quickly(chain([node(op, ['z'], ['image'], values)], {}, { opset_import: [{ version: 11 }] }), message);
  });
});

describe('a dry run follows', () => {
  const image = (model: ModelProto) => {
    const file = encodeModel(model);
    return dryRun(decodeModel(file), Z, file.length).get('image')!.shape;
  };

  it('sizes that a model computes from those of its tensors, as PyTorch exports them', () => {
    const initializer = [named('zero', ints(0)), named('tail', ints(2, 2, 2)), named('flip', ints(-1))];
    const more = [
      named('pads', ints(0, 0, 1, 1)),
      named('pairs', ints(-1, 2)),
      named('first', ints(-1)),
      named('none', ints(4)),
    ];
    const nodes = [
      node('Shape', ['z'], ['shape']),
      node('Gather', ['shape', 'zero'], ['batch'], { axis: 0 }),
      node('Concat', ['batch', 'tail'], ['target'], { axis: 0 }),
      node('Reshape', ['z', 'target'], ['small']),
      // Pads in reverse order of axes, in pairs, for the last axes only.
      node('ConstantOfShape', ['none'], ['others'], { value: ints(0) }),
      node('Concat', ['pads', 'others'], ['all'], { axis: 0 }),
      node('Reshape', ['all', 'pairs'], ['paired']),
      node('Slice', ['paired', 'first', 'end', 'zero', 'first'], ['reversed']),
      node('Transpose', ['reversed'], ['transposed'], { perm: [1, 0] }),
      node('Reshape', ['transposed', 'flip'], ['flat']),
      node('Cast', ['flat'], ['amounts'], { to: DATA_TYPES.int64 }),
      node('Pad', ['small', 'amounts'], ['padded']),
      node('Resize', ['padded', '', 'scales'], ['image']),
    ];
    const model = chain(nodes, {
      initializer: [
        ...initializer,
        ...more,
        named('end', ints(-(2 ** 53))),
        named('scales', numbers(1, 1, 2, 2)),
      ],
    });
    expect(image(model)).toEqual([64, 2, 8, 4]);
  });

  it('the branch of an If that is taken, and both where that is not known', () => {
    const branches = (then: number, otherwise: number) => ({
      then_branch: subgraph([node('Tile', ['z', 'a'], ['t'])], 't', {
        initializer: [named('a', ints(1, then))],
      }),
      else_branch: subgraph([node('Tile', ['z', 'b'], ['e'])], 'e', {
        initializer: [named('b', ints(1, otherwise))],
      }),
    });
    const known = node('If', ['truth'], ['image'], branches(2, 3));
    expect(image(chain([known], { initializer: [named('truth', truths(1))] }))).toEqual([64, 16]);
    expect(image(chain([known], { initializer: [named('truth', truths(0))] }))).toEqual([64, 24]);
    const computed = [
      node('ReduceSum', ['z'], ['sum'], { keepdims: 0 }),
      node('Cast', ['sum'], ['truth'], { to: DATA_TYPES.bool }),
    ];
    expect(image(chain([...computed, node('If', ['truth'], ['image'], branches(2, 2))]))).toEqual([64, 16]);
    expect(refusalOfChain([...computed, node('If', ['truth'], ['image'], branches(2, 3))])).toMatch(
      /its condition/,
    );
    expect(refusalOfChain([node('If', ['z'], ['image'])])).toMatch(/it has no then_branch/);
  });

  it('a branch that is not taken as far as ONNX Runtime computes it while loading', () => {
    const branches = (otherwise: GraphProto) => ({
      then_branch: subgraph([node('Tanh', ['z'], ['t'])], 't'),
      else_branch: otherwise,
    });
    const initializer = [named('truth', truths(1)), named('huge', ints(2 ** 40))];
    const run = (otherwise: GraphProto) =>
      refusalOfChain([node('If', ['truth'], ['image'], branches(otherwise))], { initializer });
    expect(run(subgraph([node('ConstantOfShape', ['huge'], ['e'])], 'e'))).toMatch(/bytes, too many/);
    // Does not fit z, which is no matter where it never runs.
    expect(run(subgraph([node('Reshape', ['z', 'huge'], ['e'])], 'e'))).toBe('accepted');
  });

  const fn = (name: string, nodes: NodeProto[], more: Partial<FunctionProto> = {}): FunctionProto => ({
    name,
    domain: 'own',
    input: ['x'],
    output: ['y'],
    node: nodes,
    opset_import: [{ domain: '', version: 18 }],
    ...more,
  });
  const own = (name: string, from = 'x', to = 'y', values: Record<string, Plain> = {}): NodeProto => ({
    ...node(name, [from], [to], values),
    domain: 'own',
  });

  it("a model's functions, with the attributes of the call", () => {
    const reference: AttributeProto = { name: 'axis', type: ATTRIBUTE_TYPES.int, ref_attr_name: 'along' };
    const twice: NodeProto = { op_type: 'Concat', input: ['x', 'x'], output: ['y'], attribute: [reference] };
    const functions = [fn('Twice', [twice], { attribute: ['along'] })];
    expect(image(chain([own('Twice', 'z', 'image', { along: 1 })], {}, { functions }))).toEqual([64, 16]);
    expect(image(chain([own('Twice', 'z', 'image', { along: 0 })], {}, { functions }))).toEqual([128, 8]);
  });

  it('no more nodes than ONNX Runtime loads in a reasonable time', () => {
    const identities = (count: number) =>
      Array.from({ length: count }, (_, i) =>
        node('Identity', [i ? `y${i - 1}` : 'z'], [i < count - 1 ? `y${i}` : 'image']),
      );
    expect(refusalOfChain(identities(20_000))).toBe('accepted');
    expect(refusalOfChain(identities(20_001))).toMatch(/more than 20000 nodes/);
  });

  it('functions no deeper, and no more often, than any real model calls them', () => {
    const recursive = [fn('F', [own('F')])];
    expect(refusalOfChain([own('F', 'z', 'image')], {}, { functions: recursive })).toMatch(/without end/);
    const doubling = Array.from({ length: 25 }, (_, i) =>
      fn(
        `F${i}`,
        i === 0 ? [node('Tanh', ['x'], ['y'])] : [own(`F${i - 1}`, 'x', 'm'), own(`F${i - 1}`, 'm')],
      ),
    );
    expect(refusalOfChain([own('F24', 'z', 'image')], {}, { functions: doubling })).toMatch(
      /it comes to more than 20000 nodes/,
    );
  });

  it("no functions in the place of others, least of all ONNX's own operators", () => {
    const functions = [fn('Tanh', [node('Exp', ['x'], ['y'])], { domain: '' })];
    expect(refusalOfChain([node('Tanh', ['z'], ['image'])], {}, { functions })).toMatch(
      /function "Tanh" in a domain/,
    );
    const twice = [fn('F', [node('Exp', ['x'], ['y'])]), fn('F', [node('Tanh', ['x'], ['y'])])];
    expect(refusalOfChain([own('F', 'z', 'image')], {}, { functions: twice })).toBe(
      'it has two functions "F"',
    );
  });

  it('outputs that operators do not have to nothing', () => {
    expect(refusalOfChain([node('Tanh', ['z'], ['image', 'more'])])).toMatch(/has 1 outputs, not 2/);
  });
});
