/** Dropout by masks that the host feeds: of single features, or of whole channels. Off in inference. */

import { activation, featureCount, type LayerType, requireImage } from './layer-type.js';

/** Keeps each input with probability `keep` and divides it by `keep`. */
export interface DropoutLayer {
  kind: 'dropout';
  keep: number;
}

/** The same for each channel of an image as a whole. */
export interface Dropout2dLayer {
  kind: 'dropout2d';
  keep: number;
}

export const dropout: LayerType<DropoutLayer> = activation(({ keep }, x, context) => {
  if (context.mode === 'inference') return x;
  const asColumns = context.batchAxis === 1;
  const masked = (asColumns ? x.shape.slice(0, 1) : x.shape.slice(1)) as readonly number[];
  const mask = context.mask(keep, x, featureCount(masked));
  const placed = asColumns ? mask.transpose([1, 0]) : mask.reshape([x.shape[0]!, ...masked]);
  return x.mul(placed.cast(x.dtype).mul(1 / keep));
});

export const dropout2d: LayerType<Dropout2dLayer> = {
  parameters: () => [],
  outputs: (_, inputs) => requireImage('dropout2d', inputs),
  apply({ keep }, x, context) {
    if (context.mode === 'inference') return x;
    const channels = x.shape[1] as number;
    const mask = context.mask(keep, x, channels).reshape([x.shape[0]!, channels, 1, 1]);
    return x.mul(mask.cast(x.dtype).mul(1 / keep));
  },
};
