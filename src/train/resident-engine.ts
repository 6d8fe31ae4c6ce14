/**
 * The `session` engine where state stays with ONNX Runtime: step graphs as inference sessions whose state outputs are
 * fed to the next run as they are. On WebGPU they are GPU buffers, in Node as in a page: only the batch and the latents
 * go up, and losses and pictures come down when they are asked for.
 *
 * A GPU tensor is never asked for its data, which would abort Node: it is copied to the CPU by a graph that does nothing
 * else. Nor is it disposed of after the session that made it: its buffer belongs to that session.
 */

import type { InferenceSession, Tensor } from 'onnxruntime-common';
import {
  buildCopyGraph,
  copyName,
  type DType,
  type GanState,
  type Metric,
  nextName,
  type Shape,
  type StateSpec,
  type StateTensor,
  type StepGraph,
  type StepGraphName,
} from '../export/index.js';
import type { Engine, StepInputs, StepResult, Wants } from './engine.js';
import { hostFeeds, type OrtModule, stateTensor } from './ort.js';

export interface ResidentEngineOptions {
  ort: OrtModule;
  /** Where graphs run; on `webgpu` state lives in GPU buffers. */
  provider: 'webgpu' | 'wasm';
  graphs: readonly StepGraph[];
  /** Copied: the engine never writes to it. */
  state: GanState;
  /** Shape of one sample: [channels, height, width], or [coordinates] of a point. */
  image: readonly number[];
}

type Tensors = Record<string, Tensor>;
type TensorSpecs = readonly { name: string; dtype: DType; shape: Shape }[];

/** A node that the provider cannot run is an error, not a slow step on the CPU. */
const NO_FALLBACK = { session: { disable_cpu_ep_fallback: '1' } };

/** Opens a session whose outputs all stay where the provider keeps them, or all come back to JavaScript. */
function open(
  { ort, provider }: ResidentEngineOptions,
  bytes: Uint8Array,
  stay: readonly string[],
  extra?: Record<string, unknown>,
): Promise<InferenceSession> {
  const resident = stay.length > 0 && provider === 'webgpu';
  return ort.InferenceSession.create(bytes, {
    executionProviders: [provider],
    graphOptimizationLevel: 'all',
    logSeverityLevel: 4,
    ...(extra === undefined || provider !== 'webgpu' ? {} : { extra }),
    ...(resident
      ? {
          preferredOutputLocation: Object.fromEntries(
            stay.map((name): [string, 'gpu-buffer'] => [name, 'gpu-buffer']),
          ),
        }
      : {}),
  });
}

/** Copies tensors between the provider and JavaScript. */
interface Copier {
  copy(tensors: Tensors): Promise<Tensors>;
  release(): Promise<void>;
}

async function copier(
  given: ResidentEngineOptions,
  specs: TensorSpecs,
  direction: 'up' | 'down',
): Promise<Copier> {
  // In WASM everything lies where JavaScript can read it.
  if (given.provider === 'wasm') return { copy: async (tensors) => tensors, release: async () => {} };
  const names = specs.map(({ name }) => name);
  const session = await open(given, buildCopyGraph(specs), direction === 'up' ? names.map(copyName) : []);
  return {
    async copy(tensors) {
      const copies = await session.run(Object.fromEntries(names.map((name) => [name, tensors[name]!])));
      return Object.fromEntries(names.map((name) => [name, copies[copyName(name)]!]));
    },
    release: () => session.release(),
  };
}

/** A step graph ready to run, and what brings its results down. */
interface LoadedGraph {
  graph: StepGraph;
  session: InferenceSession;
  metrics: Copier;
  generated: Copier;
}

async function load(given: ResidentEngineOptions, graph: StepGraph): Promise<LoadedGraph> {
  const outputs = [...graph.writes.map(({ name }) => nextName(name)), ...graph.metrics, graph.generated];
  const scalars = graph.metrics.map((name) => ({ name, dtype: 'float32', shape: [] }) as const);
  const images = [{ name: graph.generated, dtype: 'float32', shape: ['N', ...given.image] }] as const;
  return {
    graph,
    session: await open(given, graph.bytes, outputs, NO_FALLBACK),
    metrics: await copier(given, scalars, 'down'),
    generated: await copier(given, images, 'down'),
  };
}

