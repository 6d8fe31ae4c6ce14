/** From float images in [-1, 1] to bytes, and to one picture of many; no image library, the same everywhere. */

/** An 8-bit picture: `channels` (1 or 3) interleaved bytes a pixel, rows from the top. */
export interface Picture {
  width: number;
  height: number;
  channels: number;
  data: Uint8Array;
}

/** A stack of float images in planes: float32 [count, channels, height, width]. */
export interface ImageStack {
  count: number;
  /** [channels, height, width] */
  shape: readonly [number, number, number];
  data: Float32Array;
}

/** A value of [low, high] as a byte; NaN becomes 0. */
export function toByte(value: number, low: number, high: number): number {
  const scaled = ((value - low) / (high - low)) * 255 + 0.5;
  return scaled >= 255 ? 255 : scaled > 0 ? Math.floor(scaled) : 0;
}

/** Image `index` of a stack as a picture; [-1, 1] becomes 0..255. */
export function imagePicture(images: ImageStack, index: number): Picture {
  const [channels, height, width] = images.shape;
  const data = new Uint8Array(channels * height * width);
  blit({ width, height, channels, data }, images, index, { x: 0, y: 0 }, [-1, 1]);
  return { width, height, channels, data };
}

/** Copies image `index` of a stack into a picture at (x, y), planes to interleaved bytes. */
function blit(
  picture: Picture,
  images: ImageStack,
  index: number,
  at: { x: number; y: number },
  [low, high]: readonly [number, number],
): void {
  const [channels, height, width] = images.shape;
  const first = index * channels * height * width;
  for (let c = 0; c < channels; c++) {
    for (let y = 0; y < height; y++) {
      let from = first + (c * height + y) * width;
      let to = ((at.y + y) * picture.width + at.x) * channels + c;
      for (let x = 0; x < width; x++, from++, to += channels) {
        picture.data[to] = toByte(images.data[from]!, low, high);
      }
    }
  }
}

export interface GridOptions {
  /** Images a row, at least 1. */
  columns: number;
  /** Black pixels around and between images. */
  padding?: number;
  /** `fixed` maps [-1, 1] to 0..255; `min-max` the smallest and largest value of all images. */
  scale?: 'fixed' | 'min-max';
}

/** Width and height in pixels of the grid of `count` (at least 1) images. */
export function gridSize(
  count: number,
  [, height, width]: readonly [number, number, number],
  { columns, padding = 2 }: GridOptions,
): { width: number; height: number; columns: number } {
  const across = Math.min(columns, count);
  const down = Math.ceil(count / across);
  return {
    width: across * (width + padding) + padding,
    height: down * (height + padding) + padding,
    columns: across,
  };
}

/**
 * All images of a stack in one picture, row by row. With `min-max`, padding 2 and 5 columns it is what gan.py's
 * `save_image(images[:25], nrow=5, normalize=True)` draws.
 */
export function imageGrid(images: ImageStack, options: GridOptions): Picture {
  const { padding = 2, scale = 'fixed' } = options;
  const { width, height, columns } = gridSize(images.count, images.shape, options);
  const [channels, imageHeight, imageWidth] = images.shape;
  const picture: Picture = { width, height, channels, data: new Uint8Array(width * height * channels) };
  const range = scale === 'fixed' ? ([-1, 1] as const) : extent(images.data);
  for (let i = 0; i < images.count; i++) {
    const x = padding + (i % columns) * (imageWidth + padding);
    const y = padding + Math.floor(i / columns) * (imageHeight + padding);
    blit(picture, images, i, { x, y }, range);
  }
  return picture;
}

/** The picture with every pixel `factor` (a whole number of at least 1) times as wide and as high. */
export function enlarge(picture: Picture, factor: number): Picture {
  if (factor === 1) return picture;
  const { width, height, channels } = picture;
  const data = new Uint8Array(picture.data.length * factor * factor);
  const across = width * factor;
  for (let y = 0; y < height * factor; y++) {
    for (let x = 0; x < across; x++) {
      const from = (Math.floor(y / factor) * width + Math.floor(x / factor)) * channels;
      const to = (y * across + x) * channels;
      for (let c = 0; c < channels; c++) data[to + c] = picture.data[from + c]!;
    }
  }
  return { width: across, height: height * factor, channels, data };
}

/** The picture as RGBA, opaque: four bytes a pixel, as canvases and GIF frames have them. */
export function toRgba({ width, height, channels, data }: Picture): Uint8ClampedArray<ArrayBuffer> {
  const rgba = new Uint8ClampedArray(width * height * 4).fill(255);
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) rgba[i * 4 + c] = data[i * channels + (channels === 1 ? 0 : c)]!;
  }
  return rgba;
}

/** Smallest and largest value, at least 1e-5 apart (torchvision's guard against constant images). */
function extent(values: Float32Array): readonly [number, number] {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, Math.max(high, low + 1e-5)];
}
