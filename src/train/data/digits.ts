/**
 * The dataset `digits`: 28x28 handwritten-looking digits that the project draws itself, so that training works with
 * no download. Image k is a pure function of k, and the same bytes on every machine: the arithmetic is + - * / and
 * square roots of doubles, which every JavaScript engine rounds alike.
 *
 * A digit is written in four moves: choose a variant of its glyph, bend its control points, fit the curves through
 * them into a 20x20 box (as MNIST's digits are), and ink them with a soft-edged pen.
 */

import { toUnitInterval } from '../../random/distributions.js';
import { randomUint32 } from '../../random/philox.js';
import { otherWork } from '../../system/other-work.js';
import { sha256Hex } from '../sha256.js';
import { type Dataset, type DatasetOptions, datasetInMemory } from './dataset.js';
import { GLYPHS, type Glyph, type Stroke } from './digit-strokes.js';

/** Width and height of a digit in pixels. */
export const DIGIT_SIZE = 28;
const SIZE = DIGIT_SIZE;
const PIXELS = SIZE * SIZE;
/** Longer side of the box that a digit fills, in pixels. */
const BOX = 20;
/** Pixels at every edge of the image that stay black. */
const MARGIN = 2;
/** Width of the grey edge of a stroke, in pixels. */
const SOFTNESS = 1.1;
/** Segments that a curve gets from one control point to the next. */
const STEPS = 5;
/** Images drawn between two looks at the event loop. */
const CHUNK = 1000;
/** Random words for one image; the longest glyphs take 47. */
const WORDS = 64;

/** The random numbers of one image, taken one after the other. */
class Dice {
  private readonly words: Uint32Array;
  private next = 0;

  constructor(index: number) {
    this.words = randomUint32(0, 'digits', index, new Uint32Array(WORDS));
  }

  /** Uniform in (0, 1). */
  uniform(): number {
    return toUnitInterval(this.words[this.next++]!);
  }

  /** Bell-shaped with mean 0, deviation 1 and nothing beyond 3.5: the sum of the four bytes of a word. */
  bell(): number {
    const word = this.words[this.next++]!;
    const sum = (word & 255) + ((word >>> 8) & 255) + ((word >>> 16) & 255) + (word >>> 24);
    return (sum - 510) / 147.8;
  }
}

/** The polyline of a digit: segment i leads from (x0, y0) to (x1, y1), with a pen `press` times as wide as usual. */
class Polyline {
  count = 0;
  readonly x0 = new Float64Array(256);
  readonly y0 = new Float64Array(256);
  readonly x1 = new Float64Array(256);
  readonly y1 = new Float64Array(256);
  readonly press = new Float64Array(256);
}

/** The one polyline in use: drawing is synchronous, and allocating it for each image would cost more than drawing. */
const line = new Polyline();

function chooseGlyph(variants: readonly Glyph[], dice: Dice): Glyph {
  let left = dice.uniform() * 100;
  for (const glyph of variants) {
    left -= glyph.share;
    if (left < 0) return glyph;
  }
  return variants[0]!;
}

/** A writer's hand: a random map of the page onto itself, smooth but for a little trembling. */
function chooseHand(dice: Dice): (x: number, y: number) => [number, number] {
  const slant = 0.2 + 0.2 * dice.bell();
  const tilt = 0.07 * dice.bell();
  const width = Math.max(0.7, 1.08 + 0.2 * dice.bell());
  const xBend = [6 * dice.bell(), 5 * dice.bell(), 5 * dice.bell()] as const;
  const yBend = [6 * dice.bell(), 4 * dice.bell(), 6 * dice.bell()] as const;
  const tremble = 1 + 2.2 * dice.uniform();
  return (x, y) => {
    const u = (x - 33) / 50;
    const v = (y - 50) / 50;
    const bentX = (x - 33) * width + xBend[0] * u * u + xBend[1] * u * v + xBend[2] * v * v;
    const bentY = y - 50 + yBend[0] * u * u + yBend[1] * u * v + yBend[2] * (1 - v * v);
    const slantedX = bentX - slant * bentY + tremble * dice.bell();
    return [slantedX - tilt * bentY, bentY + tilt * slantedX + tremble * dice.bell()];
  };
}