/** What was asked for of a run's results, in JavaScript's own memory. */
async function bring(
  { graph, metrics, generated }: LoadedGraph,
  results: Tensors,
  wants: Wants,
): Promise<StepResult> {
  const values = wants.metrics === false ? {} : await metrics.copy(results);
  const images = wants.generated ? await generated.copy(results) : undefined;
  return {
    metrics: Object.fromEntries(
      (wants.metrics === false ? [] : graph.metrics).map((metric): [Metric, number] => [
        metric,
        (values[metric]!.data as Float32Array)[0]!,
      ]),
    ),
    ...(images === undefined ? {} : { generated: images[graph.generated]!.data as Float32Array }),
  };
}

class ResidentEngine implements Engine {
  constructor(
    private readonly given: ResidentEngineOptions,
    private readonly specs: readonly StateSpec[],
    private readonly graphs: ReadonlyMap<StepGraphName, LoadedGraph>,
    private readonly state: Map<string, Tensor>,
    private readonly copiers: { up: Copier; down: Copier },
  ) {}

  async run(
    name: StepGraphName,
    inputs: StepInputs,
    wants: Wants = { generated: false },
  ): Promise<StepResult> {
    const { ort, image, provider } = this.given;
    const loaded = this.graphs.get(name);
    if (loaded === undefined) throw new RangeError(`${provider} engine: no step graph ${name} was loaded`);
    const { graph, session } = loaded;
    const feeds = hostFeeds(ort, graph, inputs, image);
    for (const { name: read } of graph.reads) feeds[read] = this.state.get(read)!;
    const results = await session.run(feeds);
    for (const { name: written } of graph.writes) {
      this.state.get(written)!.dispose();
      this.state.set(written, results[nextName(written)]!);
    }
    try {
      return await bring(loaded, results, wants);
    } finally {
      for (const output of [...graph.metrics, graph.generated]) results[output]!.dispose();
    }
  }

  async readState(): Promise<GanState> {
    const copies = await this.copiers.down.copy(Object.fromEntries(this.state));
    return new Map(
      this.specs.map(({ name, shape }): [string, StateTensor] => {
        const data = copies[name]!.data as Float32Array | Int32Array;
        return [name, { shape, data: data.slice() }];
      }),
    );
  }

  async close(): Promise<void> {
    for (const tensor of this.state.values()) tensor.dispose();
    this.state.clear();
    for (const { session, metrics, generated } of this.graphs.values()) {
      for (const part of [session, metrics, generated]) await part.release();
    }
    for (const part of Object.values(this.copiers)) await part.release();
  }
}

/**
 * @throws RangeError when the state lacks a tensor that a graph reads; ONNX Runtime's error when the provider is not
 * there, or cannot run a node
 */
export async function createResidentEngine(given: ResidentEngineOptions): Promise<Engine> {
  const { ort, graphs, provider } = given;
  const specs = [...new Map(graphs.flatMap(({ reads }) => reads).map((spec) => [spec.name, spec])).values()];
  const initial: Tensors = {};
  for (const spec of specs) {
    const tensor = given.state.get(spec.name);
    if (tensor === undefined)
      throw new RangeError(`${provider} engine: the state has no tensor ${spec.name}`);
    initial[spec.name] = stateTensor(ort, spec, tensor.data);
  }
  const loaded = new Map<StepGraphName, LoadedGraph>();
  for (const graph of graphs) loaded.set(graph.name, await load(given, graph));
  const copiers = { up: await copier(given, specs, 'up'), down: await copier(given, specs, 'down') };
  const state = new Map(Object.entries(await copiers.up.copy(initial)));
  return new ResidentEngine(given, specs, loaded, state, copiers);
}
