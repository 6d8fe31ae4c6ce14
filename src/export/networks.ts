/** Networks as data: a list of layers. This file interprets them: parameters, and the forward pass as graph values. */

import type { Distribution } from '../random/index.js';
import type { Graph } from './graph.js';
import { type Layer, layerType, type ParameterSpec } from './layers.js';
import type { Value } from './value.js';

export interface NetworkSpec {
  /** Prefix of its parameters' names: `generator` or `discriminator`. */
  name: 'generator' | 'discriminator';
  /** Features of one sample that come in. */
  inputs: number;
  layers: readonly Layer[];
}

/** A generator, its discriminator and what goes in and out of them. */
export interface GanSpec {
  /** Name of the network pair, for example `pytorch-gan`. */
  name: string;
  latent: { size: number; distribution: Distribution };
  /** [channels, height, width] */
  image: readonly [number, number, number];
  /** Values between which the generator's last layer delivers pixels, and the discriminator takes them. */
  range: readonly [low: number, high: number];
  /**
   * Global contrast normalisation in the place of a range: D takes each image less its mean, at this Euclidean norm. G then has
   * no range either; its images are what it delivers, each divided by its own largest magnitude.
   */
  contrastNorm?: number;
  generator: NetworkSpec;
  /** Its last layer delivers logits [N, 1]: the sigmoid belongs to the loss. */
  discriminator: NetworkSpec;
}

/** All parameters of a network in order, named `<network>.<layer>.<parameter>`. */
export function networkParameters(network: NetworkSpec): ParameterSpec[] {
  let features = network.inputs;
  return network.layers.flatMap((layer, i) => {
    const parameters = layerType(layer).parameters(layer, features);
    features = layerType(layer).outputs(layer, features);
    return parameters.map((parameter) => ({ ...parameter, name: `${network.name}.${i}.${parameter.name}` }));
  });
}

/** Whether batches of one sample are impossible, because a layer normalises over the batch. */
export function usesBatchStatistics(network: NetworkSpec): boolean {
  return network.layers.some((layer) => layer.kind === 'batchNorm');
}

/** A dropout mask that the host feeds: 1 with probability `keep`, else 0; uint8 [N, features]. */
export interface MaskSpec {
  name: string;
  keep: number;
  features: number;
}

export interface ForwardOptions {
  mode: 'training' | 'inference';
  /** Values of the parameters by full name. */
  parameters: ReadonlyMap<string, Value>;
  /** Prefix of this pass's mask inputs; two passes with one prefix share their masks. */
  maskPrefix?: string;
  /** Receives the masks that the pass declares as inputs of the graph. */
  masks?: Map<string, { spec: MaskSpec; value: Value }>;
}

export interface Forward {
  output: Value;
  /** Next values of running statistics by parameter name. */
  updates: ReadonlyMap<string, Value>;
}

/**
 * The network applied to `x` [N, inputs].
 *
 * @throws RangeError when a parameter is missing or does not fit
 */
export function forward(graph: Graph, network: NetworkSpec, x: Value, options: ForwardOptions): Forward {
  const updates = new Map<string, Value>();
  let output = x;
  network.layers.forEach((layer, i) => {
    const prefix = `${network.name}.${i}`;
    output = layerType(layer).apply(layer, output, {
      mode: options.mode,
      parameter(name) {
        const value = options.parameters.get(`${prefix}.${name}`);
        if (value === undefined) throw new RangeError(`forward: no value for parameter ${prefix}.${name}`);
        return value;
      },
      update(name, next) {
        const running = options.parameters.get(`${prefix}.${name}`);
        if (running !== undefined) updates.set(`${prefix}.${name}`, next(running));
      },
      mask: (keep, like) =>
        declareMask(graph, `${options.maskPrefix ?? ''}${prefix}.mask`, keep, like, options),
    });
  });
  return { output, updates };
}

function declareMask(
  graph: Graph,
  name: string,
  keep: number,
  like: Value,
  { masks }: ForwardOptions,
): Value {
  const existing = masks?.get(name);
  if (existing !== undefined) return existing.value;
  const features = like.shape[1] as number;
  const value = graph.input(name, 'uint8', like.shape);
  masks?.set(name, { spec: { name, keep, features }, value });
  return value;
}
