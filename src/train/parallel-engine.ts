/**
 * The `session` engine of several processes that train one pair of networks: each computes the gradients of its share of the
 * batch, their sum is taken over all, and each makes the same update. Parameters, moments and counters stay equal
 * everywhere; running statistics of BatchNorm are each process's own, as in PyTorch's DistributedDataParallel.
 */

import type { InferenceSession, Tensor } from 'onnxruntime-common';
import {
  buildSplitStep,
  type GanState,
  type GradientGraph,
  gradientName,
  type Metric,
  type StateSpec,
  type StepGraphName,
  type UpdateGraph,
  WEIGHT,
} from '../export/index.js';
import type { Communicator } from '../parallel/communicator.js';
import type { Engine, StepInputs, StepResult, Wants } from './engine.js';
import { createHostState, type HostState } from './host-state.js';
import { hostFeeds, type OrtModule } from './ort.js';
import { ORT_NODE } from './ort-node.js';
import type { EngineRequest } from './trainer.js';

/** How the processes agree to end early: at the end of the step in which any of them wants to. */
export interface StopAgreement {
  wanted(): boolean;
  agreed(): void;
}

export interface ParallelEngineOptions extends EngineRequest {
  group: Communicator;
  /** onnxruntime-node by default. */
  ort?: OrtModule;
  /** Threads inside an operator; by default one for each physical core. */
  threads?: number;
  stop?: StopAgreement;
}

/** Gradients begin at multiples of so many numbers, a cache line. */
const ALIGNMENT = 16;

/** What the processes add up in one run of a graph: gradients, metrics, and how many want to end, in one array. */
interface SharedSum {
  all: Float32Array;
  /** Views of it, by name of the output or input. */
  gradients: ReadonlyMap<string, Tensor>;
  metrics: ReadonlyMap<Metric, Tensor>;
  /** Place of the number of processes that want to end. */
  stop: number;
}

const sizeOf = ({ shape }: StateSpec): number => shape.reduce((a, b) => a * b, 1);

function layOut({ Tensor }: OrtModule, { gradients, metrics }: GradientGraph): SharedSum {
  const places = new Map<StateSpec, number>();
  let end = 0;
  for (const spec of gradients) {
    places.set(spec, end);
    end += Math.ceil(sizeOf(spec) / ALIGNMENT) * ALIGNMENT;
  }
  const all = new Float32Array(end + metrics.length + 1);
  const view = (first: number, shape: readonly number[]): Tensor =>
    new Tensor('float32', all.subarray(first, first + shape.reduce((a, b) => a * b, 1)), shape);
  return {
    all,
    gradients: new Map(
      [...places].map(([spec, first]) => [gradientName(spec.name), view(first, spec.shape)]),
    ),
    metrics: new Map(metrics.map((name, i) => [name, view(end + i, [])])),
    stop: end + metrics.length,
  };
}

interface LoadedStep {
  gradient: { graph: GradientGraph; session: InferenceSession };
  update: { graph: UpdateGraph; session: InferenceSession };
  shared: SharedSum;
}

class ParallelEngine implements Engine {
  constructor(
    private readonly given: ParallelEngineOptions & { ort: OrtModule },
    private readonly state: HostState,
    private readonly steps: ReadonlyMap<StepGraphName, LoadedStep>,
  ) {}

  async run(
    name: StepGraphName,
    inputs: StepInputs,
    { generated }: Wants = { generated: false },
  ): Promise<StepResult> {
    const step = this.steps.get(name);
    if (step === undefined) throw new RangeError(`parallel engine: no step graph ${name} was loaded`);
    const { group, stop } = this.given;
    const { shared, update } = step;
    const own = await this.computeGradients(step, inputs, generated);
    shared.all[shared.stop] = stop?.wanted() ? 1 : 0;
    await group.sum(shared.all);
    const feeds = { ...this.state.feeds(update.graph), ...Object.fromEntries(shared.gradients) };
    await update.session.run(feeds, this.state.fetches(update.graph));
    this.state.advance(update.graph);
    if (shared.all[shared.stop]! > 0) stop?.agreed();
    return {
      metrics: Object.fromEntries(
        [...shared.metrics].map(([metric, { data }]) => [metric, (data as Float32Array)[0]!]),
      ),
      ...(generated ? { generated: await this.wholeBatch(inputs, own) } : {}),
    };
  }

