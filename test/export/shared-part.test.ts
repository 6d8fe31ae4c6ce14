import { describe, expect, it } from 'vitest';
import { Graph, gradients } from '../../src/export/index.js';
import type { Value } from '../../src/export/value.js';
import { hash32 } from '../support/hash.js';
import { relativeError } from '../support/numbers.js';
import { runGraph } from '../support/run-graph.js';

const SHAPES = { x: [5, 3], v: [3, 3], w: [8, 3], b: [8], mask: [5, 4], u: [1, 4] };
type Names = keyof typeof SHAPES;
type Inputs = Record<Names, Value>;

const FEEDS = Object.fromEntries(
  Object.entries(SHAPES).map(([name, shape], k) => {
    const size = shape.reduce((a, b) => a * b, 1);
    return [name, { shape, data: Array.from({ length: size }, (_, i) => hash32(i, k) / 2 ** 31 - 1) }];
  }),
);

const NETWORKS: Record<string, (x: Value, inputs: Inputs) => Value> = {
  'leaky ReLU and dropout': (x, { w, b, mask, u }) =>
    x.gemm(w, { transB: true, bias: b }).leakyRelu(0.2).slice(1, 0, 4).mul(mask).gemm(u, { transB: true }),
  maxout: (x, { w, b, mask, u }) =>
    x
      .gemm(w, { transB: true, bias: b })
      .reshape(['N', 2, 4])
      .reduceMax([1])
      .mul(mask)
      .mul(2)
      .gemm(u, { transB: true }),
  'a weight that is not transposed': (x, { w, u }) =>
    x.gemm(w, { transB: true }).slice(1, 0, 4).tanh().gemm(u.transpose()),
  'a normalisation over the batch, in which samples touch each other': (x, { w, u }) => {
    const h = x.gemm(w, { transB: true }).slice(1, 0, 4);
    const centred = h.sub(h.mean([0]));
    return centred
      .div(centred.mul(centred).mean([0]).add(0.5).sqrt())
      .sigmoid()
      .gemm(u, { transB: true });
  },
  'one layer alone': (x, { w }) => x.gemm(w.slice(0, 0, 1), { transB: true }),
  'two paths to the logits': (x, { w, u }) => {
    const h = x.gemm(w, { transB: true }).relu();
    return h
      .slice(1, 0, 4)
      .add(h.slice(1, 4, 8))
      .gemm(u, { transB: true });
  },
};

/** Gradients of two losses through one network: one by what lies before it, one by its parameters. */
function twoLosses(build: (x: Value, inputs: Inputs) => Value, isShared: boolean) {
  const graph = new Graph('g');
  const entries = Object.entries(SHAPES).map(([name, shape]) => {
    const symbolic = shape[0] === 5 ? ['N', ...shape.slice(1)] : shape;
    return [name, graph.input(name, 'float64', symbolic)];
  });
  const inputs = Object.fromEntries(entries) as Inputs;
  const made = inputs.x.matmul(inputs.v).tanh();
  const logits = build(made, inputs);
  const shared = isShared ? { from: logits, to: made } : undefined;
  const [first, second] = [logits.neg().exp().add(1).log().mean(), logits.mul(logits).sum()];
  const parameters = [inputs.w, inputs.u];
  graph.output('v.slope', gradients(first, [inputs.v], undefined, shared)[0]!);
  for (const [i, slope] of gradients(second, parameters, graph.scalar(0.5, 'float64'), shared).entries()) {
    graph.output(`slope ${i}`, slope);
  }
  return graph;
}

const products = (graph: Graph): number =>
  graph.toModel().graph!.node!.filter(({ op_type }) => op_type === 'Gemm').length;

describe('gradients through a part that two losses share', () => {
  it.each(Object.entries(NETWORKS))('are those without sharing: %s', async (_, build) => {
    const [apart, shared] = [twoLosses(build, false), twoLosses(build, true)];
    const [expected, actual] = [await runGraph(apart, FEEDS), await runGraph(shared, FEEDS)];
    expect(Object.keys(actual)).toHaveLength(3);
    for (const [name, { shape, data }] of Object.entries(expected)) {
      expect(actual[name]!.shape).toEqual(shape);
      expect(relativeError([...actual[name]!.data], [...data]), name).toBeLessThan(1e-12);
    }
    expect(products(shared)).toBeLessThanOrEqual(products(apart));
  });

  it.each(['leaky ReLU and dropout', 'maxout'])('take fewer products: %s', (name) => {
    const build = NETWORKS[name]!;
    // Of each of the losses the product with u, which is now a row times a factor for each sample.
    expect(products(twoLosses(build, true))).toBe(products(twoLosses(build, false)) - 2);
  });
});
