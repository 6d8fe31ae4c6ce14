/**
 * The state of training: parameters, running statistics, optimiser slots and update counters of both networks, as
 * named tensors that flow through the step graphs (`name` in, `name.next` out).
 */

import { normalQuantile, randomUint32, toUnitInterval } from '../random/index.js';
import type { Initialiser } from './layers.js';
import { type GanNetworks, type NetworkSpec, networkParameters } from './networks.js';
import { type OptimizerKind, optimizerSlots } from './optimizers.js';

export type NetworkName = NetworkSpec['name'];

export interface StateSpec {
  name: string;
  dtype: 'float32' | 'int32';
  shape: readonly number[];
  network: NetworkName;
  role: 'parameter' | 'running statistic' | 'optimizer slot' | 'step';
}

/** A named tensor of the state; float32 or int32, row-major. */
export interface StateTensor {
  shape: readonly number[];
  data: Float32Array | Int32Array;
}

export type GanState = Map<string, StateTensor>;

/** Name of the output that carries the next value of a state tensor. */
export function nextName(name: string): string {
  return `${name}.next`;
}

/** Name of the counter of a network's updates. */
export function stepName(network: NetworkName): string {
  return `${network}.step`;
}

/** All state tensors of one network, in a fixed order. */
export function networkState(network: NetworkSpec, optimizer: OptimizerKind): StateSpec[] {
  const parameters = networkParameters(network);
  const tensors = parameters.map(
    ({ name, shape, trainable }): StateSpec => ({
      name,
      dtype: 'float32',
      shape,
      network: network.name,
      role: trainable ? 'parameter' : 'running statistic',
    }),
  );
  const slots = tensors
    .filter(({ role }) => role === 'parameter')
    .flatMap((tensor) =>
      optimizerSlots(optimizer).map(
        (slot): StateSpec => ({ ...tensor, name: `${tensor.name}.${slot}`, role: 'optimizer slot' }),
      ),
    );
  const step: StateSpec = {
    name: stepName(network.name),
    dtype: 'int32',
    shape: [],
    network: network.name,
    role: 'step',
  };
  return [...tensors, ...slots, step];
}

/** All state tensors of a network pair, the generator's first. */
export function ganState(gan: GanNetworks, optimizer: OptimizerKind): StateSpec[] {
  return [...networkState(gan.generator, optimizer), ...networkState(gan.discriminator, optimizer)];
}

/** What a parameter's first value may depend on. */
interface InitialDraw {
  seed: number;
  /** Number of the parameter. */
  index: number;
  /** Mean of the training images, in [0, 1]; [C * H * W] numbers. */
  meanImage?: ArrayLike<number>;
}

const INITIALISERS: {
  [K in Initialiser['kind']]: (
    initial: Extract<Initialiser, { kind: K }>,
    count: number,
    draw: InitialDraw,
  ) => Float32Array;
} = {
  constant: ({ value }, count) => new Float32Array(count).fill(value),
  uniform: ({ halfWidth }, count, { seed, index }) => {
    const bits = randomUint32(seed, 'initialParameters', index, new Uint32Array(count));
    return Float32Array.from(bits, (word) => (2 * toUnitInterval(word) - 1) * halfWidth);
  },
  logitOfMeanImage: ({ clip }, count, { meanImage }) => {
    // Without data: as if their mean was half grey.
    if (meanImage === undefined) return new Float32Array(count);
    if (meanImage.length !== count) {
      throw new RangeError(`initial state: a mean image of ${meanImage.length} pixels, expected ${count}`);
    }
    return Float32Array.from(meanImage, (mean) => {
      const m = Math.min(Math.max(mean, clip), 1 - clip);
      return Math.log(m / (1 - m));
    });
  },
  normal: ({ mean, deviation }, count, { seed, index }) => {
    const bits = randomUint32(seed, 'initialParameters', index, new Uint32Array(count));
    return Float32Array.from(bits, (word) => mean + deviation * normalQuantile(toUnitInterval(word)));
  },
};

/** Whether a parameter begins with something that only the training images tell. */
export function startsFromMeanImage({ generator, discriminator }: GanNetworks): boolean {
  const parameters = [generator, discriminator].flatMap(networkParameters);
  return parameters.some(({ initial }) => initial.kind === 'logitOfMeanImage');
}

/**
 * The state before the first update: parameters drawn as their layers ask, everything else zero.
 *
 * @param seed integer in [0, 2^53); parameter number i of the pair is the draw of (seed, i)
 * @param meanImage mean of the training images in [0, 1], [C * H * W] numbers, for parameters that begin with it; without it
 * they begin as for a mean of 1/2
 * @throws RangeError when the mean image has another size
 */
export function initialState(
  gan: GanNetworks,
  optimizer: OptimizerKind,
  seed: number,
  meanImage?: ArrayLike<number>,
): GanState {
  const initial = new Map(
    [...networkParameters(gan.generator), ...networkParameters(gan.discriminator)].map((parameter, index) => [
      parameter.name,
      { initial: parameter.initial, index },
    ]),
  );
  return new Map(
    ganState(gan, optimizer).map(({ name, dtype, shape }): [string, StateTensor] => {
      const count = shape.reduce((a, b) => a * b, 1);
      const known = initial.get(name);
      if (known === undefined) {
        return [name, { shape, data: dtype === 'int32' ? new Int32Array(count) : new Float32Array(count) }];
      }
      const draw = INITIALISERS[known.initial.kind] as (
        initial: Initialiser,
        count: number,
        draw: InitialDraw,
      ) => Float32Array;
      const from = { seed, index: known.index, ...(meanImage === undefined ? {} : { meanImage }) };
      return [name, { shape, data: draw(known.initial, count, from) }];
    }),
  );
}
