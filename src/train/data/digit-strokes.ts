/**
 * How people write the ten digits: for each class a few variants, each a list of pen strokes. `digits.ts` bends and
 * draws them.
 *
 * A stroke is a line of text: the points a smooth curve passes through, as `x,y` with y from 0 (top) to 100 (bottom)
 * and x to the same scale. `!` after a point makes it a corner.
 */

/** One pen stroke: point i is (x[i], y[i]); the curve through the points breaks at corners. */
export interface Stroke {
  x: readonly number[];
  y: readonly number[];
  corner: readonly boolean[];
}

/** One way of writing a digit, and how many writers in 100 write it so. */
export interface Glyph {
  share: number;
  strokes: readonly Stroke[];
}

const HANDWRITING: readonly (readonly [share: number, ...strokes: string[]][])[] = [
  [
    [40, '46,5 26,5 10,22 4,50 10,78 26,95 46,95 62,78 68,50 62,22 46,5 30,2'],
    [35, '54,11 34,2 14,16 4,46 9,76 26,96 48,94 64,72 67,42 57,15 42,4'],
    [25, '34,8 14,20 4,48 8,78 26,97 48,92 64,70 68,40 58,14 38,2 20,7 12,18'],
  ],
  [
    [78, '10,0 9,33 11,66 10,100'],
    [16, '0,22 11,13 21,0! 21,50 20,100'],
    [6, '4,24 16,14 28,1! 28,50 27,97', '4,98 28,97 52,98'],
  ],
  [
    [40, '6,24 18,6 40,2 56,16 53,40 32,68 5,95! 36,94 70,95'],
    [35, '6,22 22,4 46,4 57,22 49,52 28,82 10,94 3,85 12,75 32,84 50,95 72,90'],
    [25, '8,30 16,8 40,2 55,18 46,48 22,80 4,96! 22,87 44,92 72,88'],
  ],
  [
    [50, '6,16 24,2 48,5 54,24 40,41 20,47! 46,50 59,68 50,90 28,99 3,90'],
    [20, '6,5 32,5 60,3! 44,23 26,42! 50,48 62,68 50,92 26,99 3,89'],
    [30, '8,12 32,1 53,10 50,31 30,45 22,42 32,39 52,50 60,72 46,94 22,99 3,90'],
  ],
  [
    [40, '12,4 8,28 4,54! 34,55 66,49', '57,4 54,50 50,100'],
    [30, '9,2 3,26 5,50 22,58 44,52 62,38', '62,2 57,50 54,100'],
    [30, '50,2 28,32 3,64! 38,64 74,61', '51,3 49,50 47,100'],
  ],
  [
    [40, '16,5 13,24 10,45! 34,38 55,51 58,76 38,96 4,93', '16,6 40,6 66,3'],
    [30, '64,4 40,6 18,6! 14,25 11,45! 36,39 56,53 57,78 36,97 4,92'],
    [30, '64,4 38,4 21,10 17,30 28,44 48,56 52,76 36,96 4,93'],
  ],
  [
    [40, '50,1 26,18 9,46 4,76 18,97 42,96 56,78 46,59 24,60 8,78'],
    [35, '34,0 16,30 5,62 9,88 28,99 49,88 52,67 36,55 17,64 8,80'],
    [25, '58,8 40,1 19,18 6,48 5,78 22,98 46,93 55,72 40,57 19,63 8,78'],
  ],
  [
    [45, '3,9 32,8 63,4! 45,46 30,99'],
    [20, '5,24 7,9! 34,9 62,6! 50,30 39,62 36,100'],
    [20, '3,16 17,6 38,10 61,5 56,24 42,58 34,99'],
    [15, '3,9 32,8 63,5! 46,46 30,99', '18,52 40,50 62,48'],
  ],
  [
    [60, '56,12 36,1 14,10 15,31 36,48 54,70 46,94 22,98 7,82 17,60 41,42 56,22 50,8'],
    [25, '34,47 14,33 17,9 38,1 55,13 51,34 34,47 12,64 9,87 30,99 53,89 54,66 32,46'],
    [15, '38,2 18,11 18,35 37,46 54,33 53,11 36,2', '37,46 14,58 9,83 30,99 55,88 57,63 35,46'],
  ],
  [
    [40, '54,10 30,2 9,18 10,40 30,48 50,32 55,10! 54,52 51,100'],
    [25, '54,14 34,2 10,14 9,38 30,48 50,33 57,12! 57,48 48,82 26,98 6,92'],
    [35, '52,18 36,2 13,11 8,37 27,50 48,35 55,12 53,44 43,74 31,100'],
  ],
];

function parseStroke(text: string): Stroke {
  const points = text.split(' ');
  const coordinates = points.map((point) => point.replace('!', '').split(',').map(Number));
  return {
    x: coordinates.map((xy) => xy[0]!),
    y: coordinates.map((xy) => xy[1]!),
    corner: points.map((point) => point.endsWith('!')),
  };
}

/** The variants of the digits: `GLYPHS[7]` are the ways to write a seven; their shares sum to 100. */
export const GLYPHS: readonly (readonly Glyph[])[] = HANDWRITING.map((variants) =>
  variants.map(([share, ...strokes]) => ({ share, strokes: strokes.map(parseStroke) })),
);
