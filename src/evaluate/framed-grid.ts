/** A grid of images some of whose columns are framed in a colour, as in Figure 2 of the 2014 paper. */

import { type ImageStack, imageGrid, type Picture } from '../infer/index.js';

/** Red, green and blue, 0..255. */
export type Colour = readonly [number, number, number];

/** Yellow, as in the paper. */
export const NEAREST_FRAME: Colour = [255, 221, 0];
/** Black pixels between images, of which a frame takes those that touch its image. */
const PADDING = 3;

/** A grey picture in the three channels of a coloured one; a coloured one as it is. */
function inColour(picture: Picture): Picture {
  if (picture.channels === 3) return picture;
  const data = new Uint8Array(picture.data.length * 3);
  for (let i = 0; i < data.length; i++) data[i] = picture.data[Math.floor(i / 3)]!;
  return { ...picture, channels: 3, data };
}

/** Draws the outline of a rectangle of a coloured picture, a pixel wide; (x, y) is its upper left pixel. */
function outline(
  picture: Picture,
  at: { x: number; y: number; width: number; height: number },
  colour: Colour,
) {
  const [right, bottom] = [at.x + at.width - 1, at.y + at.height - 1];
  for (let y = at.y; y <= bottom; y++) {
    const whole = y === at.y || y === bottom;
    for (let x = at.x; x <= right; x += whole ? 1 : at.width - 1) {
      picture.data.set(colour, (y * picture.width + x) * 3);
    }
  }
}

/**
 * Images row by row, those of the last column in a frame.
 *
 * @param images in [-1, 1]; a whole number of rows
 * @param columns images a row, at least 2
 * @returns a picture in colour, with 3 pixels around and between images
 */
export function framedGrid(images: ImageStack, columns: number, colour: Colour = NEAREST_FRAME): Picture {
  const [, height, width] = images.shape;
  const picture = inColour(imageGrid(images, { columns, padding: PADDING }));
  for (let row = 0; row < images.count / columns; row++) {
    const x = PADDING + (columns - 1) * (width + PADDING) - 1;
    const y = PADDING + row * (height + PADDING) - 1;
    outline(picture, { x, y, width: width + 2, height: height + 2 }, colour);
  }
  return picture;
}
