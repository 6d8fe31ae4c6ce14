/**
 * How much arithmetic a run of a model takes: a dry run whose nodes are counted. A model whose batch is free is run at
 * three sizes, which tells what a sample costs from what every run costs, such as an optimiser's update.
 */

import { BOOL, type Call, type Outline, product } from './dry-run/call.js';
import { type Operator, operatorOf } from './dry-run/operators.js';
import { attentionScores, einsumSums } from './dry-run/products.js';
import { observeRun } from './dry-run.js';
import { InvalidModelError, quote, refuse } from './invalid-model.js';
import type { ModelProto, NodeProto, ValueInfoProto } from './messages.js';
import { operatorLabel } from './structure.js';
import { isFloat } from './tensor.js';

/** What a FLOP is here, in a few words for whoever reads the numbers. */
export const FLOPS_NOTE =
  'A multiply-add is 2 FLOPs, any other elementary operation on an element is 1 (also exp, tanh, sqrt and a comparison); ' +
  'moving and casting data, integers of sizes, and what is the same in every run are not counted.';

/** FLOPs of an operator, a sample and a run: together sample x N + run. */
export interface Flops {
  sample: number;
  run: number;
}

export interface FlopsCount extends Flops {
  /** N: any, or the only size for which the numbers hold; undefined when the inputs share none. */
  batch: number | 'any' | undefined;
  /** The same by operator, most expensive first. */
  byOperator: ReadonlyMap<string, Flops>;
}

type Count = (call: Call, outputs: readonly Outline[], operator: Operator) => number;

const elements = (outline: Outline | undefined) => product(outline?.shape ?? []);

/** `flops` for each element of the first output. */
const perOutput =
  (flops: number): Count =>
  (_, outputs) =>
    flops * elements(outputs[0]);

/** `flops` for each element that is read. */
const perInput =
  (flops: number): Count =>
  (call) =>
    flops * elements(call.input(0));

/** A product, whose bias, like an addition of its own, is 1 more for each element of the output. */
const multiplyAdd =
  (biasAt?: number): Count =>
  (call, outputs, { work }) => {
    const bias = biasAt !== undefined && call.inputs[biasAt] !== undefined;
    return 2 * work!(call, outputs) + (bias ? elements(outputs[0]) : 0);
  };

/** Sums and the like over as many inputs as there are. */
const variadic: Count = (call, outputs) => (call.inputs.length - 1) * elements(outputs[0]);

function each(names: string, count: Count): Record<string, Count> {
  return Object.fromEntries(names.split(/\s+/).map((name) => [name, count]));
}

/**
 * Products of matrices: M x N elements of K multiply-adds are 2 M N K FLOPs, of integers too; a convolution's K is the
 * size of its kernel, and the padding counts like the image.
 */
const PRODUCTS: Readonly<Record<string, Count>> = {
  ...each('MatMul FusedMatMul MatMulInteger QLinearMatMul ConvInteger', multiplyAdd()),
  ...each('Gemm FusedGemm Conv FusedConv ConvTranspose', multiplyAdd(2)),
  QLinearConv: multiplyAdd(8),
  Einsum: (call, outputs, { work }) => {
    return (call.inputs.length - 1 + (einsumSums(call) ? 1 : 0)) * work!(call, outputs);
  },
  // Softmax is 5 for each score.
  Attention: (call, outputs, { work }) => 2 * work!(call, outputs) + 5 * attentionScores(call),
};

/** Operators on floats other than one for each element: what they come to in elementary operations. */
const COUNTS: Readonly<Record<string, Count>> = {
  ...each(
    `Cast CastLike Col2Im Concat Constant ConstantOfShape DepthToSpace Expand EyeLike Flatten Gather GatherElements
     GatherND Identity OneHot Pad Range Reshape Scatter ScatterElements ScatterND Shape Size Slice SpaceToDepth Split
     Squeeze Tile Transpose Trilu Unsqueeze Where`,
    () => 0,
  ),
  ...each('Max Min Sum', variadic),
  Mean: (call, outputs) => call.inputs.length * elements(outputs[0]),
  Dropout: (call, outputs) =>
    call.inputs[2]?.values?.[0] === 0 ? 0 : call.inputs[2] ? elements(outputs[0]) : 0,
  ...each('ReduceLogSum ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ArgMax ArgMin TopK', perInput(1)),
  ...each('ReduceL1 ReduceL2 ReduceLogSumExp ReduceSumSquare', perInput(2)),
  ...each('GlobalAveragePool GlobalLpPool GlobalMaxPool', perInput(1)),
  ...each('AveragePool LpPool MaxPool', (call, outputs, { work }) => work!(call, outputs)),
  // Maximum, difference, exponential, sum, quotient.
  ...each('Softmax LogSoftmax', perOutput(5)),
  // Mean, difference, square, mean, quotient; then scale and shift. With known statistics only the latter are left.
  MeanVarianceNormalization: perOutput(5),
  ...each('GroupNormalization InstanceNormalization LayerNormalization', perOutput(7)),
  BatchNormalization: (call, outputs) => (call.int('training_mode', 0) === 0 ? 2 : 7) * elements(outputs[0]),
  ...each('LpNormalization', perOutput(3)),
  RMSNormalization: perOutput(4),
  // Square, sum over the window, power, quotient.
  LRN: (call, outputs) => (3 + call.int('size', 1)) * elements(outputs[0]),
  Resize: (call, outputs) => (call.string('mode', 'nearest') === 'nearest' ? 0 : elements(outputs[0])),
  Upsample: (call, outputs) => (call.string('mode', 'nearest') === 'nearest' ? 0 : elements(outputs[0])),
  InPlaceAccumulatorV2: perInput(1),
};

