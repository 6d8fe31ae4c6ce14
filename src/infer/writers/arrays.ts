/** Samples as one array in a file: float32 .npy, uint8 IDX, and the latents as .npy. */

import { UserError } from '../../system/user-error.js';
import { idxHeader, MAX_IDX_DIMENSION } from '../idx.js';
import { imageBytes } from '../image-bytes.js';
import type { Samples } from '../node.js';
import { npyHeader } from '../npy.js';
import type { SampleEncoder, SamplePlan } from './writer.js';

const NOTHING = new Uint8Array(0);

function arrayEncoder(header: Uint8Array, elements: (samples: Samples) => Uint8Array): SampleEncoder {
  return { begin: () => header, encode: elements, end: () => NOTHING };
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** float32 [count, C, H, W] in [-1, 1]. */
export function npyEncoder({ count, shape }: SamplePlan): SampleEncoder {
  return arrayEncoder(npyHeader([count, ...shape]), ({ data }) => bytesOf(data));
}

/** Latents, float32 [count, size]. */
export function latentsEncoder(count: number, size: number): SampleEncoder {
  return arrayEncoder(npyHeader([count, size]), ({ latents }) => bytesOf(latents));
}

/** uint8 [count, H, W] as MNIST's files have it; [count, C, H, W] for images in colour. */
export function idxEncoder({ count, shape }: SamplePlan): SampleEncoder {
  if (count > MAX_IDX_DIMENSION) {
    throw new UserError(
      `an IDX file holds at most ${MAX_IDX_DIMENSION} images, not ${count}: split them with --part-size`,
    );
  }
  const [channels, ...size] = shape;
  const header = idxHeader(channels === 1 ? [count, ...size] : [count, channels, ...size]);
  return arrayEncoder(header, (samples) => imageBytes(samples, 'planes'));
}