/** Flattens one stroke, bent by `hand`, and adds its segments to `line`. */
function addStroke(stroke: Stroke, hand: (x: number, y: number) => [number, number], dice: Dice): void {
  const last = stroke.x.length - 1;
  const points = stroke.x.map((x, i) => hand(x, stroke.y[i]!));
  const slope = 0.14 * dice.bell();
  const bulge = 0.12 * dice.bell();
  const breaksAt = (i: number) => i === 0 || i === last || stroke.corner[i]!;
  for (let i = 0; i < last; i++) {
    const from = points[i]!;
    const to = points[i + 1]!;
    const before = breaksAt(i) ? from : points[i - 1]!;
    const after = breaksAt(i + 1) ? to : points[i + 2]!;
    let [x, y] = from;
    for (let step = 1; step <= STEPS; step++) {
      const n = line.count++;
      const t = (i + step / STEPS) / last;
      line.x0[n] = x;
      line.y0[n] = y;
      x = catmullRom(before[0], from[0], to[0], after[0], step / STEPS);
      y = catmullRom(before[1], from[1], to[1], after[1], step / STEPS);
      line.x1[n] = x;
      line.y1[n] = y;
      line.press[n] = 1 + slope * (2 * t - 1) + bulge * (4 * t * (1 - t) - 0.67);
    }
  }
}

/** The Catmull-Rom spline from b (t = 0) to c (t = 1), with a before and d after. */
function catmullRom(a: number, b: number, c: number, d: number, t: number): number {
  const slope = c - a;
  const curve = 2 * a - 5 * b + 4 * c - d;
  const twist = 3 * (b - c) + d - a;
  return b + 0.5 * t * (slope + t * (curve + t * twist));
}

/** Scales and moves `line` so that, drawn with a pen of `radius` pixels, it fills the box and is centred by weight. */
function fitToBox(radius: number, dice: Dice): void {
  let left = Infinity;
  let right = -Infinity;
  let top = Infinity;
  let bottom = -Infinity;
  let weight = 0;
  let xSum = 0;
  let ySum = 0;
  for (let i = 0; i < line.count; i++) {
    const x0 = line.x0[i]!;
    const y0 = line.y0[i]!;
    const x1 = line.x1[i]!;
    const y1 = line.y1[i]!;
    left = Math.min(left, x0, x1);
    right = Math.max(right, x0, x1);
    top = Math.min(top, y0, y1);
    bottom = Math.max(bottom, y0, y1);
    const length = Math.sqrt((x1 - x0) * (x1 - x0) + (y1 - y0) * (y1 - y0));
    weight += length;
    xSum += 0.5 * length * (x0 + x1);
    ySum += 0.5 * length * (y0 + y1);
  }
  const reach = BOX - 2 * radius - dice.uniform();
  const scale = reach / Math.max(right - left, bottom - top);
  const shift = (sum: number, low: number, high: number) => {
    const border = MARGIN + 1.3 * radius + SOFTNESS / 2;
    const wanted = SIZE / 2 + 0.4 * dice.bell() - (scale * sum) / weight;
    return Math.min(Math.max(wanted, border - scale * low), SIZE - border - scale * high);
  };
  const dx = shift(xSum, left, right);
  const dy = shift(ySum, top, bottom);
  for (let i = 0; i < line.count; i++) {
    line.x0[i] = line.x0[i]! * scale + dx;
    line.y0[i] = line.y0[i]! * scale + dy;
    line.x1[i] = line.x1[i]! * scale + dx;
    line.y1[i] = line.y1[i]! * scale + dy;
  }
}

