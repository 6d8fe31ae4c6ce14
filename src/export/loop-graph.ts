/**
 * Many training steps as one ONNX graph: the step graphs of one whole step, or of a few, inlined one after the other into
 * the body of a Loop whose loop-carried values are the state. For providers whose tensors JavaScript cannot hold, such as cuda
 * in Node: state goes to the device and back once per call instead of once per step.
 */

import {
  ATTRIBUTE_TYPES,
  DATA_TYPES,
  type DimensionProto,
  decodeModel,
  encodeModel,
  type GraphProto,
  type NodeProto,
  type TensorProto,
  tensorProto,
  type ValueInfoProto,
} from '../onnx/index.js';
import { tensorNumbers } from '../onnx/tensor.js';
import { modelProto } from './model-proto.js';
import type { DType } from './ops.js';
import { withoutRejoining } from './rejoined.js';
import { nextName, type StateSpec } from './state.js';
import {
  buildStepGraph,
  type Metric,
  type StepGraph,
  type StepGraphName,
  type StepGraphOptions,
} from './step-graphs.js';
import { GRAPH_TARGETS } from './update-all.js';

/** What the host feeds to one run of a step graph. */
export type HostFeeds = Pick<StepGraph, 'takesBatch' | 'noise'>;

/** S training steps as one graph, and all that an engine must know to run it. */
export interface LoopGraph {
  /** The .onnx file's bytes. */
  bytes: Uint8Array;
  /** Input int64 []: how often to run the body, at least once; S = that times `unrolled` steps are done. */
  tripCount: string;
  /** Steps of the body. */
  unrolled: number;
  /** The step graphs of one step, in the order in which they run. */
  order: readonly StepGraphName[];
  /**
   * What each of those runs takes from the host. Each is an input `stackedName(run, input)` with the inputs of all steps
   * along a new first axis: uint8 [S, N, C, H, W] for images, float32 [S, N, latent], uint8 [S, N, features] for masks.
   */
  runs: readonly HostFeeds[];
  /** State tensors that it reads, each an input of that name. */
  reads: readonly StateSpec[];
  /** Those of them that it writes, each as output `<name>.next`: the values after the last step. */
  writes: readonly StateSpec[];
  /**
   * Float32 outputs, one number for each step in order: that of the step's last run which has the metric. [S], or
   * [S / unrolled, unrolled] where the body has several steps.
   */
  metrics: readonly Metric[];
}

/** Name of the input that stacks what run number `run` of every step takes as `input`. */
export function stackedName(run: number, input: string): string {
  return `${run}.${input}`;
}

/** Names of what is not part of a step; a step graph's own values are called `<run>.<name>` in the body. */
const TRIP_COUNT = 'steps';
const ITERATION = 'iteration';
const CONDITION = 'condition';
/** Always true. A constant rather than the condition handed on, which a GPU provider would fetch in each iteration. */
const GO_ON = 'condition.next';
const carriedName = (name: string): string => `${name}.carried`;

function valueInfo(name: string, dtype: DType, dim: DimensionProto[] = []): ValueInfoProto {
  return { name, type: { tensor_type: { elem_type: DATA_TYPES[dtype], shape: { dim } } } };
}

function stateInfo(name: string, { dtype, shape }: StateSpec): ValueInfoProto {
  return valueInfo(
    name,
    dtype,
    shape.map((size) => ({ dim_value: size })),
  );
}

/** `value` under another name and with a new first axis, over steps. */
function stacked(value: ValueInfoProto, name: string): ValueInfoProto {
  const { elem_type, shape } = value.type!.tensor_type!;
  const dim = [{ dim_param: 'S' }, ...(shape?.dim ?? [])];
  return { name, type: { tensor_type: { elem_type: elem_type!, shape: { dim } } } };
}

/** The loop's body under construction: one whole step after the other. */
class LoopBody {
  /** Inputs of the outer graph that the body slices, by name. */
  readonly stacked = new Map<string, ValueInfoProto>();
  private readonly constants = new Map<string, TensorProto>();
  private readonly nodes: NodeProto[] = [];
  /** The value of each state tensor that the steps write, as the runs so far left it. */
  private readonly latest: Map<string, string>;
  /** The value of each metric in each of the body's steps. */
  private readonly measured: Map<Metric, string>[] = [];

  /**
   * @param writes state tensors that any run of a step writes
   * @param unrolled how many steps it will have
   */
  constructor(
    private readonly writes: readonly StateSpec[],
    private readonly unrolled: number,
  ) {
    this.latest = new Map(writes.map(({ name }) => [name, carriedName(name)]));
  }

