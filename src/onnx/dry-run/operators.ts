/**
 * The table of operators that a model may have to be run by this project: how many inputs each takes, how large its
 * outputs are, and what it costs. They are those that networks for images are exported with. What is not here is
 * refused, because its memory and time cannot be told beforehand, or because ONNX Runtime can be crashed by it.
 */

import { DATA_TYPES } from '../messages.js';
import { BOOL, type Call, type Outline, product, type Rule } from './call.js';
import * as elementwise from './elementwise.js';
import * as layout from './layout.js';
import * as products from './products.js';
import * as reductions from './reductions.js';
import * as sources from './sources.js';
import * as windows from './windows.js';

export interface Operator {
  rule: Rule;
  /** Fewest inputs and most. */
  inputs: readonly [min: number, max: number];
  /** Multiplications; unless given, the time goes by the bytes of the outputs. */
  work?: (call: Call, outputs: readonly Outline[]) => number;
  /** Elements of working memory, beside the outputs. */
  scratch?: (call: Call, outputs: readonly Outline[]) => number;
}

function each(names: string, operator: Operator): Record<string, Operator> {
  return Object.fromEntries(
    names
      .trim()
      .split(/\s+/)
      .map((name) => [name, operator]),
  );
}

const elements = (outputs: readonly Outline[]) => product(outputs[0]!.shape);
const positions = (outputs: readonly Outline[]) => product(outputs[0]!.shape.slice(2));
const { unary, broadcasting, comparison } = elementwise;
const { reduction } = reductions;
const { matMul } = products;

const MANY = Number.POSITIVE_INFINITY;
const SAME: Rule = unary();
const TRUTH: Rule = unary(undefined, BOOL);
const INT32 = DATA_TYPES.int32;
const matrixWork: Operator['work'] = (call, outputs) => elements(outputs) * products.innerSize(call);

function convolution(weightsAt: number, inputs: Operator['inputs'], type?: number): Operator {
  return {
    rule: windows.conv(weightsAt, type),
    inputs,
    work: (call, outputs) => elements(outputs) * windows.kernelSize(call, weightsAt),
    scratch: (call, outputs) => positions(outputs) * windows.kernelSize(call, weightsAt),
  };
}

const POOL: Operator = {
  rule: windows.pool,
  inputs: [1, 1],
  work: (call, outputs) => elements(outputs) * product(call.ints('kernel_shape') ?? []),
};

