/**
 * The `session` engine: step graphs run as ordinary ONNX Runtime inference sessions. State lives in preallocated
 * tensors that the graph writes directly: in place where its data flow makes that safe, else in a second tensor, the
 * two changing roles after each step.
 */

import type { InferenceSession, Tensor } from 'onnxruntime-common';
import type { GanState, Metric, StepGraph, StepGraphName } from '../export/index.js';
import type { Engine, StepInputs, StepResult } from './engine.js';
import { createHostState } from './host-state.js';
import { hostFeeds, type OrtModule } from './ort.js';
import { ORT_NODE } from './ort-node.js';

export interface SessionEngineOptions {
  /** onnxruntime-node by default. */
  ort?: OrtModule;
  graphs: readonly StepGraph[];
  /** Copied: the engine never writes to it. */
  state: GanState;
  /** Shape of one sample: [channels, height, width], or [coordinates] of a point. */
  image: readonly number[];
  /** Threads inside an operator; by default one for each physical core. */
  threads?: number;
}

interface LoadedGraph {
  graph: StepGraph;
  session: InferenceSession;
  metrics: ReadonlyMap<Metric, Tensor>;
}

/** Loads one step graph as a session on the cpu provider. */
async function load(
  { InferenceSession, Tensor }: OrtModule,
  graph: StepGraph,
  threads: number | undefined,
): Promise<LoadedGraph> {
  const session = await InferenceSession.create(graph.bytes, {
    executionProviders: ['cpu'],
    graphOptimizationLevel: 'all',
    ...(threads === undefined ? {} : { intraOpNumThreads: threads }),
  });
  const metrics = new Map(
    graph.metrics.map((name) => [name, new Tensor('float32', new Float32Array(1), [])]),
  );
  return { graph, session, metrics };
}

/**
 * @throws RangeError when the state lacks a tensor that a graph reads
 */
export async function createSessionEngine(options: SessionEngineOptions): Promise<Engine> {
  const { ort = ORT_NODE, graphs } = options;
  const state = createHostState(ort, graphs, options.state, 'session');
  const loaded = new Map<StepGraphName, LoadedGraph>();
  for (const graph of options.graphs) loaded.set(graph.name, await load(ort, graph, options.threads));

  return {
    async run(name: StepGraphName, inputs: StepInputs, wants = { generated: false }): Promise<StepResult> {
      const entry = loaded.get(name);
      if (entry === undefined) throw new RangeError(`session engine: no step graph ${name} was loaded`);
      const { graph, session, metrics } = entry;
      const feeds = { ...hostFeeds(ort, graph, inputs, options.image), ...state.feeds(graph) };
      const fetches: Record<string, Tensor | null> = state.fetches(graph);
      for (const [metric, tensor] of metrics) fetches[metric] = tensor;
      if (wants.generated) fetches[graph.generated] = null;

      const results = await session.run(feeds, fetches);
      state.advance(graph);
      return {
        metrics: Object.fromEntries(
          [...metrics].map(([metric, { data }]) => [metric, (data as Float32Array)[0]!]),
        ),
        ...(wants.generated ? { generated: results[graph.generated]!.data as Float32Array } : {}),
      };
    },
    readState: async () => state.copy(),
    async close() {
      for (const { session } of loaded.values()) await session.release();
    },
  };
}
