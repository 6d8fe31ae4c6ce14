/**
 * Batch normalisation by running statistics is a scale and a shift of each feature: behind a linear layer it is part of
 * that layer's weights. A generator without it has fewer passes over its features, and ONNX Runtime can join what is left.
 */

import type { Layer } from './layers.js';
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

/** gamma (W x + b - mean) / sqrt(var + eps) + beta as one linear map; in double precision, rounded once. */
function fold(linear: Map<string, StateTensor>, norm: Map<string, StateTensor>, eps: number) {
  const [weight, bias] = [linear.get('weight')!, linear.get('bias')!];
  const of = (name: string): ArrayLike<number> => norm.get(name)!.data as Float32Array;
  const [gamma, beta, mean, variance] = ['weight', 'bias', 'running_mean', 'running_var'].map(of);
  const units = bias.data.length;
  const inputs = weight.data.length / units;
  const weights = new Float32Array(weight.data.length);
  const biases = new Float32Array(units);
  for (let unit = 0; unit < units; unit++) {
    const scale = gamma![unit]! / Math.sqrt(variance![unit]! + eps);
    biases[unit] = ((bias.data[unit] as number) - mean![unit]!) * scale + beta![unit]!;
    for (let i = unit * inputs; i < (unit + 1) * inputs; i++) {
      weights[i] = (weight.data[i] as number) * scale;
    }
  }
  return new Map<string, StateTensor>([
    ['weight', { ...weight, data: weights }],
    ['bias', { ...bias, data: biases }],
  ]);
}

/**
 * The network in inference with every batch normalisation that follows a linear layer folded into it.
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
    const before = folded.at(-1);
    if (layer.kind === 'batchNorm' && before?.layer.kind === 'linear') {
      before.values = fold(before.values, values, layer.eps);
    } else {
      folded.push({ layer, values });
    }
  }
  const named = folded.flatMap(({ values }, i) =>
    [...values].map(([name, value]) => [`${network.name}.${i}.${name}`, value] as const),
  );
  return { network: { ...network, layers: folded.map(({ layer }) => layer) }, parameters: new Map(named) };
}
