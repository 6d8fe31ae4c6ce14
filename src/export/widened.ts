/**
 * Networks whose hidden layers are a little wider than asked for, with units that do nothing, because that is faster. Rows of a
 * multiple of 4096 bytes begin at places that share one set of eight lines of a first-level cache, and a product of matrices
 * that reads twelve rows at a time evicts each line before it has used it.
 */

import type { LayerKind } from './layers.js';
import type { AnyGanSpec, NetworkSpec } from './networks.js';
import type { OptimizerKind } from './optimizers.js';
import { type GanState, ganState, type StateTensor } from './state.js';

/** Numbers of 4096 bytes. */
const SLOW_ROW = 1024;

/** Numbers of a line of the cache. */
const LINE = 16;

/**
 * Layers of which a unit that is 0 stays 0 when all that belongs to it is 0, and its gradients too: units of such layers between
 * two linear ones may be added without a change of anything else.
 */
const KEEPS_ZERO: ReadonlySet<LayerKind> = new Set<LayerKind>(['batchNorm', 'leakyRelu', 'relu', 'tanh']);

function widenedNetwork(network: NetworkSpec): NetworkSpec {
  const layers = network.layers.map((layer, i) => {
    if (layer.kind !== 'linear' || layer.units % SLOW_ROW !== 0) return layer;
    const reader = network.layers.slice(i + 1).find(({ kind }) => !KEEPS_ZERO.has(kind));
    return reader?.kind === 'linear' ? { ...layer, units: layer.units + LINE } : layer;
  });
  return layers.every((layer, i) => layer === network.layers[i]) ? network : { ...network, layers };
}

/** The same pair with hidden layers of another width where theirs is a slow one; the very same where none is. */
export function widened<G extends AnyGanSpec>(gan: G): G {
  const [generator, discriminator] = [widenedNetwork(gan.generator), widenedNetwork(gan.discriminator)];
  const isAsItWas = generator === gan.generator && discriminator === gan.discriminator;
  return isAsItWas ? gan : { ...gan, generator, discriminator };
}

/** A tensor cut or filled up with zeros to another shape of as many dimensions. */
function resized({ shape, data }: StateTensor, to: readonly number[]): StateTensor {
  if (to.every((size, axis) => size === shape[axis])) return { shape, data };
  const [width = 1, newWidth = 1] = [shape.at(-1), to.at(-1)];
  const rows = Math.min(
    data.length / width,
    to.slice(0, -1).reduce((a, b) => a * b, 1),
  );
  const all = new (data.constructor as Float32ArrayConstructor)(to.reduce((a, b) => a * b, 1));
  for (let row = 0; row < rows; row++) {
    const from = data.subarray(row * width, row * width + Math.min(width, newWidth));
    all.set(from, row * newWidth);
  }
  return { shape: to, data: all };
}

/**
 * The state of a pair as that of the same pair widened, or back: units that do nothing have zeros.
 *
 * @param to the pair that it is to be the state of
 * @param state of parameters with one or two dimensions, where they differ
 */
export function resizedState(to: AnyGanSpec, optimizer: OptimizerKind, state: GanState): GanState {
  const shapes = new Map(ganState(to, optimizer).map(({ name, shape }) => [name, shape]));
  return new Map(
    [...state].map(([name, tensor]): [string, StateTensor] => [
      name,
      resized(tensor, shapes.get(name) ?? tensor.shape),
    ]),
  );
}