  /** Fills in what this process adds; gives its part of G's batch where that is wanted. */
  private async computeGradients(
    { gradient: { graph, session }, shared }: LoadedStep,
    inputs: StepInputs,
    generated: boolean,
  ): Promise<Float32Array> {
    const { ort, image } = this.given;
    const { batchSize, whole } = inputs;
    if (batchSize === 0) {
      shared.all.fill(0);
      return new Float32Array();
    }
    const weight = Float32Array.of(batchSize / (whole?.size ?? batchSize));
    const results = await session.run(
      {
        ...hostFeeds(ort, graph, inputs, image),
        ...this.state.feeds(graph),
        [WEIGHT]: new ort.Tensor('float32', weight, []),
      },
      {
        ...this.state.fetches(graph),
        ...Object.fromEntries([...shared.gradients, ...shared.metrics]),
        ...(generated ? { [graph.generated]: null } : {}),
      },
    );
    this.state.advance(graph);
    return generated ? (results[graph.generated]!.data as Float32Array) : new Float32Array();
  }

  /** The batch that all of them made: each adds its samples to zeros. */
  private async wholeBatch({ batchSize, whole }: StepInputs, own: Float32Array): Promise<Float32Array> {
    const { size, first } = whole ?? { size: batchSize, first: 0 };
    const { image, group } = this.given;
    const each = image.reduce((a, b) => a * b, 1);
    const all = new Float32Array(size * each);
    all.set(own, first * each);
    await group.sum(all);
    return all;
  }

  async readState(): Promise<GanState> {
    return this.state.copy();
  }

  async close(): Promise<void> {
    for (const { gradient, update } of this.steps.values()) {
      await gradient.session.release();
      await update.session.release();
    }
  }
}

/** Gives rank 0's state to all. */
async function broadcastState(group: Communicator, state: GanState): Promise<GanState> {
  const given: GanState = new Map();
  for (const [name, { shape, data }] of state) {
    const copy = data.slice();
    await group.broadcast(new Uint8Array(copy.buffer, copy.byteOffset, copy.byteLength));
    given.set(name, { shape, data: copy });
  }
  return given;
}

/**
 * Every process of the group calls it, with states of the same names and shapes; all begin from rank 0's. The batch of
 * `StepInputs` is the process's share, `whole` says of what.
 *
 * @throws RangeError when the state lacks a tensor that a graph reads
 */
export async function createParallelEngine(given: ParallelEngineOptions): Promise<Engine> {
  const { ort = ORT_NODE, group, options, order, threads } = given;
  const open = async <G extends { bytes: Uint8Array }>(graph: G) => ({
    graph,
    session: await ort.InferenceSession.create(graph.bytes, {
      executionProviders: ['cpu'],
      graphOptimizationLevel: 'all',
      ...(threads === undefined ? {} : { intraOpNumThreads: threads }),
    }),
  });
  const steps = new Map<StepGraphName, LoadedStep>();
  for (const name of new Set(order)) {
    const { gradient, update } = buildSplitStep(name, options);
    const shared = layOut(ort, gradient);
    steps.set(name, { gradient: await open(gradient), update: await open(update), shared });
  }
  const graphs = [...steps.values()].flatMap(({ gradient, update }) => [gradient.graph, update.graph]);
  const state = createHostState(ort, graphs, await broadcastState(group, given.state), 'parallel');
  return new ParallelEngine({ ...given, ort }, state, steps);
}
