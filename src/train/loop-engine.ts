/**
 * The `session` engine for providers whose tensors JavaScript cannot hold, such as cuda in Node: beside single steps it
 * runs many in one call of a graph with a Loop, so that state goes to the device and back once per call. Between calls
 * state lives in tensors on the CPU, two of each: a run reads the one and writes the other.
 *
 * On cpu, too, many steps per call are faster: onnxruntime-node 1.30 copies every output of a run into a new array, even
 * where it was given one to write to.
 */

import type { InferenceSession, Tensor } from 'onnxruntime-common';
import {
  type GanState,
  type Metric,
  nextName,
  type StateSpec,
  type StateTensor,
  type StepGraph,
  type StepGraphName,
  type StepGraphOptions,
} from '../export/index.js';
import { buildLoopGraph, type LoopGraph, stackedName } from '../export/loop-graph.js';
import type { Engine, StepInputs, StepResult, Wants } from './engine.js';
import { hostFeeds, type OrtModule, stateTensor } from './ort.js';

export interface LoopEngineOptions {
  ort: OrtModule;
  /** Execution providers in order of preference, as onnxruntime's sessions take them; ['cpu'] by default. */
  providers?: readonly InferenceSession.ExecutionProviderConfig[];
  /** For single steps; authored from `options`. */
  graphs: readonly StepGraph[];
  /** The step graphs of one whole step, in the order in which they run. */
  order: readonly StepGraphName[];
  /** Networks, loss and optimiser: what the loop is authored from. */
  options: StepGraphOptions;
  /** Copied: the engine never writes to it. */
  state: GanState;
  /** Shape of one sample: [channels, height, width], or [coordinates] of a point. */
  image: readonly number[];
  /** Threads inside an operator on the CPU; by default one for each physical core. */
  threads?: number;
  /** Whether runs write into memory that they are given, as by default; onnxruntime-web does not. */
  preallocated?: boolean;
  /** Steps of the loop's body, 1 by default; what is left over of a call's steps runs as single steps. */
  unrolled?: number;
}

export type StepMetrics = Partial<Record<Metric, number>>;

export interface LoopEngine extends Engine {
  /**
   * Runs whole steps in one call and moves the state past them, exactly as single runs in the same order would.
   *
   * @param steps for each step the inputs of each of its runs, all of one batch size
   * @returns the metrics of each step; where several of its runs have one, the last run's
   * @throws RangeError when a step has not one input for each run of `order`, or batch sizes differ
   */
  runMany(steps: readonly (readonly StepInputs[])[]): Promise<StepMetrics[]>;
}

type Tensors = Record<string, Tensor>;

/** State on the CPU: of each tensor the current value, and memory for the next one, which no run reads. */
class BufferedState {
  private readonly current = new Map<string, Tensor>();
  private readonly spare = new Map<string, Tensor>();

  /** @throws RangeError when the state lacks one of the tensors */
  constructor(ort: OrtModule, specs: readonly StateSpec[], state: GanState) {
    for (const spec of specs) {
      const tensor = state.get(spec.name);
      if (tensor === undefined) throw new RangeError(`loop engine: the state has no tensor ${spec.name}`);
      this.current.set(spec.name, stateTensor(ort, spec, tensor.data.slice()));
      this.spare.set(spec.name, stateTensor(ort, spec, tensor.data.slice()));
    }
  }

  /** What a graph reads. */
  feeds(reads: readonly StateSpec[]): Tensors {
    return Object.fromEntries(reads.map(({ name }) => [name, this.current.get(name)!]));
  }

  /** Where a graph writes. */
  fetches(writes: readonly StateSpec[]): Tensors {
    return Object.fromEntries(writes.map(({ name }) => [nextName(name), this.spare.get(name)!]));
  }

  /** Makes what a run wrote the current state. */
  advance(writes: readonly StateSpec[]): void {
    for (const { name } of writes) {
      const before = this.current.get(name)!;
      this.current.set(name, this.spare.get(name)!);
      this.spare.set(name, before);
    }
  }

