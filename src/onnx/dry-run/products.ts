/** Products of matrices and tensors. */

import { formatDims, shortName } from '../invalid-model.js';
import { DATA_TYPES } from '../messages.js';
import { type Call, FLOAT, type Outline, product, type Rule } from './call.js';
import { broadcast } from './elementwise.js';

function matrix(call: Call, index: number, transposed: boolean): [number, number] {
  const { shape } = call.input(index);
  if (shape.length !== 2) call.fail(`its input ${index} has ${shape.length} axes, expected 2`);
  return (transposed ? [shape[1], shape[0]] : shape) as [number, number];
}

export const gemm: Rule = (call) => {
  const [rows, inner] = matrix(call, 0, call.int('transA', 0) !== 0);
  const [innerB, columns] = matrix(call, 1, call.int('transB', 0) !== 0);
  if (inner !== innerB) call.fail(`${inner} columns do not meet ${innerB} rows`);
  return [{ type: call.input(0).type, shape: [rows, columns] }];
};

/** A shape with its last two axes exchanged, if an attribute says so. */
function maybeTransposed(shape: readonly number[], transpose: number): readonly number[] {
  return transpose === 0 || shape.length < 2 ? shape : [...shape.slice(0, -2), shape.at(-1)!, shape.at(-2)!];
}

function matMulShape(call: Call, a: readonly number[], b: readonly number[]): number[] {
  if (a.length === 0 || b.length === 0) call.fail('an input is a single number');
  const left = a.length === 1 ? [1, a[0]!] : a;
  const right = b.length === 1 ? [b[0]!, 1] : b;
  if (left.at(-1) !== right.at(-2)) call.fail(`${formatDims(a)} and ${formatDims(b)} do not multiply`);
  const batch = broadcast(call, [left.slice(0, -2), right.slice(0, -2)]);
  return [...batch, ...(a.length === 1 ? [] : [left.at(-2)!]), ...(b.length === 1 ? [] : [right.at(-1)!])];
}

/** @param where the second matrix is among the inputs, and the type of the result if it is not that of the first */
export function matMul({ second = 1, type }: { second?: number; type?: number } = {}): Rule {
  return (call) => {
    if (call.int('transBatchA', 0) !== 0 || call.int('transBatchB', 0) !== 0) {
      call.fail('it exchanges axes of batches, which is not supported');
    }
    const a = maybeTransposed(call.input(0).shape, call.int('transA', 0));
    const b = maybeTransposed(call.input(second).shape, call.int('transB', 0));
    return [{ type: type ?? call.input(0).type, shape: matMulShape(call, a, b) }];
  };
}

/** Multiplications for each element of a matrix product. */
export function innerSize(call: Call): number {
  const { shape } = call.input(0);
  return (call.int('transA', 0) === 0 ? shape.at(-1) : shape.at(-2)) ?? 1;
}

/** The axes that a term of an equation names, dots replaced by the names 0, 1, ... of the axes they stand for. */
function termLabels(call: Call, term: string, rank: number): string[] {
  const [before = '', after] = term.split('...');
  if (after === undefined) return [...before];
  const dots = rank - before.length - after.length;
  if (dots < 0 || dots > 10) call.fail(`${shortName(term)} does not name ${rank} axes`);
  return [...before, ...Array.from({ length: dots }, (_, i) => String(10 - dots + i)), ...after];
}

/** Sizes of the axes of an equation by label, and the labels of its result. */
function einsumAxes(call: Call): { sizes: Map<string, number>; output: string[] } {
  const equation = call.string('equation', '').replace(/\s/g, '');
  const [left = '', right] = equation.split('->');
  const terms = left.split(',');
  const inputs = call.allInputs();
  if (terms.length !== inputs.length) call.fail(`${terms.length} terms for ${inputs.length} inputs`);
  const labels = terms.map((term, i) => termLabels(call, term, inputs[i]!.shape.length));
  const sizes = new Map<string, number>();
  for (const [i, { shape }] of inputs.entries()) {
    if (labels[i]!.length !== shape.length)
      call.fail(`${shortName(terms[i])} does not name ${shape.length} axes`);
    for (const [k, label] of labels[i]!.entries())
      sizes.set(label, Math.max(sizes.get(label) ?? 1, shape[k]!));
  }
  return {
    sizes,
    output: right === undefined ? impliedOutput(labels.flat()) : outputLabels(call, right, sizes),
  };
}

const isDot = (label: string) => /\d/.test(label);

/** The labels of a result that an equation does not name: those of the dots, and those that occur once, in order. */
function impliedOutput(labels: readonly string[]): string[] {
  const once = labels.filter((label) => labels.indexOf(label) === labels.lastIndexOf(label) && !isDot(label));
  return [...new Set(labels.filter(isDot).sort()), ...once.sort()];
}

function outputLabels(call: Call, term: string, sizes: ReadonlyMap<string, number>): string[] {
  const dots = [...sizes.keys()].filter(isDot).length;
  return termLabels(call, term, term.replace('...', '').length + dots);
}

export const einsum: Rule = (call) => {
  const { sizes, output } = einsumAxes(call);
  const shape = output.map(
    (label) => sizes.get(label) ?? call.fail(`no input has the axis ${shortName(label)}`),
  );
  return [{ type: call.input(0).type, shape }];
};

/** Elements of the product of all inputs before anything is summed. */
export function einsumWork(call: Call): number {
  return product([...einsumAxes(call).sizes.values()]);
}

/** Whether an equation sums over an axis, which its result then lacks. */
export function einsumSums(call: Call): boolean {
  const { sizes, output } = einsumAxes(call);
  return [...sizes.keys()].some((label) => !output.includes(label));
}

/** Quantised values with their scale and zero point. */
export const dynamicQuantize: Rule = (call) => {
  const scale: Outline = { type: FLOAT, shape: [] };
  const type = DATA_TYPES.uint8;
  return [{ type, shape: call.input(0).shape }, scale, { type, shape: [] }];
};

/** Heads of attention: the queries' shape, with the values' size for the last axis. */
export const attention: Rule = (call) => {
  const [q, v] = [call.input(0), call.input(2)];
  const heads = attentionSizes(call);
  const size = v.shape.length === 4 ? v.shape[3]! : v.shape[2]! / call.int('kv_num_heads', 1);
  const [batch, , third] = q.shape;
  const shape =
    q.shape.length === 4 ? [batch!, heads.count, third!, size] : [batch!, q.shape[1]!, heads.count * size];
  return [{ type: q.type, shape }];
};

function attentionSizes(call: Call): { batch: number; count: number; queries: number; keys: number } {
  const [q, k] = [call.input(0).shape, call.input(1).shape];
  if (
    (q.length !== 3 && q.length !== 4) ||
    k.length !== q.length ||
    call.input(2).shape.length !== q.length
  ) {
    call.fail(`queries of ${q.length} axes and keys of ${k.length}, expected 3 or 4`);
  }
  const count = q.length === 4 ? q[1]! : call.int('q_num_heads', 0);
  if (count < 1) call.fail(`it has ${count} heads`);
  return { batch: q[0]!, count, queries: q.at(-2)!, keys: k.at(-2)! };
}

/** Elements of the scores that the queries give the keys. */
export function attentionScores(call: Call): number {
  const { batch, count, queries, keys } = attentionSizes(call);
  return batch * count * queries * keys;
}
