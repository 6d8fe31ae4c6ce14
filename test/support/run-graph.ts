/** Runs authored graphs on ONNX Runtime's cpu provider: named inputs as plain numbers in, plain numbers out. */

import { InferenceSession, Tensor } from 'onnxruntime-node';
import { type DType, type Graph, typedArray } from '../../src/export/index.js';

/** A tensor as plain numbers: bool as 0 and 1. */
export interface Numbers {
  shape: readonly number[];
  data: ArrayLike<number>;
}

/** What came out: always an array of doubles. */
export interface Result {
  shape: readonly number[];
  data: Float64Array;
}

export type Feeds = Readonly<Record<string, Numbers>>;

export interface OpenGraph {
  /** @param outputs names of the outputs to compute, by default all */
  run(feeds: Feeds, outputs?: readonly string[]): Promise<Record<string, Result>>;
  close(): Promise<void>;
}

/** Loads a graph once, to be run many times. Feeds take the element types that the graph declares. */
export async function openGraph(graph: Graph | Uint8Array): Promise<OpenGraph> {
  const bytes = graph instanceof Uint8Array ? graph : graph.toBytes();
  const session = await InferenceSession.create(bytes, {
    executionProviders: ['cpu'],
    intraOpNumThreads: 1,
    logSeverityLevel: 3,
  });
  const types = new Map(
    session.inputMetadata.map((input) => [input.name, input.isTensor ? input.type : 'none']),
  );
  return {
    async run(feeds, outputs = session.outputNames) {
      const tensors = Object.entries(feeds).map(([name, { shape, data }]): [string, Tensor] => {
        const type = types.get(name);
        if (type === undefined) throw new Error(`the graph has no input ${name}`);
        const array = typedArray(type as DType, Array.from(data));
        return [name, new Tensor(type as 'float32', array as Float32Array, shape)];
      });
      const results = await session.run(Object.fromEntries(tensors), [...outputs]);
      return Object.fromEntries(
        outputs.map((name) => {
          const { dims, data } = results[name]!;
          return [name, { shape: dims, data: Float64Array.from(data as Float32Array, Number) }];
        }),
      );
    },
    close: () => session.release(),
  };
}

/** Loads a graph, runs it once and closes it. */
export async function runGraph(
  graph: Graph | Uint8Array,
  feeds: Feeds = {},
): Promise<Record<string, Result>> {
  const open = await openGraph(graph);
  try {
    return await open.run(feeds);
  } finally {
    await open.close();
  }
}
