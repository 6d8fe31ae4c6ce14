/**
 * Nearest upsampling by 2 and then a convolution 3 x 3 with padding 1 is one transposed convolution 4 x 4 with stride 2,
 * whose kernel adds up the weights that meet the same pixel: 4/9 of the products, and no large image in between.
 */

import type { Value } from './value.js';
import type { WindowOptions } from './windows.js';

/** Row a of the 4 x 4 kernel is the sum of the rows of the 3 x 3 kernel that are marked in MERGE[a]; so are columns. */
const MERGE = [
  [0, 0, 1],
  [0, 1, 1],
  [1, 1, 0],
  [1, 0, 0],
] as const;

/** The 3 x 3 kernels [O, C, 3, 3] as [C, O, 4, 4]. */
function mergedKernel(weight: Value): Value {
  const [outputs, inputs] = weight.shape as readonly [number, number];
  const merge = weight.graph.named(`3x3 to 4x4 ${weight.dtype}`, weight.dtype, [9, 16], () => {
    const data = weight.dtype === 'float64' ? new Float64Array(9 * 16) : new Float32Array(9 * 16);
    return data.map((_, at) => {
      const [from, to] = [Math.floor(at / 16), at % 16];
      const [row, column] = [Math.floor(from / 3), from % 3];
      return MERGE[Math.floor(to / 4)]![row]! * MERGE[to % 4]![column]!;
    });
  });
  return weight
    .reshape([outputs * inputs, 9])
    .matmul(merge)
    .reshape([outputs, inputs, 4, 4])
    .transpose([1, 0, 2, 3]);
}

/** The convolution of an upsampled x in one; undefined when x is not upsampled, or the convolution is another. */
export function upsampledConv(
  x: Value,
  weight: Value,
  { strides = [1, 1], pads = [0, 0, 0, 0] }: WindowOptions,
  bias: Value | undefined,
): Value | undefined {
  if (x.producer?.op !== 'Resize') return undefined;
  const [small] = x.producer.inputs;
  const doubled = x.shape[2] === 2 * (small!.shape[2] as number);
  const fits = weight.shape[1] === x.shape[1] && weight.shape[2] === 3 && weight.shape[3] === 3;
  if (!doubled || !fits || strides.some((n) => n !== 1) || pads.some((n) => n !== 1)) return undefined;
  return small!.convTranspose(mergedKernel(weight), {
    strides: [2, 2],
    pads: [1, 1, 1, 1],
    ...(bias === undefined ? {} : { bias }),
  });
}
