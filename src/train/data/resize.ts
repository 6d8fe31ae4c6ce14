/**
 * Fits a dataset to another image size: bilinear with antialiasing, as Pillow and torchvision's `Resize` do it, to
 * the last level. Rows first, then columns, each rounded to a byte.
 */

import { otherWork } from '../../system/other-work.js';
import { UserError } from '../../system/user-error.js';
import { createSha256 } from '../sha256.js';
import { type Dataset, datasetInMemory } from './dataset.js';

/** Images resized between two looks at the event loop. */
const CHUNK = 1000;
/** Weights are integers with this many bits after the point: 255 * 2^22 still fits an int32. */
const BITS = 22;

/** How a line of pixels becomes one of another length: output o is the weighted sum of inputs from `first[o]` on. */
interface Taps {
  /** int32, [outputs]: the first input pixel of each output pixel. */
  first: Int32Array;
  /** int32, [outputs]: how many weights each output pixel has. */
  count: Int32Array;
  /** int32, [outputs, width]: fixed-point weights, those of one output summing to about 2^BITS. */
  weights: Int32Array;
  width: number;
}

/** Some of the outputs of a line: `count` of them from `first` on. */
interface Cut {
  first: number;
  count: number;
}

/**
 * The triangle filter: as wide as an input pixel when enlarging, as an output pixel when shrinking.
 *
 * @param length outputs that `inputs` pixels become
 * @param cut those of them that are wanted; all by default
 */
function triangleTaps(inputs: number, length: number, cut: Cut = { first: 0, count: length }): Taps {
  const outputs = cut.count;
  const scale = inputs / length;
  const reach = Math.max(1, scale);
  const width = Math.ceil(reach) * 2 + 1;
  const taps: Taps = {
    first: new Int32Array(outputs),
    count: new Int32Array(outputs),
    weights: new Int32Array(outputs * width),
    width,
  };
  for (let o = 0; o < outputs; o++) {
    const centre = (cut.first + o + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - reach + 0.5));
    const end = Math.min(inputs, Math.trunc(centre + reach + 0.5));
    const raw = Array.from({ length: end - first }, (_, k) =>
      Math.max(0, 1 - Math.abs((first + k - centre + 0.5) / reach)),
    );
    const sum = raw.reduce((a, b) => a + b, 0);
    const fixed = raw.map((weight) => Math.floor((weight / sum) * 2 ** BITS + 0.5));
    taps.first[o] = first;
    taps.count[o] = raw.length;
    taps.weights.set(fixed, o * width);
  }
  return taps;
}

/** Where the pixels of a set of lines lie: pixel p of line l is at `l * line + p * step`. */
interface Layout {
  line: number;
  step: number;
}

/** Resamples `lines` lines of pixels, rows or columns by their layouts. */
function resample(
  { first, count, weights, width }: Taps,
  lines: number,
  input: Uint8Array,
  from: Layout,
  output: Uint8Array,
  to: Layout,
): void {
  for (let l = 0; l < lines; l++) {
    for (let o = 0; o < first.length; o++) {
      let at = l * from.line + first[o]! * from.step;
      let sum = 1 << (BITS - 1);
      for (let k = o * width; k < o * width + count[o]!; k++) {
        sum += weights[k]! * input[at]!;
        at += from.step;
      }
      output[l * to.line + o * to.step] = sum >> BITS;
    }
  }
}

/** An image in memory: value c of pixel (x, y) is at `(y * width + x) * step + c`. */
export interface Pixels {
  width: number;
  height: number;
  /** Values from one pixel to the next, at least as many as are wanted of each. */
  step: number;
  data: Uint8Array;
}

/** The middle `size` of `length` outputs, as torchvision's CenterCrop finds it: Python rounds halves to even. */
function middle(length: number, size: number): Cut {
  const low = Math.floor((length - size) / 2);
  return { first: (length - size) % 2 === 1 && low % 2 === 1 ? low + 1 : low, count: size };
}