/** Inks segment i of `line`: the brightness of a pixel falls with the distance of its centre from the segment. */
function inkSegment(i: number, radius: number, out: Uint8Array): void {
  const x0 = line.x0[i]!;
  const y0 = line.y0[i]!;
  const dx = line.x1[i]! - x0;
  const dy = line.y1[i]! - y0;
  const perLength = 1 / (dx * dx + dy * dy + 1e-9);
  const edge = radius * line.press[i]! + SOFTNESS / 2;
  const left = Math.floor(x0 + Math.min(dx, 0) - edge);
  const right = Math.floor(x0 + Math.max(dx, 0) + edge);
  const top = Math.floor(y0 + Math.min(dy, 0) - edge);
  const bottom = Math.floor(y0 + Math.max(dy, 0) + edge);
  for (let row = top; row <= bottom; row++) {
    const py = row + 0.5 - y0;
    for (let column = left; column <= right; column++) {
      const px = column + 0.5 - x0;
      const t = Math.min(Math.max((px * dx + py * dy) * perLength, 0), 1);
      const ex = px - t * dx;
      const ey = py - t * dy;
      const square = ex * ex + ey * ey;
      if (square >= edge * edge) continue;
      const cover = (edge - Math.sqrt(square)) / SOFTNESS;
      const value = cover >= 1 ? 255 : Math.floor(cover * 255 + 0.5);
      const at = row * SIZE + column;
      if (value > out[at]!) out[at] = value;
    }
  }
}

/**
 * Draws image `index` of the dataset `digits`, a pure function of `index`.
 *
 * @param index integer in [0, 2^53); the labels go 0, 1, .. 9, 0, 1, .. with it
 * @param out uint8, [1, 28, 28], overwritten: 0 is paper, 255 ink
 * @returns the label, 0..9
 * @throws RangeError when `index` is not a safe non-negative integer or `out` is not 784 bytes long
 */
export function drawDigit(index: number, out: Uint8Array): number {
  if (out.length !== PIXELS) {
    throw new RangeError(`a digit was asked for in ${out.length} bytes: expected 28 * 28 = ${PIXELS}`);
  }
  const dice = new Dice(index);
  const label = index % GLYPHS.length;
  const glyph = chooseGlyph(GLYPHS[label]!, dice);
  const hand = chooseHand(dice);
  const radius = Math.max(0.7, 1.24 + 0.3 * dice.bell());
  line.count = 0;
  for (const stroke of glyph.strokes) addStroke(stroke, hand, dice);
  fitToBox(radius, dice);
  out.fill(0);
  for (let i = 0; i < line.count; i++) inkSegment(i, radius, out);
  return label;
}

/** Digits in the dataset. */
export const DIGIT_COUNT = 60_000;
/** SHA-256 of all of them. */
const DIGITS_SHA256 = 'f7da04859dedbe9091873d923560fd007576205e5cd33812aa56e06e6ab7efed';

/**
 * The dataset `digits`, each image of which is drawn when it is first read: training can begin at once.
 *
 * @returns what `openDigits` delivers, without labels
 */
export function digitsOnDemand(): Dataset {
  const images = new Uint8Array(DIGIT_COUNT * PIXELS);
  const drawn = new Uint8Array(DIGIT_COUNT);
  const all = datasetInMemory(
    { name: 'digits', count: DIGIT_COUNT, shape: [1, SIZE, SIZE], sha256: DIGITS_SHA256 },
    images,
  );
  return {
    ...all,
    read(indices, out) {
      for (const index of indices) {
        if (drawn[index] === 1) continue;
        drawDigit(index, images.subarray(index * PIXELS, (index + 1) * PIXELS));
        drawn[index] = 1;
      }
      all.read(indices, out);
    },
  };
}

/**
 * Opens the dataset `digits`: draws all its images, in a few seconds, and keeps them in memory.
 *
 * @param options only `onProgress` is used; the images are always [1, 28, 28], and a wrapper resizes them
 * @param count number of images; those of a smaller dataset are the first of a larger one
 * @returns uint8 images, 0 paper to 255 ink, with labels 0..9, as many of each (but for a remainder of `count`)
 */
export async function openDigits(options: DatasetOptions, count = DIGIT_COUNT): Promise<Dataset> {
  options.onProgress?.(`drawing ${count} digits`);
  const images = new Uint8Array(count * PIXELS);
  const labels = new Uint8Array(count);
  for (let k = 0; k < count; k++) {
    if (k % CHUNK === 0) await otherWork();
    labels[k] = drawDigit(k, images.subarray(k * PIXELS, (k + 1) * PIXELS));
  }
  const sha256 = sha256Hex(images);
  return datasetInMemory({ name: 'digits', count, shape: [1, SIZE, SIZE], sha256 }, images, labels);
}
