/** From the values that a model puts out to images in planes with values in [-1, 1]. */

import { InvalidModelError, shortName } from '../onnx/index.js';
import type { GeneratorDescription } from './read-generator.js';

/** Whether every value is a finite number. */
export function allFinite(values: Float32Array): boolean {
  // Infinity * 0 and NaN * 0 are NaN, all else is 0. Four sums, because each waits for its last addition.
  const whole = values.length - (values.length % 4);
  let [a, b, c, d] = [0, 0, 0, 0];
  for (let i = 0; i < whole; i += 4) {
    a += values[i]! * 0;
    b += values[i + 1]! * 0;
    c += values[i + 2]! * 0;
    d += values[i + 3]! * 0;
  }
  for (let i = whole; i < values.length; i++) a += values[i]! * 0;
  return a + b + c + d === 0;
}

/**
 * A model's images, float32 [N, C, H, W] in [-1, 1].
 *
 * @param values the model's output, in its own range and order of axes; it is returned itself when that is the same
 */
export function toPlanes(
  values: Float32Array,
  { layout, range: [black, white], image: [channels, height, width] }: GeneratorDescription,
): Float32Array {
  const sameRange = black === -1 && white === 1;
  const sameOrder = layout === 'NCHW' || channels === 1;
  if (sameRange && sameOrder) return values;
  const scale = 2 / (white - black);
  const plane = height * width;
  const pixels = channels * plane;
  const out = new Float32Array(values.length);
  for (let first = 0; first < values.length; first += pixels) {
    for (let c = 0; c < channels; c++) {
      for (let p = 0; p < plane; p++) {
        const value = values[sameOrder ? first + c * plane + p : first + p * channels + c]!;
        out[first + c * plane + p] = sameRange ? value : (value - black) * scale - 1;
      }
    }
  }
  return out;
}

/**
 * The data of an output as float32, of the expected length.
 *
 * @throws InvalidModelError when the model gave something else than its description promises
 */
export function checkedImages(
  data: unknown,
  length: number,
  { output, image }: Pick<GeneratorDescription, 'output' | 'image'>,
): Float32Array {
  if (data instanceof Float32Array && data.length === length) return data;
  throw new InvalidModelError(`its output ${shortName(output)} is not float32 [N, ${image.join(', ')}]`);
}
