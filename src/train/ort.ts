/** What engines need of an onnxruntime package: onnxruntime-node and onnxruntime-web share it. */

import type { InferenceSession, Tensor, TensorConstructor } from 'onnxruntime-common';
import type { StateSpec, StateTensor } from '../export/index.js';
import type { StepInputs } from './engine.js';

export interface OrtModule {
  InferenceSession: {
    create(bytes: Uint8Array, options?: InferenceSession.SessionOptions): Promise<InferenceSession>;
  };
  Tensor: TensorConstructor;
}

/** A state tensor of the package's own. */
export function stateTensor(ort: OrtModule, { dtype, shape }: StateSpec, data: StateTensor['data']): Tensor {
  return dtype === 'int32'
    ? new ort.Tensor('int32', data as Int32Array, shape)
    : new ort.Tensor('float32', data as Float32Array, shape);
}

/**
 * What the host feeds to one run of a step graph, by input name.
 *
 * @param shape of one sample: [channels, height, width], or [coordinates] of a point
 */
export function hostFeeds(
  ort: OrtModule,
  { noise, takesBatch }: { noise: readonly { name: string }[]; takesBatch: boolean },
  inputs: StepInputs,
  shape: readonly number[],
): Record<string, Tensor> {
  const { batchSize } = inputs;
  const feeds: Record<string, Tensor> = {};
  for (const { name } of noise) {
    const data = inputs.noise[name]!;
    const dims = [batchSize, data.length / batchSize];
    feeds[name] =
      data instanceof Uint8Array
        ? new ort.Tensor('uint8', data, dims)
        : new ort.Tensor('float32', data, dims);
  }
  if (takesBatch) {
    const { real } = inputs;
    const dims = [batchSize, ...shape];
    feeds.real =
      real instanceof Float32Array
        ? new ort.Tensor('float32', real, dims)
        : new ort.Tensor('uint8', real!, dims);
  }
  return feeds;
}
