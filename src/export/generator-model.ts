/** generator.onnx: the trained generator as a model that any ONNX Runtime samples without this project. */

import { fitsFloat16, toFloat16 } from './float16.js';
import { foldBatchNorm } from './fold-batch-norm.js';
import { Graph } from './graph.js';
import { toSamples } from './host-inputs.js';
import { type AnyGanSpec, forward, type GanSpec, networkParameters } from './networks.js';
import type { StateTensor } from './state.js';
import type { Value } from './value.js';

/** What a run tells about the generator it exports, beside what the spec says. */
export interface GeneratorOrigin {
  dataset: string;
  /** Updates of the generator done. */
  step: number;
  /** Version of gan-onnx. */
  version: string;
}

type Store = (graph: Graph, name: string, shape: readonly number[], data: Float32Array) => Value;

const asFloat32: Store = (graph, name, shape, data) => graph.constant(name, 'float32', shape, data);

/**
 * Matrices and kernels. Biases and normalisation stay float32: they are under 1% of the bytes and would nearly double the
 * error of the images. So does a tensor that holds anything beyond the range of float16 (magnitudes from 65520 on, NaN).
 */
const asFloat16: Store = (graph, name, shape, data) =>
  shape.length > 1 && fitsFloat16(data)
    ? graph.constant(name, 'float16', shape, toFloat16(data)).cast('float32')
    : asFloat32(graph, name, shape, data);

/**
 * How generator.onnx stores its weights. It computes in float32 either way: with `fp16` each halved weight goes through a
 * Cast that ONNX Runtime folds when it loads the model, so every provider runs it, GPUs without shader-f16 too. The file
 * is half as large; memory and speed are the same.
 */
export const PRECISIONS = { fp32: asFloat32, fp16: asFloat16 } satisfies Record<string, Store>;

export type Precision = keyof typeof PRECISIONS;

/**
 * The metadata_props of generator.onnx; all values are text, structured ones JSON. Any consumer can sample from
 * these alone: draw `z` from the named distribution, run, map [-1, 1] to pixels.
 */
export function generatorMetadata(
  gan: AnyGanSpec,
  origin: GeneratorOrigin,
  precision: Precision = 'fp32',
): Record<string, string> {
  return {
    'gan-onnx.version': origin.version,
    'gan-onnx.network': gan.name,
    'gan-onnx.dataset': origin.dataset,
    'gan-onnx.step': String(origin.step),
    'gan-onnx.precision': precision,
    'latent.size': String(gan.latent.size),
    'latent.distribution': JSON.stringify(gan.latent.distribution),
    ...('points' in gan ? { 'points.coordinates': String(gan.points) } : imageMetadata(gan)),
  };
}

function imageMetadata({ image: [channels, height, width] }: GanSpec): Record<string, string> {
  return {
    'image.channels': String(channels),
    'image.height': String(height),
    'image.width': String(width),
    'image.layout': 'NCHW',
    'image.range': '[-1,1]',
  };
}

/**
 * @param parameters the generator's parameters and running statistics by name, float32
 * @param precision how the weights are stored
 * @returns the model's bytes: input `z` float32 [N, latent], output `image` float32 [N, C, H, W] in [-1, 1], or `points`
 * float32 [N, D]; batch normalisation by running statistics, folded into the layers before it, weights inside
 * @throws RangeError when a parameter is missing or has the wrong shape
 */
export function buildGeneratorModel(
  gan: AnyGanSpec,
  parameters: ReadonlyMap<string, StateTensor>,
  origin: GeneratorOrigin,
  precision: Precision = 'fp32',
): Uint8Array {
  const graph = new Graph('generator');
  const z = graph.input('z', 'float32', ['N', gan.latent.size]);
  for (const { name } of networkParameters(gan.generator)) {
    if (!parameters.has(name)) throw new RangeError(`generator: no value for parameter ${name}`);
  }
  const folded = foldBatchNorm(gan.generator, parameters);
  const values = new Map(
    networkParameters(folded.network).map(({ name, shape }) => {
      const tensor = folded.parameters.get(name)!;
      return [name, PRECISIONS[precision](graph, name, shape, tensor.data as Float32Array)];
    }),
  );
  const { output } = forward(graph, folded.network, z, { mode: 'inference', parameters: values });
  const samples = toSamples(gan, output);
  if ('points' in gan) graph.output('points', samples);
  // Some kernels of tanh and of sigmoid overshoot by a rounding.
  else graph.output('image', samples.max(-1).min(1));
  return graph.toBytes({
    metadata: generatorMetadata(gan, origin, precision),
    description: `Generator of ${gan.name}, trained on ${origin.dataset} for ${origin.step} steps by gan-onnx`,
    version: origin.version,
  });
}
