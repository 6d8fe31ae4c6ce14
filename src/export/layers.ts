/** The kinds of layers: one table entry each, which says what parameters a layer has and what it computes. */

import type { Value } from './value.js';

/** How a parameter starts. */
export type Initialiser =
  | { kind: 'uniform'; halfWidth: number }
  | { kind: 'constant'; value: number }
  /**
   * log(m / (1 - m)) of the training images' mean m in [0, 1], kept `clip` away from both ends: a sigmoid over it begins with
   * the mean image.
   */
  | { kind: 'logitOfMeanImage'; clip: number };

export type Layer =
  /** y = x W^T + b, W [units, in]; initialised as torch.nn.Linear unless told otherwise. */
  | { kind: 'linear'; units: number; weight?: Initialiser; bias?: Initialiser }
  /** Batch normalisation over axis 0 with a learned scale and shift; running variance unbiased, as in PyTorch. */
  | { kind: 'batchNorm'; eps: number; momentum: number }
  /**
   * `units` maxima over `pieces` linear maps each (Goodfellow et al., "Maxout networks", 2013); piece p of unit u is row
   * p * units + u of the weight [pieces * units, in].
   */
  | { kind: 'maxout'; units: number; pieces: number; weight?: Initialiser; bias?: Initialiser }
  /** Keeps each input with probability `keep` and divides it by `keep`; its masks are fed. Off in inference. */
  | { kind: 'dropout'; keep: number }
  | { kind: 'leakyRelu'; slope: number }
  | { kind: 'relu' }
  | { kind: 'tanh' }
  | { kind: 'sigmoid' };

export type LayerKind = Layer['kind'];
type LayerOf<K extends LayerKind> = Extract<Layer, { kind: K }>;

export interface ParameterSpec {
  /** Name within the layer, PyTorch's where there is one: weight, bias, running_mean, running_var. */
  name: string;
  shape: readonly number[];
  initial: Initialiser;
  /** Trained by the optimiser; running statistics are not. */
  trainable: boolean;
}

/** What a layer may use while it is applied. */
export interface LayerContext {
  mode: 'training' | 'inference';
  /** A parameter of this layer. */
  parameter(name: string): Value;
  /** Moves a running statistic, where this pass has it: `next` gives its next value from the current one. */
  update(name: string, next: (running: Value) => Value): void;
  /** The mask (0 or 1, like x) of a dropout layer. */
  mask(keep: number, like: Value): Value;
}

interface LayerType<L> {
  /** @param inputs features of one sample that come in */
  parameters(layer: L, inputs: number): ParameterSpec[];
  /** Features that come out. */
  outputs(layer: L, inputs: number): number;
  apply(layer: L, x: Value, context: LayerContext): Value;
}

/** torch.nn.Linear's default for weight and bias: uniform on +-1/sqrt(fan in). */
function linearParameters(
  layer: { weight?: Initialiser; bias?: Initialiser },
  units: number,
  inputs: number,
): ParameterSpec[] {
  const initial: Initialiser = { kind: 'uniform', halfWidth: 1 / Math.sqrt(inputs) };
  return [
    { name: 'weight', shape: [units, inputs], initial: layer.weight ?? initial, trainable: true },
    { name: 'bias', shape: [units], initial: layer.bias ?? initial, trainable: true },
  ];
}

function linear(x: Value, context: LayerContext): Value {
  return x.gemm(context.parameter('weight'), { transB: true, bias: context.parameter('bias') });
}

/** A layer without parameters that keeps the number of features. */
function activation<L extends Layer>(
  apply: (layer: L, x: Value, context: LayerContext) => Value,
): LayerType<L> {
  return { parameters: () => [], outputs: (_, inputs) => inputs, apply };
}

function constant(name: string, features: number, value: number, trainable: boolean): ParameterSpec {
  return { name, shape: [features], initial: { kind: 'constant', value }, trainable };
}

function applyBatchNorm({ eps, momentum }: LayerOf<'batchNorm'>, x: Value, context: LayerContext): Value {
  const scale = context.parameter('weight');
  const shift = context.parameter('bias');
  if (context.mode === 'inference') {
    const inputs = [x, scale, shift, context.parameter('running_mean'), context.parameter('running_var')];
    return x.graph.node('BatchNormalization', inputs, { epsilon: { float: eps } })[0]!;
  }
  const mean = x.mean([0]);
  const centred = x.sub(mean);
  const variance = centred.mul(centred).mean([0]);
  const count = x.countOf([0]);
  const unbiased = variance.mul(count.div(count.sub(1)));
  context.update('running_mean', (running) => running.mul(1 - momentum).add(mean.mul(momentum)));
  context.update('running_var', (running) => running.mul(1 - momentum).add(unbiased.mul(momentum)));
  return centred.mul(scale.div(variance.add(eps).sqrt())).add(shift);
}

export const LAYERS: { readonly [K in LayerKind]: LayerType<LayerOf<K>> } = {
  linear: {
    parameters: (layer, inputs) => linearParameters(layer, layer.units, inputs),
    outputs: ({ units }) => units,
    apply: (_, x, context) => linear(x, context),
  },
  batchNorm: {
    parameters: (_, features) => [
      constant('weight', features, 1, true),
      constant('bias', features, 0, true),
      constant('running_mean', features, 0, false),
      constant('running_var', features, 1, false),
    ],
    outputs: (_, inputs) => inputs,
    apply: applyBatchNorm,
  },
  maxout: {
    parameters: (layer, inputs) => linearParameters(layer, layer.units * layer.pieces, inputs),
    outputs: ({ units }) => units,
    apply: ({ units, pieces }, x, context) =>
      linear(x, context).reshape([x.shape[0]!, pieces, units]).reduceMax([1]),
  },
  dropout: activation(({ keep }, x, context) =>
    context.mode === 'inference'
      ? x
      : x.mul(
          context
            .mask(keep, x)
            .cast(x.dtype)
            .mul(1 / keep),
        ),
  ),
  leakyRelu: activation(({ slope }, x) => x.leakyRelu(slope)),
  relu: activation((_, x) => x.relu()),
  tanh: activation((_, x) => x.tanh()),
  sigmoid: activation((_, x) => x.sigmoid()),
};

/** The table's entry for a layer, typed for any layer. */
export function layerType(layer: Layer): LayerType<Layer> {
  return LAYERS[layer.kind] as LayerType<Layer>;
}
