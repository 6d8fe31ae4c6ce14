/** Pictures of toy data: what G makes, over the exact density of the data. */

import type { PointGanSpec } from '../export/index.js';
import { sampleLatents } from '../infer/latents.js';
import { type Picture, toByte } from '../infer/pixels.js';
import type { PointDistribution } from './data/points/distributions.js';
import { ORT_NODE } from './ort-node.js';

/** Width and height in pixels. */
const SIZE = 256;
/** Columns of pixels that one bar of a histogram takes. */
const BAR = 4;
/** How much of the height the highest density of the data takes. */
const PEAK = 0.75;
/** Grey of the densest place of the data in the plane. */
const DENSEST = 150;

const BLUE = [30, 90, 200] as const;
const LIGHT_BLUE = [165, 195, 240] as const;
const BLACK = [0, 0, 0] as const;

class Canvas implements Picture {
  readonly width = SIZE;
  readonly height = SIZE;
  readonly channels = 3;
  readonly data = new Uint8Array(SIZE * SIZE * 3).fill(255);

  /** Whatever lies outside is left out. */
  set(x: number, y: number, colour: readonly number[]): void {
    if (x >= 0 && x < SIZE && y >= 0 && y < SIZE) this.data.set(colour, (y * SIZE + x) * 3);
  }
}

/** Coordinates of the middle of a pixel, and back. */
function axis([low, high]: readonly [number, number]) {
  const width = (high - low) / SIZE;
  return {
    middle: (pixel: number): number => low + (pixel + 0.5) * width,
    pixel: (x: number): number => Math.floor((x - low) / width),
    width,
  };
}

/** A histogram of the points, and p_data as a line. */
function drawLine(points: Float32Array, { range, density }: PointDistribution): Picture {
  const canvas = new Canvas();
  const { middle, pixel, width } = axis(range);
  const curve = Array.from({ length: SIZE }, (_, x) => density([middle(x)]));
  const scale = (PEAK * SIZE) / Math.max(...curve);
  const bars = new Float64Array(SIZE / BAR);
  for (const x of points) {
    const bar = Math.floor(pixel(x) / BAR);
    if (bar >= 0 && bar < bars.length) bars[bar]! += 1 / (points.length * BAR * width);
  }
  const row = (height: number): number => SIZE - 1 - Math.round(height * scale);
  for (let x = 0; x < SIZE; x++) {
    for (let y = row(bars[Math.floor(x / BAR)]!); y < SIZE; y++) canvas.set(x, y, LIGHT_BLUE);
    // From one column's height to the next, so that the line has no gaps.
    const [from, to] = [row(curve[x]!), row(curve[Math.max(0, x - 1)]!)];
    for (let y = Math.min(from, to); y <= Math.max(from, to); y++) canvas.set(x, y, BLACK);
  }
  return canvas;
}

/** The points over p_data in grey. */
function drawPlane(points: Float32Array, { range, density }: PointDistribution): Picture {
  const canvas = new Canvas();
  const { middle, pixel } = axis(range);
  const densities = Array.from({ length: SIZE * SIZE }, (_, i) =>
    density([middle(i % SIZE), middle(SIZE - 1 - Math.floor(i / SIZE))]),
  );
  const peak = densities.reduce((a, b) => Math.max(a, b), 0);
  for (const [i, p] of densities.entries()) {
    const grey = 255 - toByte((p / peak) * (DENSEST / 255), 0, 1);
    canvas.set(i % SIZE, Math.floor(i / SIZE), [grey, grey, grey]);
  }
  for (let i = 0; i < points.length; i += 2) {
    const [x, y] = [pixel(points[i]!), SIZE - 1 - pixel(points[i + 1]!)];
    for (const [dx, dy] of [
      [0, 0],
      [1, 0],
      [0, 1],
      [1, 1],
    ] as const)
      canvas.set(x + dx, y + dy, BLUE);
  }
  return canvas;
}

/** A picture of points of G, float32 [n, dimension]: 256 x 256 pixels of colour. */
export function pointPicture(points: Float32Array, distribution: PointDistribution): Picture {
  return distribution.dimension === 1 ? drawLine(points, distribution) : drawPlane(points, distribution);
}

/** The points that a generator file makes of the first latents of a seed, float32 [count, dimension]. */
export async function samplePoints(
  model: Uint8Array,
  { latent }: PointGanSpec,
  { count, seed }: { count: number; seed: number },
): Promise<Float32Array> {
  const session = await ORT_NODE.InferenceSession.create(model, { intraOpNumThreads: 1 });
  try {
    const z = new ORT_NODE.Tensor('float32', sampleLatents(latent, { count, seed }), [count, latent.size]);
    return (await session.run({ z })).points!.data as Float32Array;
  } finally {
    await session.release();
  }
}
