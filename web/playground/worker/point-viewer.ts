/** Looks at the game of toy data, whose density is known: p_data, p_g, D and D*, and where G takes its latents. */

import {
  type Cells,
  cellCentres,
  cellWidth,
  massesOfDensity,
  massesOfPoints,
} from '../../../src/evaluate/cells.js';
import { latentLattice } from '../../../src/evaluate/latent-lattice.js';
import { openGenerator, openNetwork } from '../../../src/evaluate/network-runner.js';
import { jensenShannon, optimalDiscriminator } from '../../../src/evaluate/theory.js';
import type { GanState, PointGanSpec } from '../../../src/export/index.js';
import { sampleLatents } from '../../../src/infer/latents.js';
import { quantile } from '../../../src/random/index.js';
import type { PointDistribution } from '../../../src/train/data/points/distributions.js';
import type { Drawing, Look } from '../protocol.js';
import type { WebOrt } from './device.js';
import type { Viewer } from './viewer.js';

/** Cells along an axis, and points of G that p_g is measured with, by dimension. */
const RESOLUTION = { 1: { perAxis: 160, samples: 16_000 }, 2: { perAxis: 40, samples: 40_000 } } as const;
/** Arrows from z to x. */
const ARROWS = 41;
/** Lines of the grid of latents along each axis, and points of a line. */
const LINES = 15;
const LINE_POINTS = 45;
/** Points of the data that are shown. */
const SHOWN = 400;
/** Number of the first of them: no run gets that far. */
const UNSEEN = 2 ** 40;
/** Latents of more components than these make no lattice. */
const MAX_LATTICE = 2;

const sigmoid = (logit: number): number => 1 / (1 + Math.exp(-logit));

/** `n` quantiles of the latents' distribution, in equal steps of probability. */
function quantiles({ latent: { distribution } }: PointGanSpec, n: number): number[] {
  return Array.from({ length: n }, (_, i) => quantile(distribution, (i + 0.5) / n));
}

/** Latents of which only the first components are set. */
function latentsOf({ latent: { size } }: PointGanSpec, rows: readonly (readonly number[])[]): Float32Array {
  const latents = new Float32Array(rows.length * size);
  for (const [i, row] of rows.entries()) latents.set(row.slice(0, size), i * size);
  return latents;
}

/** Latents along the lines of a grid, first those along one axis; where there is one axis, one line. */
function gridLatents(gan: PointGanSpec): { latents: Float32Array; lines: number } {
  const along = quantiles(gan, LINE_POINTS);
  if (gan.latent.size === 1)
    return {
      latents: latentsOf(
        gan,
        along.map((z) => [z]),
      ),
      lines: 1,
    };
  const across = quantiles(gan, LINES);
  const rows = [
    ...across.flatMap((fixed) => along.map((z) => [z, fixed])),
    ...across.flatMap((fixed) => along.map((z) => [fixed, z])),
  ];
  return { latents: latentsOf(gan, rows), lines: 2 * LINES };
}

/** Latents that p_g is measured with. */
function measuringLatents(gan: PointGanSpec, count: number): Float32Array {
  return gan.latent.size <= MAX_LATTICE
    ? latentLattice(gan.latent, count)
    : sampleLatents(gan.latent, { count, seed: 0 });
}

export async function openPointViewer(
  ort: WebOrt,
  gan: PointGanSpec,
  points: PointDistribution,
  seed: number,
): Promise<Viewer> {
  const generator = await openGenerator(ort, gan);
  const discriminator = await openNetwork(ort, gan.discriminator);
  const dimension = points.dimension as 1 | 2;
  const { perAxis, samples } = RESOLUTION[dimension];
  const cells: Cells = { dimension, range: points.range, perAxis };
  const centres = cellCentres(cells);
  const masses = massesOfDensity(cells, points.density);
  const volume = cellWidth(cells) ** dimension;
  const measuring = measuringLatents(gan, samples);
  const shown = points.sample({ seed, start: UNSEEN, count: SHOWN });
  const arrows = quantiles(gan, ARROWS);
  const grid = gridLatents(gan);

  const measure = async (state: GanState) => {
    const generated = massesOfPoints(cells, await generator.run(state, measuring));
    return {
      generated,
      discriminator: (await discriminator.run(state, centres)).map(sigmoid),
      optimal: Float32Array.from(optimalDiscriminator(masses, generated)),
      divergence: Math.max(0, jensenShannon(masses, generated)),
    };
  };

  const line = async (state: GanState): Promise<Omit<Look & { kind: 'line' }, 'step'>> => {
    const { generated, ...found } = await measure(state);
    const ends = await generator.run(
      state,
      latentsOf(
        gan,
        arrows.map((z) => [z]),
      ),
    );
    return {
      kind: 'line',
      x: centres.slice(),
      dataDensity: Float32Array.from(centres, (x) => points.density([x])),
      generatorDensity: Float32Array.from(generated, (mass) => mass / volume),
      arrows: Float32Array.from(arrows.flatMap((z, i) => [z, ends[i]!])),
      ...found,
    };
  };

  const plane = async (state: GanState): Promise<Omit<Look & { kind: 'plane' }, 'step'>> => {
    const { generated: _, discriminator: d, optimal, divergence } = await measure(state);
    const latents = sampleLatents(gan.latent, { count: SHOWN, seed });
    return {
      kind: 'plane',
      range: points.range,
      cells: perAxis,
      // Cells have their last coordinate, y, run fastest.
      discriminator: transposed(d, perAxis),
      optimal: transposed(optimal, perAxis),
      data: shown.slice(),
      generated: await generator.run(state, latents),
      manifold: await generator.run(state, grid.latents),
      manifoldLines: grid.lines,
      divergence,
    };
  };

  return {
    look: async (step, state) => ({ step, ...(await (dimension === 1 ? line : plane)(state)) }),
    generate: (state, latents) => generator.run(state, latents),
    async explore(state, latents): Promise<Drawing> {
      const made = await generator.run(state, latents);
      return { kind: 'points', count: made.length / dimension, dimension, points: made };
    },
    async release() {
      await generator.release();
      await discriminator.release();
    },
  };
}

/** A square matrix with rows and columns exchanged. */
function transposed(values: Float32Array, side: number): Float32Array {
  return values.map((_, i) => values[(i % side) * side + Math.floor(i / side)]!);
}
