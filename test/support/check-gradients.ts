/** Holds the gradients of authored graphs against central finite differences, all in double precision. */

import { type Dim, Graph, gradients, type Shape, type Value } from '../../src/export/index.js';
import { unit } from './hash.js';
import { relativeError, sizeOf } from './numbers.js';
import { type Feeds, type OpenGraph, openGraph } from './run-graph.js';

/** What the dimension `N` stands for while a case runs. */
export const BATCH = 3;

export interface CaseInput {
  shape: Shape;
  /** Which values it takes: both signs, positive ones, or both signs away from zero. */
  values?: 'any' | 'positive' | 'nonzero';
}

/** A piece of graph to differentiate. */
export interface Case {
  inputs: readonly CaseInput[];
  build(values: Value[], graph: Graph): Value | readonly Value[];
  /** For maps that are linear but not exact in double: values and steps that float32 holds exactly. */
  coarse?: boolean;
}

export function concrete(shape: Shape): number[] {
  return shape.map((dim: Dim) => (dim === 'N' ? BATCH : (dim as number)));
}

/**
 * Values of all inputs, no two closer than 0.04 and none closer than 0.02 to zero: no kink of any operator is within
 * a step of finite differences.
 */
function spreadValues({ inputs, coarse = false }: Case, seed: number): Feeds {
  const sizes = inputs.map(({ shape }) => sizeOf(concrete(shape)));
  const total = sizes.reduce((a, b) => a + b, 0);
  const ranks = Array.from({ length: total }, (_, i) => i).sort((a, b) => unit(a, seed) - unit(b, seed));
  let next = 0;
  return Object.fromEntries(
    inputs.map(({ shape, values = 'any' }, k) => {
      const data = Float64Array.from({ length: sizes[k]! }, () => {
        const rank = ranks[next++]!;
        if (coarse) return (rank - Math.floor(total / 2) + 0.5) / 16;
        const jitter = (unit(next, seed + 1) - 0.5) * 0.02;
        if (values === 'any') return (rank - Math.floor(total / 2) + 0.5) * 0.06 + jitter;
        const magnitude = 0.3 + rank * 0.04 + jitter;
        return values === 'nonzero' && rank % 2 === 1 ? -magnitude : magnitude;
      });
      return [`x${k}`, { shape: concrete(shape), data }];
    }),
  );
}

/** The sum of all outputs, each element times a random weight, which is fed. */
function weightedSum(
  graph: Graph,
  outputs: readonly Value[],
  tag: string,
  seed: number,
  feeds: Feeds,
): [Value, Feeds] {
  const weights: Record<string, Feeds[string]> = {};
  const terms = outputs.map((output, k) => {
    const name = `${tag}${k}`;
    const shape = concrete(output.shape);
    const size = sizeOf(shape);
    const data = Float64Array.from({ length: size }, (_, i) => {
      const u = unit(i + 1000 * k, seed) * 2 - 1;
      return Math.sign(u) * (0.5 + Math.abs(u));
    });
    weights[name] = { shape, data };
    return output.mul(graph.input(name, 'float64', output.shape)).sum();
  });
  const total = terms.reduce((a, b) => a.add(b));
  return [total, { ...feeds, ...weights }];
}

async function centralDifference(
  open: OpenGraph,
  feeds: Feeds,
  name: string,
  step: number,
): Promise<Float64Array> {
  const { shape, data } = feeds[name]!;
  const slope = new Float64Array(data.length);
  const moved = Float64Array.from(data);
  const at = async (i: number, value: number) => {
    moved[i] = value;
    const { loss } = await open.run({ ...feeds, [name]: { shape, data: moved } }, ['loss']);
    return loss!.data[0]!;
  };
  for (let i = 0; i < data.length; i++) {
    const value = data[i]!;
    slope[i] = ((await at(i, value + step)) - (await at(i, value - step))) / (2 * step);
    moved[i] = value;
  }
  return slope;
}

export interface Checked {
  /** Worst difference from finite differences over all inputs, relative to the largest element of each gradient. */
  error: number;
  /** Operators of the forward part. */
  operators: ReadonlySet<string>;
}

/**
 * Differentiates a random functional of the case's outputs (order 1), or of their gradients (order 2), by all inputs,
 * and compares with central finite differences.
 */
export async function checkGradients(example: Case, { seed = 1, order = 1 } = {}): Promise<Checked> {
  const graph = new Graph('case');
  const wrt = example.inputs.map(({ shape }, k) => graph.input(`x${k}`, 'float64', shape));
  const built = example.build(wrt, graph);
  const outputs = 'length' in built ? built : [built];
  let [loss, feeds] = weightedSum(graph, outputs, 'w', seed + 10, spreadValues(example, seed));
  if (order === 2) [loss, feeds] = weightedSum(graph, gradients(loss, wrt), 'v', seed + 20, feeds);
  graph.output('loss', loss);
  const operators = new Set(graph.toModel().graph?.node?.map((node) => node.op_type!));
  for (const [k, gradient] of gradients(loss, wrt).entries()) graph.output(`g${k}`, gradient);

  const open = await openGraph(graph);
  try {
    const results = await open.run(feeds);
    let error = 0;
    for (const [k, value] of wrt.entries()) {
      const { shape, data } = results[`g${k}`]!;
      if (String(shape) !== String(concrete(value.shape)))
        throw new Error(`gradient ${k} has shape [${shape}]`);
      const numeric = await centralDifference(open, feeds, `x${k}`, example.coarse ? 1 / 64 : 1e-5);
      const worst = relativeError(data, numeric, 0.01);
      error = Number.isNaN(worst) ? worst : Math.max(error, worst);
    }
    return { error, operators };
  } finally {
    await open.close();
  }
}
