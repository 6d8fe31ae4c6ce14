/**
 * Fits a dataset to another image size: bilinear with antialiasing, as Pillow and torchvision's `Resize` do it, to
 * the last level. Rows first, then columns, each rounded to a byte.
 */

import { createHash } from 'node:crypto';
import { setImmediate as otherWork } from 'node:timers/promises';
import { UserError } from '../../system/user-error.js';
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

/** The triangle filter: as wide as an input pixel when enlarging, as an output pixel when shrinking. */
function triangleTaps(inputs: number, outputs: number): Taps {
  const scale = inputs / outputs;
  const reach = Math.max(1, scale);
  const width = Math.ceil(reach) * 2 + 1;
  const taps: Taps = {
    first: new Int32Array(outputs),
    count: new Int32Array(outputs),
    weights: new Int32Array(outputs * width),
    width,
  };
  for (let o = 0; o < outputs; o++) {
    const centre = (o + 0.5) * scale;
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
  const hash = createHash('sha256');
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
    sha256: hash.digest('hex'),
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