  /** Makes results of a run the current state. */
  adopt(writes: readonly StateSpec[], results: Tensors): void {
    for (const { name } of writes) this.current.set(name, results[nextName(name)]!);
  }

  copy(): GanState {
    return new Map(
      [...this.current].map(([name, { dims, data }]): [string, StateTensor] => [
        name,
        { shape: dims, data: (data as Float32Array | Int32Array).slice() },
      ]),
    );
  }
}

/**
 * Tensors of one type and shape as one, along a new first axis.
 *
 * @throws RangeError when shapes differ
 */
function stack(ort: OrtModule, parts: readonly Tensor[]): Tensor {
  const { dims, size, type } = parts[0]!;
  const shape = [parts.length, ...dims];
  const copyTo = <A extends Uint8Array | Float32Array>(all: A): A => {
    for (const [i, part] of parts.entries()) {
      if (String(part.dims) !== String(dims)) {
        throw new RangeError(`loop engine: inputs of [${dims}] and [${part.dims}] cannot be stacked`);
      }
      all.set(part.data as A, i * size);
    }
    return all;
  };
  return type === 'uint8'
    ? new ort.Tensor('uint8', copyTo(new Uint8Array(parts.length * size)), shape)
    : new ort.Tensor('float32', copyTo(new Float32Array(parts.length * size)), shape);
}

/** @throws RangeError when the loop cannot run these steps in one call */
function checkSteps({ order }: LoopGraph, steps: readonly (readonly StepInputs[])[]): void {
  for (const [s, runs] of steps.entries()) {
    if (runs.length !== order.length) {
      throw new RangeError(
        `loop engine: step ${s} has inputs for ${runs.length} runs, expected ${order.length} (${order.join(', ')})`,
      );
    }
  }
  const sizes = new Set(steps.flat().map(({ batchSize }) => batchSize));
  if (sizes.size > 1) {
    throw new RangeError(`loop engine: batches of ${[...sizes].join(', ')} in one call, expected one size`);
  }
}

class LoopedEngine implements LoopEngine {
  constructor(
    private readonly given: LoopEngineOptions,
    private readonly singles: ReadonlyMap<StepGraphName, { graph: StepGraph; session: InferenceSession }>,
    private readonly loop: { graph: LoopGraph; open(): Promise<InferenceSession> },
    private readonly state: BufferedState,
  ) {}

  /** Opened when it is first needed: a run whose steps are slow never does. */
  private looped: Promise<InferenceSession> | undefined;

  async run(
    name: StepGraphName,
    inputs: StepInputs,
    { generated, metrics = true }: Wants = { generated: false },
  ): Promise<StepResult> {
    const { ort, image } = this.given;
    const single = this.singles.get(name);
    if (single === undefined) throw new RangeError(`loop engine: no step graph ${name} was loaded`);
    const { graph } = single;
    const wanted = [...(metrics ? graph.metrics : []), ...(generated ? [graph.generated] : [])];
    const results = await this.move(single, hostFeeds(ort, graph, inputs, image), wanted);
    const values = metrics
      ? graph.metrics.map((metric) => [metric, (results[metric]!.data as Float32Array)[0]!])
      : [];
    return {
      metrics: Object.fromEntries(values),
      ...(generated ? { generated: results[graph.generated]!.data as Float32Array } : {}),
    };
  }

  async runMany(steps: readonly (readonly StepInputs[])[]): Promise<StepMetrics[]> {
    const { graph } = this.loop;
    checkSteps(graph, steps);
    const looped = steps.length - (steps.length % graph.unrolled);
    const metrics = await this.runLoop(steps.slice(0, looped));
    for (const runs of steps.slice(looped)) metrics.push(await this.runSingly(runs));
    return metrics;
  }

