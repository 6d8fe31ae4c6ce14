/** Samples that know their pixels. */

import { type GridOptions, type ImageStack, imageGrid, imagePicture, type Picture } from './pixels.js';

/** What a picture is on a platform: PNG bytes in Node, ImageData in a page. */
export type PictureMaker<Image> = (picture: Picture) => Image;

/** Images in [-1, 1] (if the model keeps its promise), with the latents that made them. */
export class Samples<Image = unknown> implements ImageStack {
  /** How many. */
  readonly count: number;

  /**
   * @param shape [channels, height, width]
   * @param data float32 [count, C, H, W] in [-1, 1]
   * @param latents float32 [count, latent]
   */
  constructor(
    readonly shape: readonly [number, number, number],
    readonly data: Float32Array,
    readonly latents: Float32Array,
    private readonly make: PictureMaker<Image>,
  ) {
    this.count = data.length / shape.reduce((a, b) => a * b, 1);
  }

  /**
   * Image `index` as a picture: PNG bytes (a promise of them) in Node, ImageData in a page; [-1, 1] becomes 0..255.
   *
   * @throws RangeError when there is no such sample
   */
  image(index: number): Image {
    if (!Number.isSafeInteger(index) || index < 0 || index >= this.count) {
      throw new RangeError(
        `image ${index} is not among ${this.count} samples: expected 0 to ${this.count - 1}`,
      );
    }
    return this.make(imagePicture(this, index));
  }

  /** All images in one picture, row by row: PNG bytes (a promise of them) in Node, ImageData in a page. */
  grid(options: GridOptions): Image {
    return this.make(imageGrid(this, options));
  }
}