/**
 * Makes an image square as torchvision's Resize(size) and CenterCrop(size) do: the shorter side becomes `size`, and of the
 * longer one the middle stays.
 *
 * @param image at least 1 x 1 pixels
 * @param channels planes to make, from the first values of each pixel
 * @returns uint8 [channels, size, size]
 */
export function resizeAndCrop(image: Pixels, channels: number, size: number): Uint8Array {
  const { width, height, step, data } = image;
  const shorter = Math.min(width, height);
  const along = (inputs: number): Taps => {
    const length = Math.trunc((size * inputs) / shorter);
    return triangleTaps(inputs, length, middle(length, size));
  };
  const [alongRows, alongColumns] = [along(width), along(height)];
  const out = new Uint8Array(channels * size * size);
  const between = new Uint8Array(height * size);
  const columns = { line: 1, step: size };
  for (let c = 0; c < channels; c++) {
    const plane = out.subarray(c * size * size, (c + 1) * size * size);
    resample(alongRows, height, data.subarray(c), { line: width * step, step }, between, {
      line: size,
      step: 1,
    });
    resample(alongColumns, size, between, columns, plane, columns);
  }
  return out;
}

/**
 * Delivers a dataset at another size; images that are not square are squeezed into one.
 *
 * @param dataset uint8 images [channels, height, width]; all are read once
 * @param imageSize width and height to deliver, in pixels
 * @param onProgress called with one line of text when there is work to do
 * @returns `dataset` itself when it has that size, else one in memory, uint8 [channels, imageSize, imageSize], with
 *   the same labels and a digest of its own
 * @throws UserError when `imageSize` is not a positive integer or the images do not fit into memory
 */
export async function resizeDataset(
  dataset: Dataset,
  imageSize: number,
  onProgress?: (message: string) => void,
): Promise<Dataset> {
  const { name, count, shape } = dataset.description;
  const [channels, height, width] = shape;
  if (!Number.isSafeInteger(imageSize) || imageSize < 1) {
    throw new UserError(
      `image size ${imageSize} is not possible: expected a whole number of pixels, 1 or more`,
    );
  }
  if (height === imageSize && width === imageSize) return dataset;
  onProgress?.(`resizing ${count} images from ${width} x ${height} to ${imageSize} x ${imageSize}`);

  const inputPlane = height * width;
  const outputPlane = imageSize * imageSize;
  const images = allocate(name, count, channels * outputPlane);
  const alongRows = triangleTaps(width, imageSize);
  const alongColumns = triangleTaps(height, imageSize);
  const inputRows = { line: width, step: 1 };
  const rows = { line: imageSize, step: 1 };
  const columns = { line: 1, step: imageSize };
  const source = new Uint8Array(Math.min(CHUNK, count) * channels * inputPlane);
  const between = new Uint8Array(height * imageSize);
  const hash = createSha256();
  for (let start = 0; start < count; start += CHUNK) {
    await otherWork();
    const n = Math.min(CHUNK, count - start);
    const indices = Uint32Array.from({ length: n }, (_, i) => start + i);
    dataset.read(indices, source.subarray(0, n * channels * inputPlane));
    const chunk = images.subarray(start * channels * outputPlane, (start + n) * channels * outputPlane);
    for (let p = 0; p < n * channels; p++) {
      const input = source.subarray(p * inputPlane, (p + 1) * inputPlane);
      const output = chunk.subarray(p * outputPlane, (p + 1) * outputPlane);
      resample(alongRows, height, input, inputRows, between, rows);
      resample(alongColumns, imageSize, between, columns, output, columns);
    }
    hash.update(chunk);
  }
  const description = {
    name,
    count,
    shape: [channels, imageSize, imageSize] as const,
    sha256: hash.hex(),
  };
  return datasetInMemory(description, images, dataset.labels);
}

function allocate(name: string, count: number, imageBytes: number): Uint8Array {
  try {
    return new Uint8Array(count * imageBytes);
  } catch {
    throw new UserError(
      `dataset ${name} at that size needs ${count} x ${imageBytes} bytes, more memory than there is: reduce --img-size`,
    );
  }
}
