/** The kinds of layers: one table entry each, which says what parameters a layer has and what it computes. */

import { type BatchNormLayer, batchNorm } from './layers/batch-norm.js';
import * as convolutional from './layers/convolutional.js';
import { type Dropout2dLayer, type DropoutLayer, dropout, dropout2d } from './layers/dropout.js';
import {
  activation,
  type Initialisers,
  type LayerContext,
  type LayerType,
  requireFlat,
  weightAndBias,
} from './layers/layer-type.js';
import type { Value } from './value.js';

export {
  type FeatureShape,
  featureCount,
  type Initialiser,
  type LayerContext,
  type ParameterSpec,
} from './layers/layer-type.js';

export type Layer =
  /** y = x W^T + b, W [units, in]; initialised as torch.nn.Linear unless told otherwise. */
  | ({ kind: 'linear'; units: number } & Initialisers)
  /**
   * `units` maxima over `pieces` linear maps each (Goodfellow et al., "Maxout networks", 2013); piece p of unit u is row
   * p * units + u of the weight [pieces * units, in].
   */
  | ({ kind: 'maxout'; units: number; pieces: number } & Initialisers)
  | BatchNormLayer
  | DropoutLayer
  | Dropout2dLayer
  | convolutional.ConvLayer
  | convolutional.ConvTransposeLayer
  | convolutional.MaxPoolLayer
  | convolutional.UpsampleLayer
  | convolutional.ChannelMaxoutLayer
  | convolutional.ReshapeLayer
  | convolutional.FlattenLayer
  | { kind: 'leakyRelu'; slope: number }
  | { kind: 'relu' }
  | { kind: 'tanh' }
  | { kind: 'sigmoid' };

export type LayerKind = Layer['kind'];
type LayerOf<K extends LayerKind> = Extract<Layer, { kind: K }>;

function linear(x: Value, context: LayerContext): Value {
  return x.gemm(context.parameter('weight'), { transB: true, bias: context.parameter('bias') });
}

export const LAYERS: { readonly [K in LayerKind]: LayerType<LayerOf<K>> } = {
  linear: {
    parameters(layer, inputs) {
      const features = requireFlat('linear', inputs);
      return weightAndBias(layer, { weight: [layer.units, features], bias: [layer.units] }, features);
    },
    outputs({ units }, inputs) {
      requireFlat('linear', inputs);
      return [units];
    },
    apply: (_, x, context) => linear(x, context),
  },
  maxout: {
    parameters(layer, inputs) {
      const features = requireFlat('maxout', inputs);
      const maps = layer.units * layer.pieces;
      return weightAndBias(layer, { weight: [maps, features], bias: [maps] }, features);
    },
    outputs({ units }, inputs) {
      requireFlat('maxout', inputs);
      return [units];
    },
    apply: ({ units, pieces }, x, context) =>
      linear(x, context).reshape([x.shape[0]!, pieces, units]).reduceMax([1]),
  },
  batchNorm,
  dropout,
  dropout2d,
  conv: convolutional.conv,
  convTranspose: convolutional.convTranspose,
  maxPool: convolutional.maxPool,
  upsample: convolutional.upsample,
  channelMaxout: convolutional.channelMaxout,
  reshape: convolutional.reshape,
  flatten: convolutional.flatten,
  leakyRelu: activation(({ slope }, x) => x.leakyRelu(slope)),
  relu: activation((_, x) => x.relu()),
  tanh: activation((_, x) => x.tanh()),
  sigmoid: activation((_, x) => x.sigmoid()),
};

/** The table's entry for a layer, typed for any layer. */
export function layerType(layer: Layer): LayerType<Layer> {
  return LAYERS[layer.kind] as LayerType<Layer>;
}
