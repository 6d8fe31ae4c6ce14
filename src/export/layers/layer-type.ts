/** What every kind of layer says of itself: the parameters it has, the shape it gives, and what it computes. */

import type { Value } from '../value.js';

/** Shape of one sample between layers: [features], or [channels, height, width]. */
export type FeatureShape = readonly number[];

/** How a parameter starts. */
export type Initialiser =
  | { kind: 'uniform'; halfWidth: number }
  | { kind: 'normal'; mean: number; deviation: number }
  | { kind: 'constant'; value: number }
  /**
   * log(m / (1 - m)) of the training images' mean m in [0, 1], kept `clip` away from both ends: a sigmoid over it begins with
   * the mean image.
   */
  | { kind: 'logitOfMeanImage'; clip: number };

export interface ParameterSpec {
  /** Name within the layer, PyTorch's where there is one: weight, bias, running_mean, running_var. */
  name: string;
  shape: readonly number[];
  initial: Initialiser;
  /** Trained by the optimiser; running statistics are not. */
  trainable: boolean;
}

/** How the weight and the bias of a layer start; as in PyTorch by default. */
export interface Initialisers {
  weight?: Initialiser;
  bias?: Initialiser;
}

/** What a layer may use while it is applied. */
export interface LayerContext {
  mode: 'training' | 'inference';
  /** A parameter of this layer. */
  parameter(name: string): Value;
  /** Moves a running statistic, where this pass has it: `next` gives its next value from the current one. */
  update(name: string, next: (running: Value) => Value): void;
  /** The mask (0 or 1) of a dropout layer: `features` numbers for each sample of `x`, uint8 [N, features]. */
  mask(keep: number, x: Value, features: number): Value;
}

export interface LayerType<L> {
  /** @param inputs shape of one sample that comes in */
  parameters(layer: L, inputs: FeatureShape): ParameterSpec[];
  /**
   * Shape of one sample that comes out.
   *
   * @throws RangeError naming the layer and the shape when it cannot take it
   */
  outputs(layer: L, inputs: FeatureShape): FeatureShape;
  /** @param x [N, ...inputs] */
  apply(layer: L, x: Value, context: LayerContext): Value;
}

export function featureCount(shape: FeatureShape): number {
  return shape.reduce((a, b) => a * b, 1);
}

/** @throws RangeError naming the layer when the shape is no [features] */
export function requireFlat(layer: string, inputs: FeatureShape): number {
  if (inputs.length === 1) return inputs[0]!;
  throw new RangeError(`${layer}: [${inputs.join(', ')}] is not flat: expected [features], after a flatten`);
}

/** @throws RangeError naming the layer when the shape is no [channels, height, width] */
export function requireImage(layer: string, inputs: FeatureShape): readonly [number, number, number] {
  if (inputs.length === 3) return inputs as readonly [number, number, number];
  throw new RangeError(
    `${layer}: [${inputs.join(', ')}] is no image: expected [channels, height, width], after a reshape`,
  );
}

/**
 * Weight and bias, by torch's default (kaiming_uniform with a = sqrt 5): both uniform on +-1/sqrt(fan in).
 *
 * @param fanIn products that are added up for one output, as torch counts them
 */
export function weightAndBias(
  { weight, bias }: Initialisers,
  shapes: { weight: readonly number[]; bias: readonly number[] },
  fanIn: number,
): ParameterSpec[] {
  const initial: Initialiser = { kind: 'uniform', halfWidth: 1 / Math.sqrt(fanIn) };
  return [
    { name: 'weight', shape: shapes.weight, initial: weight ?? initial, trainable: true },
    { name: 'bias', shape: shapes.bias, initial: bias ?? initial, trainable: true },
  ];
}

/** A layer without parameters that keeps the shape. */
export function activation<L>(apply: (layer: L, x: Value, context: LayerContext) => Value): LayerType<L> {
  return { parameters: () => [], outputs: (_, inputs) => inputs, apply };
}
