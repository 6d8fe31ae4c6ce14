/** Dropout by masks that the host feeds: of single features, or of whole channels. Off in inference. */

import type { Value } from '../value.js';
import { activation, featureCount, type LayerContext, type LayerType, requireImage } from './layer-type.js';

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

/** x times its mask [N, features] in the shape of `masked`, over `keep`. */
function drop(x: Value, keep: number, masked: readonly number[], context: LayerContext): Value {
  if (context.mode === 'inference') return x;
  const mask = context.mask(keep, x, featureCount(masked));
  return x.mul(
    mask
      .reshape([x.shape[0]!, ...masked])
      .cast(x.dtype)
      .mul(1 / keep),
  );
}

export const dropout: LayerType<DropoutLayer> = activation(({ keep }, x, context) =>
  drop(x, keep, x.shape.slice(1) as readonly number[], context),
);

export const dropout2d: LayerType<Dropout2dLayer> = {
  ...activation(({ keep }, x, context) => drop(x, keep, [x.shape[1] as number, 1, 1], context)),
  outputs: (_, inputs) => requireImage('dropout2d', inputs),
};