const STANDARD: Record<string, Operator> = {
  ...each(
    `Acos Acosh Asin Asinh Atan Atanh BitwiseNot Celu Cos Cosh Elu Erf Gelu HardSigmoid HardSwish Hardmax LeakyRelu
     LogSoftmax LpNormalization LRN MeanVarianceNormalization Mish Selu Shrink Sigmoid Sin Sinh Softmax Softplus
     Softsign Swish Tan Tanh ThresholdedRelu`,
    { rule: SAME, inputs: [1, 1] },
  ),
  ...each('IsInf IsNaN', { rule: TRUTH, inputs: [1, 1] }),
  Abs: { rule: unary(Math.abs), inputs: [1, 1] },
  Ceil: { rule: unary(Math.ceil), inputs: [1, 1] },
  Exp: { rule: unary(Math.exp), inputs: [1, 1] },
  Floor: { rule: unary(Math.floor), inputs: [1, 1] },
  Log: { rule: unary(Math.log), inputs: [1, 1] },
  Neg: { rule: unary((x) => -x), inputs: [1, 1] },
  Not: { rule: unary((x) => Number(x === 0)), inputs: [1, 1] },
  Reciprocal: { rule: unary((x) => 1 / x), inputs: [1, 1] },
  Relu: { rule: unary((x) => Math.max(x, 0)), inputs: [1, 1] },
  // Halves to even.
  Round: {
    rule: unary((x) => (Math.abs(x % 1) === 0.5 ? 2 * Math.round(x / 2) : Math.round(x))),
    inputs: [1, 1],
  },
  Sign: { rule: unary(Math.sign), inputs: [1, 1] },
  Sqrt: { rule: unary(Math.sqrt), inputs: [1, 1] },
  Clip: { rule: SAME, inputs: [1, 3] },
  Trilu: { rule: SAME, inputs: [1, 2] },
  CumSum: { rule: SAME, inputs: [2, 2] },
  PRelu: { rule: broadcasting(), inputs: [2, 2] },
  Cast: { rule: elementwise.cast, inputs: [1, 1] },
  CastLike: { rule: elementwise.castLike, inputs: [2, 2] },
  Dropout: { rule: elementwise.dropout, inputs: [1, 3] },
  Where: { rule: elementwise.where, inputs: [3, 3] },

  Add: { rule: broadcasting((a, b) => a! + b!), inputs: [2, 2] },
  Sub: { rule: broadcasting((a, b) => a! - b!), inputs: [2, 2] },
  Mul: { rule: broadcasting((a, b) => a! * b!), inputs: [2, 2] },
  Div: { rule: elementwise.division, inputs: [2, 2] },
  Mod: { rule: elementwise.modulo, inputs: [2, 2] },
  Pow: { rule: broadcasting((a, b) => a! ** b!), inputs: [2, 2] },
  ...each('BitShift BitwiseAnd BitwiseOr BitwiseXor', { rule: broadcasting(), inputs: [2, 2] }),
  Max: { rule: broadcasting(Math.max), inputs: [1, MANY] },
  Min: { rule: broadcasting(Math.min), inputs: [1, MANY] },
  Sum: { rule: broadcasting((...x) => x.reduce((a, b) => a + b, 0)), inputs: [1, MANY] },
  Mean: { rule: broadcasting(), inputs: [1, MANY] },
  Equal: { rule: comparison((a, b) => a === b), inputs: [2, 2] },
  Greater: { rule: comparison((a, b) => a > b), inputs: [2, 2] },
  GreaterOrEqual: { rule: comparison((a, b) => a >= b), inputs: [2, 2] },
  Less: { rule: comparison((a, b) => a < b), inputs: [2, 2] },
  LessOrEqual: { rule: comparison((a, b) => a <= b), inputs: [2, 2] },
  And: { rule: comparison((a, b) => a !== 0 && b !== 0), inputs: [2, 2] },
  Or: { rule: comparison((a, b) => a !== 0 || b !== 0), inputs: [2, 2] },
  Xor: { rule: comparison((a, b) => (a !== 0) !== (b !== 0)), inputs: [2, 2] },

  ...each('ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMean ReduceSumSquare', {
    rule: reduction(),
    inputs: [1, 2],
  }),
  ReduceMax: { rule: reduction((values) => Math.max(...values)), inputs: [1, 2] },
  ReduceMin: { rule: reduction((values) => Math.min(...values)), inputs: [1, 2] },
  ReduceProd: { rule: reduction(product), inputs: [1, 2] },
  ReduceSum: { rule: reduction((values) => values.reduce((a, b) => a + b, 0)), inputs: [1, 2] },
  ...each('ArgMax ArgMin', { rule: reductions.argReduction, inputs: [1, 1] }),
  TopK: { rule: reductions.topK, inputs: [1, 2] },
  BatchNormalization: { rule: reductions.batchNormalization, inputs: [5, 5] },
  GroupNormalization: { rule: SAME, inputs: [3, 3] },
  InstanceNormalization: { rule: SAME, inputs: [3, 3] },
  LayerNormalization: { rule: reductions.layerNormalization, inputs: [2, 3] },
  RMSNormalization: { rule: SAME, inputs: [2, 2] },

  Identity: { rule: layout.identity, inputs: [1, 1] },
  Shape: { rule: layout.shapeOf, inputs: [1, 1] },
  Size: { rule: layout.sizeOf, inputs: [1, 1] },
  Reshape: { rule: layout.reshape, inputs: [1, 2] },
  Flatten: { rule: layout.flatten, inputs: [1, 1] },
  Squeeze: { rule: layout.squeeze, inputs: [1, 2] },
  Unsqueeze: { rule: layout.unsqueeze, inputs: [1, 2] },
  Transpose: { rule: layout.transpose, inputs: [1, 1] },
  Expand: { rule: layout.expand, inputs: [2, 2] },
  Tile: { rule: layout.tile, inputs: [2, 2] },
  Concat: { rule: layout.concat, inputs: [1, MANY] },
  Split: { rule: layout.split, inputs: [1, 2] },
  Slice: { rule: layout.slice, inputs: [1, 5] },
  Gather: { rule: layout.gather, inputs: [2, 2] },
  GatherElements: { rule: layout.gatherElements, inputs: [2, 2] },
  GatherND: { rule: layout.gatherND, inputs: [2, 2] },
  ...each('Scatter ScatterElements ScatterND', { rule: layout.scatter, inputs: [3, 3] }),
  Pad: { rule: layout.pad, inputs: [1, 4] },
  DepthToSpace: { rule: layout.depthToSpace, inputs: [1, 1] },
  SpaceToDepth: { rule: layout.spaceToDepth, inputs: [1, 1] },

  Constant: { rule: sources.constant, inputs: [0, 0] },
  ConstantOfShape: { rule: sources.constantOfShape, inputs: [1, 1] },
  Range: { rule: sources.range, inputs: [3, 3] },
  ...each('RandomNormal RandomUniform', { rule: sources.random, inputs: [0, 0] }),
  ...each('RandomNormalLike RandomUniformLike', { rule: sources.randomLike, inputs: [1, 1] }),
  EyeLike: { rule: sources.eyeLike, inputs: [1, 1] },
  OneHot: { rule: sources.oneHot, inputs: [3, 3] },
  AffineGrid: { rule: sources.affineGrid, inputs: [2, 2] },

  Gemm: { rule: products.gemm, inputs: [2, 3], work: matrixWork },
  MatMul: { rule: matMul(), inputs: [2, 2], work: matrixWork },
  MatMulInteger: { rule: matMul({ type: INT32 }), inputs: [2, 4], work: matrixWork },
  QLinearMatMul: { rule: matMul({ second: 3 }), inputs: [8, 8], work: matrixWork },
  // The inputs may be multiplied before anything is summed.
  Einsum: {
    rule: products.einsum,
    inputs: [1, 16],
    work: products.einsumWork,
    scratch: (call) => (call.inputs.length > 2 ? products.einsumWork(call) : 0),
  },
  Attention: {
    rule: products.attention,
    inputs: [3, 4],
    work: (call, outputs) =>
      products.attentionScores(call) + elements(outputs) * (call.input(1).shape.at(-2) ?? 1),
    scratch: (call) => 2 * products.attentionScores(call),
  },
  DynamicQuantizeLinear: { rule: products.dynamicQuantize, inputs: [1, 1] },
  QuantizeLinear: { rule: unary(undefined, DATA_TYPES.uint8), inputs: [2, 3] },
  DequantizeLinear: { rule: unary(undefined, DATA_TYPES.float32), inputs: [2, 3] },

  Conv: convolution(1, [2, 3]),
  ConvInteger: convolution(1, [2, 4], INT32),
  QLinearConv: convolution(3, [8, 9]),
  ConvTranspose: {
    rule: windows.convTranspose,
    inputs: [2, 3],
    work: (call) => product(call.input(0).shape) * windows.kernelSize(call),
    scratch: (call) => product(call.input(0).shape.slice(2)) * windows.kernelSize(call),
  },
  ...each('AveragePool LpPool MaxPool', POOL),
  ...each('GlobalAveragePool GlobalLpPool GlobalMaxPool', { rule: windows.globalPool, inputs: [1, 1] }),
  Col2Im: { rule: windows.col2im, inputs: [3, 3] },
  Resize: { rule: windows.resize, inputs: [1, 4] },
  Upsample: { rule: windows.upsample, inputs: [1, 2] },
  GridSample: { rule: windows.gridSample, inputs: [2, 2] },
};

