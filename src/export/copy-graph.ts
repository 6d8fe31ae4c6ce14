/** A graph that copies tensors, for engines that keep them where JavaScript cannot reach: on a GPU. */

import { Graph } from './graph.js';
import type { DType } from './ops.js';
import type { Shape } from './shape.js';

/** Name of the output that is the copy of a tensor. */
export function copyName(name: string): string {
  return `${name}.copy`;
}

/** The bytes of a model with an output `<name>.copy` for each tensor, an input of its name. */
export function buildCopyGraph(tensors: readonly { name: string; dtype: DType; shape: Shape }[]): Uint8Array {
  const graph = new Graph('copy');
  for (const { name, dtype, shape } of tensors) graph.output(copyName(name), graph.input(name, dtype, shape));
  return graph.toBytes();
}
