/**
 * Gradients through a part of a graph that two losses have in common, such as D on G's images: each loss depends on it only
 * through one logit for each sample, so inside it their gradients differ by one factor for each sample. Kept apart from that
 * factor they are the same values for both losses, and the graph holds the same value once.
 */

import type { OpType } from './ops.js';
import { sameShape } from './shape.js';
import type { Node, Value } from './value.js';

export interface SharedPart {
  /** Where it begins, seen from the losses: logits [N, 1], a product of matrices. */
  from: Value;
  /** Where it ends: what the part was applied to, [N, ...]. */
  to: Value;
}

/** The gradient `rows` times `unit`, row by row; just `unit` without `rows`. */
export interface PerSample {
  /** Of the shape of what it is a gradient of; or with 1 in the place of N, where all samples have the same. */
  unit: Value;
  /** [N, 1] */
  rows?: Value;
}

/** The gradient as one value. */
export function whole({ unit, rows }: PerSample): Value {
  if (rows === undefined) return unit;
  const ones = unit.shape.slice(2).map(() => 1);
  return unit.mul(rows.reshape([...rows.shape, ...ones]));
}

/** The gradient of the left factor of the product that gives the logits: the same row of weights for each sample, times dy. */
export function leftOf(
  { op, inputs, attributes }: Node,
  input: number,
  dy: PerSample,
): PerSample | undefined {
  if (op !== 'Gemm' || input !== 0 || attributes.transA === 1) return undefined;
  const weight = inputs[1]!;
  return { unit: attributes.transB === 1 ? weight : weight.transpose(), rows: whole(dy) };
}

/** Operators in which no sample touches another, as far as one of their inputs goes that has a row for each sample. */
const ELEMENTWISE: ReadonlySet<OpType> = new Set<OpType>(['LeakyRelu', 'Relu', 'Tanh', 'Sigmoid', 'Mul']);
const ROW_WISE: ReadonlySet<OpType> = new Set<OpType>([...ELEMENTWISE, 'Gemm', 'Reshape', 'ReduceMax']);

/** Whether the gradient of an input is, row by row, linear in that of the output. */
function keepsRows({ op, inputs, outputs: [y], attributes }: Node, input: number, unit: Value): boolean {
  const x = inputs[input]!;
  if (!ROW_WISE.has(op) || !sameShape(x.shape.slice(0, 1), y!.shape.slice(0, 1))) return false;
  if (op === 'Gemm') return input === 0 && attributes.transA !== 1;
  if (ELEMENTWISE.has(op)) return sameShape(x.shape, y!.shape);
  return sameShape(unit.shape, y!.shape);
}

/**
 * The gradient of an input of a node.
 *
 * @param dys gradients of its outputs
 * @param rule its gradient from those of the outputs
 */
export function passOn(
  node: Node,
  input: number,
  dys: readonly (PerSample | undefined)[],
  rule: (dys: readonly (Value | undefined)[]) => Value | undefined,
): PerSample | undefined {
  const [dy] = dys;
  const rows = dy?.rows !== undefined && keepsRows(node, input, dy.unit) ? dy.rows : undefined;
  const unit = rule(dys.map((each) => (rows === undefined ? each && whole(each) : each?.unit)));
  if (unit === undefined) return undefined;
  return rows === undefined ? { unit } : { unit, rows };
}