  /** Appends a whole step. */
  append(runs: readonly StepGraph[]): void {
    const index = this.stepIndex(this.measured.length);
    this.measured.push(new Map());
    for (const [run, step] of runs.entries()) this.appendRun(step, run, index);
  }

  private appendRun(step: StepGraph, run: number, index: string): void {
    const place = this.measured.length - 1;
    const { input = [], initializer = [], node: nodes = [] } = decodeModel(step.bytes).graph!;
    const names = new Map<string, string>();
    // What no run of the step writes is a value of the outer graph.
    for (const { name } of step.reads) names.set(name, this.latest.get(name) ?? name);
    for (const value of input) {
      if (names.has(value.name!)) continue;
      const name = stackedName(run, value.name!);
      this.stacked.set(name, stacked(value, name));
      names.set(value.name!, this.node('Gather', [name, index], `${place}.${name}.slice`));
    }
    for (const constant of initializer) {
      // Constants are named after their type and value, so graphs share them.
      names.set(constant.name!, constant.name!);
      this.constants.set(constant.name!, constant);
    }
    const prefix = `${place}.${run}`;
    const nameOf = (name: string): string => names.get(name) ?? `${prefix}.${name}`;
    for (const node of nodes) {
      const [input, output] = [node.input!.map(nameOf), node.output!.map(nameOf)];
      this.nodes.push({ ...node, name: `${prefix}.${node.name ?? node.output![0]}`, input, output });
    }
    for (const { name } of step.writes) this.latest.set(name, nameOf(nextName(name)));
    for (const metric of step.metrics) this.measured[place]!.set(metric, nameOf(metric));
  }

  private node(op: string, input: string[], output: string, attributes: Partial<NodeProto> = {}): string {
    this.nodes.push({ op_type: op, name: output, input, output: [output], ...attributes });
    return output;
  }

  private integer(value: number, shape: readonly number[] = []): string {
    const name = `integer[${shape.join(',')}](${value})`;
    this.constants.set(name, tensorProto(name, 'int64', shape, BigInt64Array.of(BigInt(value))));
    return name;
  }

  /** The numbers of a constant vector of integers. */
  private integers(name: string): readonly number[] | undefined {
    const constant = this.constants.get(name);
    const isVector = constant?.data_type === DATA_TYPES.int64 && constant.dims?.length === 1;
    return isVector ? tensorNumbers(constant, constant.dims![0]!) : undefined;
  }

  /** Which step of the call the body's step number `place` is in this iteration. */
  private stepIndex(place: number): string {
    if (this.unrolled === 1) return ITERATION;
    const first = `${ITERATION}.first`;
    if (place > 0) return this.node('Add', [first, this.integer(place)], `${place}.step`);
    return this.node('Mul', [ITERATION, this.integer(this.unrolled)], first);
  }

  /** A metric of the body's steps: one number, or a vector of them where there are several. */
  private metric(metric: Metric): string {
    const ofSteps = this.measured.map((ofStep) => ofStep.get(metric)!);
    if (ofSteps.length === 1) return ofSteps[0]!;
    const one = this.integer(1, [1]);
    const vectors = ofSteps.map((name) => this.node('Reshape', [name, one], `${name}.vector`));
    const attribute = [{ name: 'axis', i: 0, type: ATTRIBUTE_TYPES.int }];
    return this.node('Concat', vectors, `${metric}.steps`, { attribute });
  }

  /** The body: iteration number, condition and state in; condition, state and metrics out. */
  build(metrics: readonly Metric[]): GraphProto {
    const measured = metrics.map((metric) => this.metric(metric));
    const nodes = withoutRejoining(this.nodes, (name) => this.integers(name));
    const node = neededNodes(nodes, [...this.latest.values(), ...measured]);
    const used = new Set(node.flatMap(({ input }) => input!));
    const constants = [...this.constants.values()].filter(({ name }) => used.has(name!));
    return {
      name: 'step',
      node,
      initializer: [tensorProto(GO_ON, 'bool', [], Uint8Array.of(1)), ...constants],
      input: [
        valueInfo(ITERATION, 'int64'),
        valueInfo(CONDITION, 'bool'),
        ...this.writes.map((spec) => stateInfo(carriedName(spec.name), spec)),
      ],
      output: [
        valueInfo(GO_ON, 'bool'),
        ...this.writes.map((spec) => stateInfo(this.latest.get(spec.name)!, spec)),
        ...measured.map((name) => valueInfo(name, 'float32', perIteration(this.unrolled))),
      ],
    };
  }
}

