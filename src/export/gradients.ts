/** Reverse-mode differentiation over the graph, by the rules of `gradient-rules.ts`. */

import { GRADIENTS, isFloat } from './gradient-rules.js';
import { formatShape } from './shape.js';
import { leftOf, type PerSample, passOn, type SharedPart, whole } from './shared-part.js';
import type { Value } from './value.js';

/**
 * Gradients of a scalar with respect to values it was computed from.
 *
 * @param loss a value with one element of a float type
 * @param wrt values of the same graph; one that the loss does not depend on gets zeros
 * @param scale a scalar that multiplies every gradient, at no cost in the elementwise part; 1 by default
 * @param shared a part of the graph through which gradients of other losses go too
 * @returns one value for each of `wrt`, of its type and shape
 * @throws RangeError when the loss is not a scalar, or when an operator on the way has no gradient
 * @throws TypeError when the loss is not of a float type
 */
export function gradients(loss: Value, wrt: readonly Value[], scale?: Value, shared?: SharedPart): Value[] {
  if (!loss.shape.every((dim) => dim === 1)) {
    throw new RangeError(
      `gradients: the loss ${loss.name} has shape ${formatShape(loss.shape)}, expected a scalar`,
    );
  }
  if (!isFloat(loss)) {
    throw new TypeError(`gradients: the loss ${loss.name} is ${loss.dtype}, expected float32 or float64`);
  }
  const seed = (scale ?? loss.graph.scalar(1, loss.dtype)).expandLike(loss);
  return vectorJacobian([loss], [seed], wrt, shared);
}

/**
 * The vector-Jacobian product: the gradients of sum_i <outputs[i], upstream[i]>.
 *
 * @param upstream for each output a value of its type and shape
 * @param shared as in `gradients`
 */
export function vectorJacobian(
  outputs: readonly Value[],
  upstream: readonly Value[],
  wrt: readonly Value[],
  shared?: SharedPart,
): Value[] {
  const relevant = dependents(outputs, new Set(wrt));
  const totals = new Map<Value, PerSample>();
  const accumulate = (value: Value, gradient: PerSample): void => {
    const sum = totals.get(value);
    totals.set(value, sum === undefined ? gradient : { unit: added(whole(sum), whole(gradient)) });
  };
  for (const [i, output] of outputs.entries()) accumulate(output, { unit: upstream[i]! });

  const nodes = [...new Set([...relevant].flatMap((value) => value.producer ?? []))];
  for (const node of nodes.sort((a, b) => b.index - a.index)) {
    const dys = node.outputs.map((output) => totals.get(output));
    const at = dys.findIndex((dy) => dy !== undefined);
    if (at === -1 || !node.inputs.some((input) => relevant.has(input))) continue;
    const rule = GRADIENTS[node.op];
    if (rule === undefined) throw new RangeError(`gradients: operator ${node.op} has no gradient rule`);
    const { inputs, attributes, outputs: results } = node;
    const gradientOf = (input: number, units: readonly (Value | undefined)[]): Value | undefined =>
      rule({ inputs, attributes, outputs: results, dys: units, y: results[at]!, dy: units[at]! })[input]?.();
    inputs.forEach((input, i) => {
      if (!relevant.has(input)) return;
      const first =
        shared === undefined || node.outputs[0] !== shared.from ? undefined : leftOf(node, i, dys[0]!);
      const gradient = first ?? passOn(node, i, dys, (units) => gradientOf(i, units));
      if (gradient !== undefined)
        accumulate(input, input === shared?.to ? { unit: whole(gradient) } : gradient);
    });
  }
  return wrt.map((value) => {
    const total = totals.get(value);
    return total === undefined ? value.graph.scalar(0, value.dtype).expandLike(value) : whole(total);
  });
}

function added(left: Value, right: Value): Value {
  return joinedProduct(left, right) ?? left.add(right);
}

/**
 * A^T B + C^T D as the one product [A; C]^T [B; D], when that is what two gradients are (those of a weight that two
 * batches pass through): one large sum less.
 */
function joinedProduct(left: Value, right: Value): Value | undefined {
  const operands = [left, right].map(({ producer }) => {
    const { op, inputs, attributes } = producer ?? {};
    const plain = op === 'Gemm' && inputs!.length === 2 && attributes!.transA === 1;
    return plain && attributes!.transB !== 1 ? (inputs as readonly [Value, Value]) : undefined;
  });
  if (operands[0] === undefined || operands[1] === undefined) return undefined;
  const { graph } = left;
  const [[a, b], [c, d]] = [operands[0], operands[1]];
  return graph.concat([a, c], 0).gemm(graph.concat([b, d], 0), { transA: true });
}

/** The values on a path from `sources` to `outputs`, ends included. */
function dependents(outputs: readonly Value[], sources: ReadonlySet<Value>): Set<Value> {
  const onPath = new Map<Value, boolean>();
  const visit = (value: Value): boolean => {
    const known = onPath.get(value);
    if (known !== undefined) return known;
    onPath.set(value, false);
    // Every input is visited: a path may lead through any of them.
    const below = (value.producer?.inputs ?? []).map(visit).includes(true);
    const result = below || sources.has(value);
    onPath.set(value, result);
    return result;
  };
  for (const output of outputs) visit(output);
  return new Set([...onPath].filter(([, on]) => on).map(([value]) => value));
}
