/** Images as bytes, a whole stack at once: what files of pixels are made of. */

import type { ImageStack } from './pixels.js';

/** Order of the bytes of one image: [C, H, W] as the stack has it, or [H, W, C] as pictures do. */
export type ByteOrder = 'planes' | 'interleaved';

/**
 * A stack as uint8; [-1, 1] becomes 0..255 as `toByte` rounds, what lies outside is clamped, and NaN becomes 0.
 *
 * @returns uint8 [count, C, H, W] or [count, H, W, C], on an ArrayBuffer of its own
 */
export function imageBytes({ count, shape, data }: ImageStack, order: ByteOrder): Uint8Array<ArrayBuffer> {
  const [channels, height, width] = shape;
  const pixels = height * width;
  const bytes = new Uint8Array(count * channels * pixels);
  const [plane, step] = order === 'planes' ? [pixels, 1] : [1, channels];
  let from = 0;
  for (let i = 0; i < count; i++) {
    for (let c = 0; c < channels; c++) {
      let to = i * channels * pixels + c * plane;
      for (let end = from + pixels; from < end; from++, to += step) {
        // toByte(value, -1, 1), written out: storing truncates.
        const scaled = ((data[from]! + 1) / 2) * 255 + 0.5;
        bytes[to] = scaled >= 255 ? 255 : Math.max(scaled, 0);
      }
    }
  }
  return bytes;
}