/** ONNX Runtime's own operators, into which its optimiser fuses those above. */
const FUSED: Record<string, Operator> = {
  ...each('Gelu QuickGelu', { rule: SAME, inputs: [1, 1] }),
  FastGelu: { rule: SAME, inputs: [1, 2] },
  BiasGelu: { rule: SAME, inputs: [2, 2] },
  FusedConv: convolution(1, [2, 4]),
  FusedGemm: { rule: products.gemm, inputs: [2, 3], work: matrixWork },
  FusedMatMul: { rule: matMul(), inputs: [2, 2], work: matrixWork },
};

const DOMAINS: Readonly<Record<string, Record<string, Operator>>> = {
  '': STANDARD,
  'ai.onnx': STANDARD,
  'com.microsoft': FUSED,
};

export function operatorOf(domain: string, name: string): Operator | undefined {
  const table = Object.hasOwn(DOMAINS, domain) ? DOMAINS[domain]! : {};
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

/** Names of all operators of the table, with their domain unless it is ONNX's own. */
export function operatorNames(): string[] {
  return [...Object.keys(STANDARD), ...Object.keys(FUSED).map((name) => `com.microsoft.${name}`)];
}

/** Whether a domain's operators are those of ONNX or ONNX Runtime, which a model's functions may not replace. */
export function isKnownDomain(domain: string): boolean {
  return Object.hasOwn(DOMAINS, domain);
}
