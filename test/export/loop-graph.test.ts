import { describe, expect, it } from 'vitest';
import {
  buildStepGraph,
  GANS,
  GRAPH_TARGETS,
  type StepGraphName,
  type StepGraphOptions,
} from '../../src/export/index.js';
import { buildLoopGraph, type LoopGraph, stackedName } from '../../src/export/loop-graph.js';
import { decodeModel, type GraphProto, type ValueInfoProto } from '../../src/onnx/index.js';
import { ADAM } from '../support/optimizers.js';
import { openGraph } from '../support/run-graph.js';

/** BatchNorm in G, dropout in D. */
const OPTIONS: StepGraphOptions = {
  gan: GANS.mlp({ image: [1, 8, 8], latentSize: 4 }),
  optimizer: ADAM,
  generatorLoss: 'nonsaturating',
};
const D_TWICE: StepGraphName[] = ['discriminator', 'discriminator', 'generator'];
const ORDERS: [string, StepGraphName[], number][] = [
  ['joint', ['joint'], 1],
  ['joint, three steps at a time', ['joint'], 3],
  ['d-first, k = 2', D_TWICE, 1],
  ['d-first, k = 2, two steps at a time', D_TWICE, 2],
  ['g-first', ['generator', 'discriminator'], 1],
  ['D alone', ['discriminator'], 1],
];

const outer = ({ bytes }: LoopGraph): GraphProto => decodeModel(bytes).graph!;
const bodyOf = (graph: GraphProto): GraphProto => graph.node![0]!.attribute![0]!.g!;
const names = (values: readonly { name?: string }[] = []): string[] => values.map(({ name }) => name!);
const described = ({ name, type }: ValueInfoProto): string => {
  const { elem_type, shape } = type!.tensor_type!;
  return `${name} ${elem_type} [${(shape!.dim ?? []).map((dim) => dim.dim_param ?? dim.dim_value)}]`;
};

