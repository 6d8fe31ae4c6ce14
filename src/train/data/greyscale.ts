/** From colour to grey, to the bit as Pillow's `convert('L')` has it. */

/**
 * The luma of ITU-R BT.601 (0.299 R + 0.587 G + 0.114 B), rounded, in whole numbers of 2^-16.
 *
 * @param red 0..255 @param green 0..255 @param blue 0..255
 * @returns 0..255
 */
export function luma(red: number, green: number, blue: number): number {
  return (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16;
}
