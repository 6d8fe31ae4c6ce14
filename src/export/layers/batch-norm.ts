/** Batch normalisation of features, over the batch, or of channels, over the batch and all pixels. */

import type { Value } from '../value.js';
import type { Initialiser, LayerContext, LayerType, ParameterSpec } from './layer-type.js';

/** Normalises over axis 0, or axes 0, 2 and 3, with a learned scale and shift; running variance unbiased, as in PyTorch. */
export interface BatchNormLayer {
  kind: 'batchNorm';
  eps: number;
  momentum: number;
  /** How the scale starts; 1 by default. */
  weight?: Initialiser;
}

function constant(name: string, features: number, value: number, trainable: boolean): ParameterSpec {
  return { name, shape: [features], initial: { kind: 'constant', value }, trainable };
}

function applyBatchNorm({ eps, momentum }: BatchNormLayer, x: Value, context: LayerContext): Value {
  const scale = context.parameter('weight');
  const shift = context.parameter('bias');
  if (context.mode === 'inference') {
    const inputs = [x, scale, shift, context.parameter('running_mean'), context.parameter('running_var')];
    return x.graph.node('BatchNormalization', inputs, { epsilon: { float: eps } })[0]!;
  }
  const axes = x.shape.length === 4 ? [0, 2, 3] : [0];
  const channels = x.shape[1]!;
  /** [C] as what broadcasts against x */
  const perChannel = (value: Value): Value => (axes.length === 1 ? value : value.reshape([channels, 1, 1]));
  const mean = x.mean(axes);
  const centred = x.sub(perChannel(mean));
  const variance = centred.mul(centred).mean(axes);
  const count = x.countOf(axes);
  const unbiased = variance.mul(count.div(count.sub(1)));
  context.update('running_mean', (running) => running.mul(1 - momentum).add(mean.mul(momentum)));
  context.update('running_var', (running) => running.mul(1 - momentum).add(unbiased.mul(momentum)));
  return centred.mul(perChannel(scale.div(variance.add(eps).sqrt()))).add(perChannel(shift));
}

export const batchNorm: LayerType<BatchNormLayer> = {
  parameters: ({ weight }, [channels]) => {
    const scale = constant('weight', channels!, 1, true);
    return [
      weight === undefined ? scale : { ...scale, initial: weight },
      constant('bias', channels!, 0, true),
      constant('running_mean', channels!, 0, false),
      constant('running_var', channels!, 1, false),
    ];
  },
  outputs: (_, inputs) => inputs,
  apply: applyBatchNorm,
};