describe.each(ORDERS)('the loop over %s', (_name, order, unrolled) => {
  const loop = buildLoopGraph(order, OPTIONS, unrolled);
  const graph = outer(loop);
  const body = bodyOf(graph);
  const written = names(loop.writes);

  it('is a model of one Loop that ONNX Runtime loads', async () => {
    expect(graph.node!.map(({ op_type }) => op_type)).toEqual(['Loop']);
    expect(graph.initializer ?? []).toEqual([]);
    await (await openGraph(loop.bytes)).close();
  });

  it('carries exactly the state that the step writes', () => {
    const expected = new Set(order.flatMap((graphName) => names(buildStepGraph(graphName, OPTIONS).writes)));
    expect(new Set(written)).toEqual(expected);
    expect(written).toHaveLength(expected.size);
    const [node] = graph.node!;
    expect(node!.input).toEqual([loop.tripCount, '', ...written]);
    expect(node!.output).toEqual([...written.map((name) => `${name}.next`), ...loop.metrics]);
    // Iteration number and condition in, condition out.
    expect(body.input).toHaveLength(2 + written.length);
    expect(body.output).toHaveLength(1 + written.length + loop.metrics.length);
    const shapes = (values: readonly ValueInfoProto[]) =>
      values.map((value) => described({ ...value, name: '' }));
    expect(shapes(body.output!.slice(1, 1 + written.length))).toEqual(shapes(body.input!.slice(2)));
  });

  it('has an input for the steps, each state tensor that it reads, and each host input of each run', () => {
    const host = loop.runs.flatMap(({ takesBatch, noise }, run) =>
      [...noise.map(({ name }) => name), ...(takesBatch ? ['real'] : [])].map((name) =>
        stackedName(run, name),
      ),
    );
    expect(names(graph.input).sort()).toEqual([loop.tripCount, ...names(loop.reads), ...host].sort());
    for (const value of graph.input!.filter(({ name }) => host.includes(name!))) {
      expect(described(value)).toMatch(/ \[S,N,/);
    }
  });

  it('names every value once, and refers only to what stands before it', () => {
    const known = new Set([...names(graph.input), ...names(body.input), ...names(body.initializer)]);
    expect(known.size).toBe(graph.input!.length + body.input!.length + body.initializer!.length);
    for (const node of body.node!) {
      for (const input of node.input!) expect(known, input).toContain(input);
      for (const output of node.output!) {
        expect(known, output).not.toContain(output);
        known.add(output);
      }
    }
    for (const output of names(body.output)) expect(known, output).toContain(output);
    const nodeNames = names(body.node);
    expect(new Set(nodeNames).size).toBe(nodeNames.length);
  });

  it('computes nothing that neither state nor metrics need', () => {
    const read = new Set([...body.node!.flatMap(({ input }) => input!), ...names(body.output)]);
    for (const node of body.node!)
      expect(
        node.output!.some((output) => read.has(output)),
        node.name,
      ).toBe(true);
    for (const constant of names(body.initializer)) expect(read, constant).toContain(constant);
  });
});

describe('a loop graph', () => {
  it('is byte for byte the same for the same arguments', () => {
    expect(buildLoopGraph(D_TWICE, OPTIONS).bytes).toEqual(buildLoopGraph(D_TWICE, OPTIONS).bytes);
  });

  it('reads state that no run writes from outside the Loop', () => {
    const loop = buildLoopGraph(['discriminator'], OPTIONS);
    const onlyRead = names(loop.reads).filter((name) => !names(loop.writes).includes(name));
    expect(onlyRead).toEqual(names(loop.reads).filter((name) => name.startsWith('generator')));
    expect(onlyRead.length).toBeGreaterThan(0);
    const graph = outer(loop);
    for (const name of onlyRead) {
      expect(graph.node![0]!.input).not.toContain(name);
      expect(
        bodyOf(graph).node!.some(({ input }) => input!.includes(name)),
        name,
      ).toBe(true);
    }
  });

  it('delivers of each metric that of the last run which has it', () => {
    const loop = buildLoopGraph(D_TWICE, OPTIONS);
    expect(loop.metrics).toEqual(['d_loss', 'd_real', 'd_fake', 'g_loss']);
    const metrics = names(bodyOf(outer(loop)).output).slice(-4);
    expect(metrics).toEqual(['0.1.d_loss', '0.1.d_real', '0.1.d_fake', '0.2.g_loss']);
  });

  it('feeds each run of a step with inputs of its own', () => {
    const { runs } = buildLoopGraph(D_TWICE, OPTIONS);
    const [first, second, generator] = runs.map(({ takesBatch, noise }) => ({
      takesBatch,
      noise: names(noise),
    }));
    expect(first).toEqual(second);
    expect(first).toEqual({
      takesBatch: true,
      noise: [
        'z',
        ...['fake', 'real'].flatMap((pass) => [2, 5].map((i) => `${pass}.discriminator.${i}.mask`)),
      ],
    });
    expect(generator!.takesBatch).toBe(false);
    expect(generator!.noise[0]).toBe('z');
  });

  it('keeps to the widest node that the target allows', () => {
    const widest = (options: StepGraphOptions): number => {
      const joins = bodyOf(outer(buildLoopGraph(['joint'], options))).node!.filter(
        ({ op_type }) => op_type === 'Concat',
      );
      return Math.max(...joins.map(({ input }) => input!.length));
    };
    expect(widest(OPTIONS)).toBeGreaterThan(7);
    expect(widest({ ...OPTIONS, target: GRAPH_TARGETS.webgpu })).toBe(7);
  });

  it('is refused for a step of no graphs', () => {
    expect(() => buildLoopGraph([], OPTIONS)).toThrow('loop graph: a step needs at least one step graph');
  });

  it('is refused for a body of no steps', () => {
    expect(() => buildLoopGraph(['joint'], OPTIONS, 0)).toThrow(
      'loop graph: a body of 0 steps, expected at least 1',
    );
    expect(() => buildLoopGraph(['joint'], OPTIONS, 1.5)).toThrow(RangeError);
  });
});
