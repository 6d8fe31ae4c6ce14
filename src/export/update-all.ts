/** The optimiser's update of all parameters of a network, arranged for what will run it. */

import type { ParameterUpdate, UpdateRule } from './optimizers.js';
import type { Value } from './value.js';

/** What graphs that update state are authored for. */
export interface GraphTarget {
  /** Whether the engine may write state over its old value: the writers of large tensors then wait for the readers. */
  inPlace: boolean;
  /** The most tensors that one node may join or split into. */
  maxJoined: number;
}

export const GRAPH_TARGETS = {
  cpu: { inPlace: true, maxJoined: Number.POSITIVE_INFINITY },
  /** A shader may bind 8 buffers, by WebGPU's guaranteed limit. */
  webgpu: { inPlace: false, maxJoined: 7 },
} as const satisfies Record<string, GraphTarget>;

/** Parameters with at most so many elements are updated together. */
const SMALL = 2 ** 14;

/**
 * Updates all parameters of a network: large ones one by one, small ones (biases and the like) joined into vectors,
 * because a pass over a few hundred numbers costs a node's overhead and little else.
 */
export function updateAll(
  update: UpdateRule,
  parameters: readonly Value[],
  scaled: readonly Value[],
  slots: readonly (readonly Value[])[],
  { inPlace, maxJoined }: GraphTarget,
): ParameterUpdate[] {
  const small = parameters.flatMap((parameter, i) => (sizeOf(parameter) <= SMALL ? [i] : []));
  const result = parameters.map((parameter, i) => {
    if (small.includes(i)) return undefined;
    // Once all who read the old value are done, the new one may be written in its place.
    const zero = inPlace ? parameter.graph.zeroAfterReaders(parameter, [scaled[i]!]) : undefined;
    return update(parameter, scaled[i]!, slots[i]!, zero);
  });
  for (let first = 0; first < small.length; first += maxJoined) {
    const group = small.slice(first, first + maxJoined);
    const pick = <T>(values: readonly T[]): T[] => group.map((i) => values[i]!);
    const updated = updateJoined(update, pick(parameters), pick(scaled), pick(slots));
    for (const [k, i] of group.entries()) result[i] = updated[k]!;
  }
  return result as ParameterUpdate[];
}

function sizeOf({ shape }: Value): number {
  return (shape as readonly number[]).reduce((a, b) => a * b, 1);
}

/** Updates parameters as one vector. */
function updateJoined(
  update: UpdateRule,
  parameters: readonly Value[],
  scaled: readonly Value[],
  slots: readonly (readonly Value[])[],
): ParameterUpdate[] {
  const { graph } = parameters[0]!;
  const sizes = parameters.map(sizeOf);
  const join = (values: readonly Value[]): Value =>
    graph.concat(
      values.map((value, i) => value.reshape([sizes[i]!])),
      0,
    );
  const part = (value: Value): Value[] =>
    value.split(0, sizes).map((piece, i) => piece.reshape(parameters[i]!.shape));
  const joined = update(
    join(parameters),
    join(scaled),
    slots[0]!.map((_, s) => join(slots.map((ofParameter) => ofParameter[s]!))),
  );
  const ofParameter = part(joined.parameter);
  const ofSlots = joined.slots.map(part);
  return parameters.map((_, i) => ({
    parameter: ofParameter[i]!,
    slots: ofSlots.map((pieces) => pieces[i]!),
  }));
}