/** Dimensions of a metric in one iteration of the loop. */
function perIteration(unrolled: number): DimensionProto[] {
  return unrolled === 1 ? [] : [{ dim_value: unrolled }];
}

/** Those of the nodes that the wanted values need; nodes stand in an order in which they can run. */
function neededNodes(nodes: readonly NodeProto[], wanted: readonly string[]): NodeProto[] {
  const needed = new Set(wanted);
  const kept = nodes.toReversed().filter(({ input, output }) => {
    const isNeeded = output!.some((name) => needed.has(name));
    if (isNeeded) for (const name of input!) needed.add(name);
    return isNeeded;
  });
  return kept.reverse();
}

function uniqueByName<T extends { name: string }>(items: readonly T[]): T[] {
  return [...new Map(items.map((item) => [item.name, item])).values()];
}

/** The outer graph: nothing but the Loop. */
function loopGraph(
  body: GraphProto,
  stackedInputs: readonly ValueInfoProto[],
  { reads, writes, metrics, unrolled }: Pick<LoopGraph, 'reads' | 'writes' | 'metrics' | 'unrolled'>,
): GraphProto {
  const loop: NodeProto = {
    op_type: 'Loop',
    name: 'Loop',
    // No condition: it ends after as many iterations as it is told.
    input: [TRIP_COUNT, '', ...writes.map(({ name }) => name)],
    output: [...writes.map(({ name }) => nextName(name)), ...metrics],
    attribute: [{ name: 'body', g: body, type: ATTRIBUTE_TYPES.graph }],
  };
  return {
    name: 'step_loop',
    node: [loop],
    input: [
      valueInfo(TRIP_COUNT, 'int64'),
      ...reads.map((spec) => stateInfo(spec.name, spec)),
      ...stackedInputs,
    ],
    output: [
      ...writes.map((spec) => stateInfo(nextName(spec.name), spec)),
      ...metrics.map((metric) =>
        valueInfo(metric, 'float32', [{ dim_param: 'iterations' }, ...perIteration(unrolled)]),
      ),
    ],
  };
}

/**
 * Authors the graph that runs whole steps; the same arguments give the same bytes. It makes no pictures: whoever wants
 * `generated` runs the step graph.
 *
 * @param order the step graphs of one step, in the order in which they run
 * @param options `target.inPlace` is taken as false: a Loop gives the next state memory of its own
 * @param unrolled whole steps of the Loop's body: state between them is memory that ONNX Runtime plans and uses again, while what
 *   the body hands on is new memory each time
 * @throws RangeError when `order` is empty, or `unrolled` is not a positive integer
 */
export function buildLoopGraph(
  order: readonly StepGraphName[],
  options: StepGraphOptions,
  unrolled = 1,
): LoopGraph {
  if (order.length === 0) throw new RangeError('loop graph: a step needs at least one step graph');
  if (!Number.isInteger(unrolled) || unrolled < 1) {
    throw new RangeError(`loop graph: a body of ${unrolled} steps, expected at least 1`);
  }
  const { gan, target = GRAPH_TARGETS.cpu, version } = options;
  const forLoop = { ...options, target: { ...target, inPlace: false } };
  const built = new Map([...new Set(order)].map((name) => [name, buildStepGraph(name, forLoop)]));
  const runs = order.map((name) => built.get(name)!);
  const reads = uniqueByName(runs.flatMap((run) => run.reads));
  const writes = uniqueByName(runs.flatMap((run) => run.writes));
  const metrics = [...new Set(runs.flatMap((run) => run.metrics))];
  const body = new LoopBody(writes, unrolled);
  for (let place = 0; place < unrolled; place++) body.append(runs);
  const graph = loopGraph(body.build(metrics), [...body.stacked.values()], {
    reads,
    writes,
    metrics,
    unrolled,
  });
  const model = modelProto(graph, {
    description: `gan-onnx training steps of ${gan.name}, each ${order.join(', ')}`,
    ...(version === undefined ? {} : { version }),
  });
  return {
    bytes: encodeModel(model),
    tripCount: TRIP_COUNT,
    unrolled,
    order: [...order],
    runs: runs.map(({ takesBatch, noise }) => ({ takesBatch, noise })),
    reads,
    writes,
    metrics,
  };
}
