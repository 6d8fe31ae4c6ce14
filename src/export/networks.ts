/** Networks as data: a list of layers. This file interprets them: parameters, and the forward pass as graph values. */

import type { Distribution } from '../random/index.js';
import type { Graph } from './graph.js';
import { type FeatureShape, featureCount, type Layer, layerType, type ParameterSpec } from './layers.js';
import type { Dim } from './shape.js';
import type { Value } from './value.js';

export interface NetworkSpec {
  /** Prefix of its parameters' names: `generator` or `discriminator`. */
  name: 'generator' | 'discriminator';
  /** Features of one sample that come in, always flat, as what goes out; layers in between may work on images. */
  inputs: number;
  layers: readonly Layer[];
}

/** A generator and its discriminator, whatever they are fed. */
export interface GanNetworks {
  /** Name of the network pair, for example `pytorch-gan`. */
  name: string;
  latent: { size: number; distribution: Distribution };
  generator: NetworkSpec;
  /** Its last layer delivers logits [N, 1]: the sigmoid belongs to the loss. */
  discriminator: NetworkSpec;
  /**
   * Whether G's loss and D's loss each have a pass of G's batch through D, with masks of its own, as where a program calls
   * D anew for each; by default one pass serves both.
   */
  passForEachLoss?: boolean;
}

/** A network pair for images, which the host feeds as bytes. */
export interface GanSpec extends GanNetworks {
  /** [channels, height, width] */
  image: readonly [number, number, number];
  /** Values between which the generator's last layer delivers pixels, and the discriminator takes them. */
  range: readonly [low: number, high: number];
  /**
   * Global contrast normalisation in the place of a range: D takes each image less its mean, at this Euclidean norm. G then has
   * no range either; its images are what it delivers, each divided by its own largest magnitude.
   */
  contrastNorm?: number;
}

/** A network pair for points of toy data, float32 [N, points], which are fed and delivered as they are. */
export interface PointGanSpec extends GanNetworks {
  /** Coordinates of a point. */
  points: number;
}

export type AnyGanSpec = GanSpec | PointGanSpec;

/** Shape of one sample: [channels, height, width] of an image, [coordinates] of a point. */
export function sampleShape(gan: AnyGanSpec): readonly number[] {
  return 'points' in gan ? [gan.points] : gan.image;
}

/** A layer of a network, with the shapes of one sample before and after it. */
export interface PlacedLayer {
  layer: Layer;
  inputs: FeatureShape;
  outputs: FeatureShape;
}

/**
 * The layers of a network in order, with their shapes.
 *
 * @throws RangeError naming the network and the layer when one cannot take what comes in
 */
export function placedLayers(network: NetworkSpec): PlacedLayer[] {
  let inputs: FeatureShape = [network.inputs];
  return network.layers.map((layer, i) => {
    try {
      const outputs = layerType(layer).outputs(layer, inputs);
      const placed = { layer, inputs, outputs };
      inputs = outputs;
      return placed;
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw new RangeError(`${network.name}, layer ${i}: ${error.message}`);
    }
  });
}

/** All parameters of a network in order, named `<network>.<layer>.<parameter>`. */
export function networkParameters(network: NetworkSpec): ParameterSpec[] {
  return placedLayers(network).flatMap(({ layer, inputs }, i) =>
    layerType(layer)
      .parameters(layer, inputs)
      .map((parameter) => ({ ...parameter, name: `${network.name}.${i}.${parameter.name}` })),
  );
}

/** Whether batches of one sample are impossible, because a layer normalises over the batch alone. */
export function usesBatchStatistics(network: NetworkSpec): boolean {
  return placedLayers(network).some(
    ({ layer, inputs }) => layer.kind === 'batchNorm' && featureCount(inputs.slice(1)) === 1,
  );
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
  /** The same as functions of the current values, for passes one after the other. */
  moves: ReadonlyMap<string, (running: Value) => Value>;
}

/**
 * Running statistics after several training passes of a network, each of which moves them on from where the one before
 * left them.
 *
 * @param state current values by parameter name
 */
export function runningAfter(
  state: ReadonlyMap<string, Value>,
  passes: readonly Forward[],
): Map<string, Value> {
  const names = [...new Set(passes.flatMap(({ moves }) => [...moves.keys()]))];
  return new Map(
    names.map((name) => [
      name,
      passes.reduce((running, { moves }) => moves.get(name)?.(running) ?? running, state.get(name)!),
    ]),
  );
}

/**
 * The network applied to `x` [N, inputs].
 *
 * @throws RangeError when a parameter is missing or does not fit
 */
export function forward(graph: Graph, network: NetworkSpec, x: Value, options: ForwardOptions): Forward {
  const moves = new Map<string, (running: Value) => Value>();
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
        if (options.parameters.has(`${prefix}.${name}`)) moves.set(`${prefix}.${name}`, next);
      },
      mask: (keep, { shape: [batch] }, features) => {
        const spec = { name: `${options.maskPrefix ?? ''}${prefix}.mask`, keep, features };
        return declareMask(graph, spec, batch!, options);
      },
    });
  });
  const updates = new Map([...moves].map(([name, next]) => [name, next(options.parameters.get(name)!)]));
  return { output, updates, moves };
}

function declareMask(graph: Graph, spec: MaskSpec, batch: Dim, { masks }: ForwardOptions): Value {
  const existing = masks?.get(spec.name);
  if (existing !== undefined) return existing.value;
  const value = graph.input(spec.name, 'uint8', [batch, spec.features]);
  masks?.set(spec.name, { spec, value });
  return value;
}