/** Of ONNX Runtime's training builds: no session here runs them, but what they cost is known. */
const TRAINING: Readonly<Record<string, Operator>> = {
  InPlaceAccumulatorV2: { rule: () => [{ type: BOOL, shape: [1] }], inputs: [2, 3] },
};

function trainingOperator(domain: string, name: string): Operator | undefined {
  return domain === 'com.microsoft' && Object.hasOwn(TRAINING, name) ? TRAINING[name] : undefined;
}

function flopsOf(call: Call, outputs: readonly Outline[], operator: Operator): number {
  const name = call.node.op_type!;
  if (Object.hasOwn(PRODUCTS, name)) return PRODUCTS[name]!(call, outputs, operator);
  const floats = [outputs[0], call.inputs[0]].some((outline) => isFloat(outline?.type));
  if (!floats) return 0;
  return (Object.hasOwn(COUNTS, name) ? COUNTS[name]! : perOutput(1))(call, outputs, operator);
}

/** FLOPs of a run by operator. */
type Totals = ReadonlyMap<string, number>;

function totalsOf(model: ModelProto, inputs: ReadonlyMap<string, Outline>): Totals {
  const totals = new Map<string, number>();
  observeRun(model, inputs, {
    operator: trainingOperator,
    node(call, operator, outputs) {
      const flops = flopsOf(call, outputs, operator);
      const label = operatorLabel(call.node);
      if (flops > 0) totals.set(label, (totals.get(label) ?? 0) + flops);
    },
  });
  return totals;
}

/** A size, the name of one, or nothing at all; some exporters write 0 or -1 for the latter. */
type Dimension = number | string | undefined;

interface Input {
  name: string;
  type: number;
  dims: readonly Dimension[];
}

function inputOf({ name = '', type }: ValueInfoProto, sizes: ReadonlyMap<string, number>): Input {
  const tensor = type?.tensor_type;
  if (tensor === undefined) refuse(`input ${quote(name)} is not a tensor`);
  if (tensor.shape === undefined) refuse(`input ${quote(name)} has no declared shape`);
  const dims = (tensor.shape.dim ?? []).map(({ dim_value = 0, dim_param }) => {
    if (dim_param) return sizes.get(dim_param) ?? dim_param;
    return dim_value > 0 ? dim_value : undefined;
  });
  return { name, type: tensor.elem_type ?? 0, dims };
}

/** The inputs' outlines for a batch of N. Names of first axes are names of N, wherever else they stand. */
function outlinesAt(inputs: readonly Input[], size: number): Map<string, Outline> {
  const batchNames = new Set(inputs.map(({ dims }) => dims[0]).filter((dim) => typeof dim === 'string'));
  const sizeOf = (input: Input, dim: Dimension, axis: number): number => {
    if (typeof dim === 'number') return dim;
    if (axis === 0 || (dim !== undefined && batchNames.has(dim))) return size;
    const label = `axis ${axis} of input ${quote(input.name)}`;
    return refuse(
      dim === undefined
        ? `${label} has no declared size`
        : `${label} has the open size ${quote(dim)}, which must be given`,
    );
  };
  return new Map(
    inputs.map((input) => [
      input.name,
      { type: input.type, shape: input.dims.map((dim, axis) => sizeOf(input, dim, axis)) },
    ]),
  );
}

/** Batches of a free size that are tried: sizes of 1 are an exception to many operators. */
const [FEW, MORE, MOST] = [64, 128, 192];

/** What grows with N and what does not; undefined where it is not in proportion. */
function split(few: number, more: number, most: number): Flops | undefined {
  const sample = (more - few) / (MORE - FEW);
  return most - more === more - few ? { sample, run: few - FEW * sample } : undefined;
}

function inOrder(flops: Map<string, Flops>): Map<string, Flops> {
  const cost = ({ sample, run }: Flops) => FEW * sample + run;
  return new Map([...flops].sort(([, a], [, b]) => cost(b) - cost(a)));
}

