/** Layers on images [C, H, W]: convolutions, pools, upsampling, and the ways between images and flat features. */

import { poolWindow, windowCounts } from '../windows.js';
import {
  type FeatureShape,
  featureCount,
  type Initialisers,
  type LayerType,
  requireImage,
  weightAndBias,
} from './layer-type.js';

/** torch.nn.Conv2d: weight [channels, in, kernel, kernel]. */
export interface ConvLayer extends Initialisers {
  kind: 'conv';
  channels: number;
  kernel: number;
  /** 1 by default. */
  stride?: number;
  /** Zeros on each side; 0 by default. */
  padding?: number;
}

/** torch.nn.ConvTranspose2d: weight [in, channels, kernel, kernel]. */
export interface ConvTransposeLayer extends Initialisers {
  kind: 'convTranspose';
  channels: number;
  kernel: number;
  /** 1 by default. */
  stride?: number;
  /** Pixels taken off each side; 0 by default. */
  padding?: number;
  /** Rows and columns more at the end; 0 by default. */
  outputPadding?: number;
  /** Whether each pixel has a bias of its own, and not each channel. */
  untiedBias?: boolean;
}

/** torch.nn.MaxPool2d. */
export interface MaxPoolLayer {
  kind: 'maxPool';
  kernel: number;
  stride: number;
  /** 0 by default. */
  padding?: number;
  /** Whether sizes are rounded up: the last windows then end outside the image. */
  ceil?: boolean;
}

/** torch.nn.Upsample(scale_factor = factor): nearest neighbours. */
export interface UpsampleLayer {
  kind: 'upsample';
  factor: number;
}

/** Maxima over `pieces` consecutive channels each. */
export interface ChannelMaxoutLayer {
  kind: 'channelMaxout';
  pieces: number;
}

/** The same numbers in another shape, row by row. */
export interface ReshapeLayer {
  kind: 'reshape';
  shape: FeatureShape;
}

/** The same numbers as one vector. */
export interface FlattenLayer {
  kind: 'flatten';
}

const square = (size: number): readonly [number, number] => [size, size];
const around = (size: number): readonly [number, number, number, number] => [size, size, size, size];

function requireRoom(layer: string, inputs: FeatureShape, outputs: readonly number[]): FeatureShape {
  if (outputs.every((size) => size >= 1)) return outputs;
  throw new RangeError(
    `${layer}: [${inputs.join(', ')}] is too small: [${outputs.join(', ')}] would come out`,
  );
}

const window = ({ stride = 1, padding = 0 }: ConvLayer | ConvTransposeLayer) => ({
  strides: square(stride),
  pads: around(padding),
});

export const conv: LayerType<ConvLayer> = {
  parameters(layer, inputs) {
    const [channels] = requireImage('conv', inputs);
    const weight = [layer.channels, channels, layer.kernel, layer.kernel];
    return weightAndBias(layer, { weight, bias: [layer.channels] }, channels * layer.kernel ** 2);
  },
  outputs(layer, inputs) {
    const [, height, width] = requireImage('conv', inputs);
    const counts = windowCounts([height, width], { kernel: square(layer.kernel), ...window(layer) });
    return requireRoom('conv', inputs, [layer.channels, ...counts]);
  },
  apply: (layer, x, context) =>
    x.conv(context.parameter('weight'), { ...window(layer), bias: context.parameter('bias') }),
};

function transposedSize(layer: ConvTransposeLayer, inputs: FeatureShape): readonly [number, number, number] {
  const [, ...size] = requireImage('convTranspose', inputs);
  const { kernel, stride = 1, padding = 0, outputPadding = 0 } = layer;
  const [height, width] = size.map((length) => (length - 1) * stride - 2 * padding + kernel + outputPadding);
  return [layer.channels, height!, width!];
}

export const convTranspose: LayerType<ConvTransposeLayer> = {
  parameters(layer, inputs) {
    const [channels] = requireImage('convTranspose', inputs);
    const weight = [channels, layer.channels, layer.kernel, layer.kernel];
    const bias = layer.untiedBias ? transposedSize(layer, inputs) : [layer.channels];
    // torch takes the weight's second axis for the one that is summed over, here too
    return weightAndBias(layer, { weight, bias }, layer.channels * layer.kernel ** 2);
  },
  outputs: (layer, inputs) => requireRoom('convTranspose', inputs, transposedSize(layer, inputs)),
  apply(layer, x, context) {
    const options = { ...window(layer), outputPadding: square(layer.outputPadding ?? 0) };
    const [weight, bias] = [context.parameter('weight'), context.parameter('bias')];
    if (layer.untiedBias) return x.convTranspose(weight, options).add(bias);
    return x.convTranspose(weight, { ...options, bias });
  },
};

const pool = ({ kernel, stride, padding = 0, ceil = false }: MaxPoolLayer) => ({
  kernel: square(kernel),
  strides: square(stride),
  pads: around(padding),
  ceil,
});

export const maxPool: LayerType<MaxPoolLayer> = {
  parameters: () => [],
  outputs(layer, inputs) {
    const [channels, height, width] = requireImage('maxPool', inputs);
    const counts = windowCounts([height, width], poolWindow(['N', ...inputs], pool(layer)));
    return requireRoom('maxPool', inputs, [channels, ...counts]);
  },
  apply: (layer, x) => x.maxPool(pool(layer)),
};

export const upsample: LayerType<UpsampleLayer> = {
  parameters: () => [],
  outputs({ factor }, inputs) {
    const [channels, height, width] = requireImage('upsample', inputs);
    return [channels, factor * height, factor * width];
  },
  apply: ({ factor }, x) => x.upsample(factor),
};

export const channelMaxout: LayerType<ChannelMaxoutLayer> = {
  parameters: () => [],
  outputs({ pieces }, inputs) {
    const [channels, height, width] = requireImage('channelMaxout', inputs);
    if (channels % pieces !== 0) {
      throw new RangeError(`channelMaxout: ${channels} channels are no multiple of ${pieces} pieces`);
    }
    return [channels / pieces, height, width];
  },
  apply({ pieces }, x) {
    const [batch, channels, height, width] = x.shape;
    return x.reshape([batch!, (channels as number) / pieces, pieces, height!, width!]).reduceMax([2]);
  },
};

export const reshape: LayerType<ReshapeLayer> = {
  parameters: () => [],
  outputs({ shape }, inputs) {
    if (featureCount(shape) === featureCount(inputs)) return shape;
    throw new RangeError(
      `reshape: [${inputs.join(', ')}] does not have as many numbers as [${shape.join(', ')}]`,
    );
  },
  apply: ({ shape }, x) => x.reshape([x.shape[0]!, ...shape]),
};

export const flatten: LayerType<FlattenLayer> = {
  parameters: () => [],
  outputs: (_, inputs) => [featureCount(inputs)],
  apply: (_, x) => x.reshape([x.shape[0]!, featureCount(x.shape.slice(1) as FeatureShape)]),
};
