/**
 * Batch normalisation by running statistics is a scale and a shift of each feature or channel: behind a linear layer or a
 * convolution it is part of that layer's weights. A generator without it has fewer passes over its features, and ONNX Runtime can join what is left.
 */

import type { Layer, LayerKind } from './layers.js';
import type { NetworkSpec } from './networks.js';
import type { StateTensor } from './state.js';

interface LayerParameters {
  layer: Layer;
  /** Parameters of the layer by their names within it. */
  values: Map<string, StateTensor>;
}

function layersOf(network: NetworkSpec, parameters: ReadonlyMap<string, StateTensor>): LayerParameters[] {
  return network.layers.map((layer, i) => {
    const prefix = `${network.name}.${i}.`;
    const own = [...parameters].filter(([name]) => name.startsWith(prefix));
    return { layer, values: new Map(own.map(([name, value]) => [name.slice(prefix.length), value])) };
  });
}

/** Which output an element of a layer's weight belongs to, from its index and the shape of the weight; for layers that fold. */
const OUTPUT_OF: Partial<Record<LayerKind, (index: number, shape: readonly number[]) => number>> = {
  linear: (i, [, inputs]) => Math.floor(i / inputs!),
  conv: (i, [, inputs, height, width]) => Math.floor(i / (inputs! * height! * width!)),
  convTranspose: (i, [, outputs, height, width]) => Math.floor(i / (height! * width!)) % outputs!,
};

/** gamma (W x + b - mean) / sqrt(var + eps) + beta as one linear map; in double precision, rounded once. */
function fold({ layer, values }: LayerParameters, norm: Map<string, StateTensor>, eps: number) {
  const [weight, bias] = [values.get('weight')!, values.get('bias')!];
  const of = (name: string): ArrayLike<number> => norm.get(name)!.data as Float32Array;
  const [gamma, beta, mean, variance] = ['weight', 'bias', 'running_mean', 'running_var'].map(of);
  // Behind a reshape, a channel has several outputs of a linear layer, or an untied bias several entries.
  const channels = gamma!.length;
  const outputs = layer.kind === 'linear' ? bias.data.length : channels;
  const scales = Float64Array.from(
    { length: channels },
    (_, c) => gamma![c]! / Math.sqrt(variance![c]! + eps),
  );
  const weights = Float32Array.from(weight.data, (value, i) => {
    const channel = Math.floor((OUTPUT_OF[layer.kind]!(i, weight.shape) * channels) / outputs);
    return value * scales[channel]!;
  });
  const biases = Float32Array.from(bias.data, (value, i) => {
    const c = Math.floor((i * channels) / bias.data.length);
    return (value - mean![c]!) * scales[c]! + beta![c]!;
  });
  return new Map<string, StateTensor>([
    ['weight', { ...weight, data: weights }],
    ['bias', { ...bias, data: biases }],
  ]);
}

/**
 * The network in inference with every batch normalisation that follows a linear layer or a convolution folded into it.
 *
 * @param parameters parameters and running statistics by full name, float32; all of them must be there
 * @returns a network of fewer layers, and its parameters by its own names
 */
export function foldBatchNorm(
  network: NetworkSpec,
  parameters: ReadonlyMap<string, StateTensor>,
): { network: NetworkSpec; parameters: Map<string, StateTensor> } {
  const folded: LayerParameters[] = [];
  for (const { layer, values } of layersOf(network, parameters)) {
    const before = folded.findLast((other) => other.layer.kind !== 'reshape');
    if (layer.kind === 'batchNorm' && before !== undefined && OUTPUT_OF[before.layer.kind] !== undefined) {
      before.values = fold(before, values, layer.eps);
    } else {
      folded.push({ layer, values });
    }
  }
  const named = folded.flatMap(({ values }, i) =>
    [...values].map(([name, value]) => [`${network.name}.${i}.${name}`, value] as const),
  );
  return { network: { ...network, layers: folded.map(({ layer }) => layer) }, parameters: new Map(named) };
}