function sum(byOperator: ReadonlyMap<string, Flops>): Flops {
  const all = [...byOperator.values()];
  return { sample: all.reduce((a, b) => a + b.sample, 0), run: all.reduce((a, b) => a + b.run, 0) };
}

function counted(totals: Totals, batch: FlopsCount['batch'], flops: (total: number) => Flops): FlopsCount {
  const byOperator = inOrder(new Map([...totals].map(([name, total]) => [name, flops(total)])));
  return { ...sum(byOperator), batch, byOperator };
}

function atSize(totals: Totals, size: number): FlopsCount {
  return counted(totals, size, (total) => ({ sample: total / size, run: 0 }));
}

function attempt<T>(f: () => T): T | undefined {
  try {
    return f();
  } catch (error) {
    if (error instanceof InvalidModelError) return undefined;
    throw error;
  }
}

function ofAnyBatch(model: ModelProto, inputs: readonly Input[]): FlopsCount {
  const totalsAt = (size: number) => totalsOf(model, outlinesAt(inputs, size));
  let few: Totals;
  try {
    few = totalsAt(FEW);
  } catch (error) {
    // Some exporters leave the size of a batch open that the nodes inside do not.
    const single = error instanceof InvalidModelError ? attempt(() => totalsAt(1)) : undefined;
    if (single === undefined) throw error;
    return atSize(single, 1);
  }
  const [more, most] = [totalsAt(MORE), totalsAt(MOST)];
  const byOperator = new Map<string, Flops>();
  for (const [name, total] of few) {
    const flops = split(total, more.get(name) ?? 0, most.get(name) ?? 0);
    if (flops === undefined) return atSize(few, FEW);
    byOperator.set(name, flops);
  }
  const ordered = inOrder(byOperator);
  return { ...sum(ordered), batch: 'any', byOperator: ordered };
}

/** The size on which the first axes of all inputs agree, if they do. */
function fixedBatch(inputs: readonly Input[]): number | undefined {
  const sizes = new Set(inputs.filter(({ dims }) => dims.length > 0).map(({ dims }) => dims[0] as number));
  return sizes.size === 1 ? [...sizes][0] : undefined;
}

/** Operators of a graph whose cost is not known. */
function unknownOperators(nodes: readonly NodeProto[], isFunction: (node: NodeProto) => boolean): string[] {
  const unknown = nodes.filter((node) => {
    const { domain = '', op_type = '' } = node;
    if (isFunction(node) || (op_type === 'If' && (domain === '' || domain === 'ai.onnx'))) return false;
    return (operatorOf(domain, op_type) ?? trainingOperator(domain, op_type)) === undefined;
  });
  return [...new Set(unknown.map(operatorLabel))];
}

function checkOperators({ graph = {}, functions = [] }: ModelProto): void {
  const names = new Set(functions.map(({ domain = '', name = '' }) => JSON.stringify([domain, name])));
  const isFunction = ({ domain = '', op_type = '' }: NodeProto) =>
    names.has(JSON.stringify([domain, op_type]));
  const unknown = unknownOperators(graph.node ?? [], isFunction);
  if (unknown.length === 0) return;
  const shown = unknown.slice(0, 5).join(', ');
  const rest = unknown.length > 5 ? ` and ${unknown.length - 5} more` : '';
  refuse(`the cost of ${shown}${rest} cannot be told from shapes`);
}

/**
 * Counts the FLOPs of a run: 2 M N K for a product of matrices, 2 for each weight that meets an element of a
 * convolution's output, 1 more for each element that a bias is added to; 1 for each element of the output of other
 * arithmetic on floats, what it reads for sums and pooling, and what normalisations and softmax come to when written
 * out in elementary operations.
 *
 * N, the batch, is the first axis of the inputs: where that is open, any N; otherwise the size that all of them share.
 * Inputs that share none make a run without samples, all of whose FLOPs are of the run.
 *
 * @param model a model that decodeModel has read
 * @param sizes of the axes that the inputs name, where they are known, in elements
 * @throws InvalidModelError when it cannot be told: unknown operators, sizes that are open beside N or depend on
 *   computed data
 */
export function countFlops(model: ModelProto, sizes: ReadonlyMap<string, number> = new Map()): FlopsCount {
  checkOperators(model);
  const { input = [], initializer = [], sparse_initializer = [] } = model.graph ?? {};
  const defaults = new Set(
    [...initializer, ...sparse_initializer.map(({ values }) => values)].map((one) => one?.name),
  );
  const inputs = input.filter(({ name }) => !defaults.has(name)).map((one) => inputOf(one, sizes));
  if (inputs.some(({ dims }) => dims.length > 0 && typeof dims[0] !== 'number'))
    return ofAnyBatch(model, inputs);
  const totals = totalsOf(model, outlinesAt(inputs, 1));
  const batch = fixedBatch(inputs);
  if (batch !== undefined) return atSize(totals, batch);
  return counted(totals, undefined, (total) => ({ sample: 0, run: total }));
}
