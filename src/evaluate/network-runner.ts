/** A network as a function of points: what measures and figures of toy data read G and D by. */

import { toSamples } from '../export/host-inputs.js';
import {
  type AnyGanSpec,
  forward,
  type GanState,
  Graph,
  type NetworkSpec,
  networkParameters,
  type Value,
} from '../export/index.js';
import type { OrtModule } from '../train/ort.js';

/** Rows in one run of the network. */
const ROWS = 2 ** 14;

export interface NetworkRunner {
  /**
   * The network in inference mode.
   *
   * @param state holds its parameters
   * @param x float32 [n, inputs]
   * @returns float32 [n, outputs]
   */
  run(state: GanState, x: Float32Array): Promise<Float32Array>;
  release(): Promise<void>;
}

/** G of a pair as a function of latents: images float32 [n, C, H, W] in [-1, 1], or points [n, D]. */
export function openGenerator(ort: OrtModule, gan: AnyGanSpec): Promise<NetworkRunner> {
  return openNetwork(ort, gan.generator, (output) => toSamples(gan, output));
}

/**
 * Loads a network once; parameters are given with each run.
 *
 * @param after makes something else of its output; nothing by default
 */
export async function openNetwork(
  ort: OrtModule,
  network: NetworkSpec,
  after: (output: Value) => Value = (output) => output,
): Promise<NetworkRunner> {
  const graph = new Graph(network.name);
  const x = graph.input('x', 'float32', ['N', network.inputs]);
  const parameters = networkParameters(network);
  const values = new Map(parameters.map(({ name, shape }) => [name, graph.input(name, 'float32', shape)]));
  graph.output('y', after(forward(graph, network, x, { mode: 'inference', parameters: values }).output));
  const session = await ort.InferenceSession.create(graph.toBytes(), {
    executionProviders: ['cpu'],
    intraOpNumThreads: 1,
  });
  return {
    async run(state, all) {
      const feeds = Object.fromEntries(
        parameters.map(({ name, shape }) => [
          name,
          new ort.Tensor('float32', state.get(name)!.data as Float32Array, shape),
        ]),
      );
      const parts: Float32Array[] = [];
      for (let first = 0; first < all.length; first += ROWS * network.inputs) {
        const part = all.subarray(first, first + ROWS * network.inputs);
        const rows = new ort.Tensor('float32', part, [part.length / network.inputs, network.inputs]);
        parts.push((await session.run({ ...feeds, x: rows })).y!.data as Float32Array);
      }
      const out = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
      let at = 0;
      for (const part of parts) {
        out.set(part, at);
        at += part.length;
      }
      return out;
    },
    release: () => session.release(),
  };
}