  /** Runs a multiple of the body's steps. */
  private async runLoop(steps: readonly (readonly StepInputs[])[]): Promise<StepMetrics[]> {
    if (steps.length === 0) return [];
    const { graph } = this.loop;
    this.looped ??= this.loop.open();
    const loop = { graph, session: await this.looped };
    const results = await this.move(loop, this.stackedFeeds(steps), graph.metrics);
    return steps.map((_, s) =>
      Object.fromEntries(
        graph.metrics.map((metric) => [metric, (results[metric]!.data as Float32Array)[s]!]),
      ),
    );
  }

  private async runSingly(runs: readonly StepInputs[]): Promise<StepMetrics> {
    const metrics: StepMetrics = {};
    for (const [i, name] of this.loop.graph.order.entries()) {
      Object.assign(metrics, (await this.run(name, runs[i]!)).metrics);
    }
    return metrics;
  }

  /** Runs a graph from the current state to the next. */
  private async move(
    { graph, session }: { graph: StepGraph | LoopGraph; session: InferenceSession },
    host: Tensors,
    wanted: readonly string[],
  ): Promise<Tensors> {
    const feeds = { ...host, ...this.state.feeds(graph.reads) };
    const { preallocated = true } = this.given;
    const outputs = Object.fromEntries(wanted.map((name) => [name, null]));
    if (preallocated) {
      const results = await session.run(feeds, { ...outputs, ...this.state.fetches(graph.writes) });
      this.state.advance(graph.writes);
      return results as Tensors;
    }
    const next = Object.fromEntries(graph.writes.map(({ name }) => [nextName(name), null]));
    const results = (await session.run(feeds, { ...outputs, ...next })) as Tensors;
    this.state.adopt(graph.writes, results);
    return results;
  }

  private stackedFeeds(steps: readonly (readonly StepInputs[])[]): Tensors {
    const { ort, image } = this.given;
    const { tripCount, unrolled, runs } = this.loop.graph;
    const feeds: Tensors = {
      [tripCount]: new ort.Tensor('int64', BigInt64Array.of(BigInt(steps.length / unrolled)), []),
    };
    for (const [i, run] of runs.entries()) {
      const ofSteps = steps.map((inputs) => hostFeeds(ort, run, inputs[i]!, image));
      for (const name of Object.keys(ofSteps[0]!)) {
        const parts = ofSteps.map((ofStep) => ofStep[name]!);
        feeds[stackedName(i, name)] = stack(ort, parts);
      }
    }
    return feeds;
  }

  async readState(): Promise<GanState> {
    return this.state.copy();
  }

  async close(): Promise<void> {
    for (const { session } of this.singles.values()) await session.release();
    await (await this.looped)?.release();
  }
}

/**
 * @throws RangeError when the state lacks a tensor that a graph reads; ONNX Runtime's error when none of the providers
 * can run the graphs
 */
export async function createLoopEngine(given: LoopEngineOptions): Promise<LoopEngine> {
  const { ort, providers = ['cpu'], graphs, order, options, threads, unrolled } = given;
  const open = ({ bytes }: StepGraph | LoopGraph): Promise<InferenceSession> =>
    ort.InferenceSession.create(bytes, {
      executionProviders: providers,
      graphOptimizationLevel: 'all',
      ...(threads === undefined ? {} : { intraOpNumThreads: threads }),
    });
  const loop = buildLoopGraph(order, options, unrolled);
  const reads = [...graphs, loop].flatMap((graph) => graph.reads);
  const specs = [...new Map(reads.map((spec) => [spec.name, spec])).values()];
  const state = new BufferedState(ort, specs, given.state);
  const singles = new Map<StepGraphName, { graph: StepGraph; session: InferenceSession }>();
  for (const graph of graphs) singles.set(graph.name, { graph, session: await open(graph) });
  return new LoopedEngine(given, singles, { graph: loop, open: () => open(loop) }, state);
}
