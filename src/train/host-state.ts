/** The state of training in tensors on the CPU that graphs write directly: in place where that is safe, else in a second one. */

import type { Tensor } from 'onnxruntime-common';
import {
  type GanState,
  nextName,
  type StateSpec,
  type StateTensor,
  type StepGraph,
} from '../export/index.js';
import { type OrtModule, stateTensor } from './ort.js';

/** What a graph reads and writes. */
export type StateUse = Pick<StepGraph, 'reads' | 'writes' | 'inPlace'>;

export interface HostState {
  /** What a graph reads, by input name. */
  feeds(graph: StateUse): Record<string, Tensor>;
  /** Where it writes, by output name. */
  fetches(graph: StateUse): Record<string, Tensor>;
  /** Makes what a run wrote the current state. */
  advance(graph: StateUse): void;
  copy(): GanState;
}

/**
 * @param graphs all that will use it
 * @param state copied
 * @param engine its name, for messages
 * @throws RangeError when the state lacks a tensor that a graph reads
 */
export function createHostState(
  ort: OrtModule,
  graphs: readonly StateUse[],
  state: GanState,
  engine: string,
): HostState {
  const specs = new Map(graphs.flatMap(({ reads }) => reads).map((spec) => [spec.name, spec]));
  const needsSpare = new Set(
    graphs.flatMap(({ writes, inPlace }) =>
      writes.map(({ name }) => name).filter((name) => !inPlace.has(name)),
    ),
  );
  const current = new Map<string, Tensor>();
  const spare = new Map<string, Tensor>();
  const place = (spec: StateSpec, { data }: StateTensor): Tensor => stateTensor(ort, spec, data.slice());
  for (const [name, spec] of specs) {
    const tensor = state.get(name);
    if (tensor === undefined) throw new RangeError(`${engine} engine: the state has no tensor ${name}`);
    current.set(name, place(spec, tensor));
    if (needsSpare.has(name)) spare.set(name, place(spec, tensor));
  }
  return {
    feeds: ({ reads }) => Object.fromEntries(reads.map(({ name }) => [name, current.get(name)!])),
    fetches: ({ writes, inPlace }) =>
      Object.fromEntries(
        writes.map(({ name }) => [nextName(name), (inPlace.has(name) ? current : spare).get(name)!]),
      ),
    advance({ writes, inPlace }) {
      for (const { name } of writes) {
        if (inPlace.has(name)) continue;
        const before = current.get(name)!;
        current.set(name, spare.get(name)!);
        spare.set(name, before);
      }
    },
    copy: () =>
      new Map(
        [...current].map(([name, { dims, data }]): [string, StateTensor] => [
          name,
          { shape: dims, data: (data as Float32Array | Int32Array).slice() },
        ]),
      ),
  };
}
