/**
 * Where the game of toy data stands, by the exact density of the data: p_g, D beside D*, V(D, G), the Jensen-Shannon
 * divergence, and whether a fresh discriminator tells the two apart.
 */

import { type GanState, initialState, type OptimizerSpec, type PointGanSpec } from '../export/index.js';
import { randomRows } from '../random/index.js';
import type { PointDistribution } from '../train/data/points/distributions.js';
import type { OrtModule } from '../train/ort.js';
import { createPointTrainer } from '../train/point-trainer.js';
import { type Cells, cellCentres, massesOfDensity, massesOfPoints } from './cells.js';
import { latentLattice } from './latent-lattice.js';
import { type NetworkRunner, openNetwork } from './network-runner.js';
import { gameValue, jensenShannon, optimalDiscriminator } from './theory.js';

/** Cells along an axis, and samples of G, by dimension: the JSD of so many draws of p_data itself is under 1e-3. */
const RESOLUTION = [
  { perAxis: 200, samples: 100_000 },
  { perAxis: 40, samples: 250_000 },
] as const;

/** A part of the highest density under which p_data counts as having no mass. */
const HAS_MASS = 0.01;

/** Everything that is known of the game at one moment. */
export interface GameState {
  /** Masses of p_g in each cell. */
  generator: Float64Array;
  /** D and D* in the middle of each cell. */
  discriminator: Float64Array;
  optimal: Float64Array;
  /** Jensen-Shannon divergence of p_data and p_g, in nats. */
  jsd: number;
  /** V(D, G), in nats. */
  value: number;
  /** The largest |D - 1/2| where p_data has mass: at least 1 % of its highest density. */
  deviation: number;
}

const sigmoid = (logit: number): number => 1 / (1 + Math.exp(-logit));

export class PointGame {
  /** Masses of p_data. */
  readonly data: Float64Array;
  private readonly centres: Float32Array;
  private readonly latents: Float32Array;
  private readonly massive: readonly number[];

  private constructor(
    readonly cells: Cells,
    private readonly gan: PointGanSpec,
    private readonly distribution: PointDistribution,
    private readonly networks: Record<'generator' | 'discriminator', NetworkRunner>,
  ) {
    this.data = massesOfDensity(cells, distribution.density);
    this.centres = cellCentres(cells);
    this.latents = latentLattice(gan.latent, this.samples);
    const peak = Math.max(...this.data);
    this.massive = [...this.data.keys()].filter((cell) => this.data[cell]! >= HAS_MASS * peak);
  }

  /** Loads both networks; whoever opens it releases it. */
  static async open(ort: OrtModule, gan: PointGanSpec, distribution: PointDistribution): Promise<PointGame> {
    const { dimension, range } = distribution;
    const cells = { dimension, range, perAxis: RESOLUTION[dimension - 1]!.perAxis };
    return new PointGame(cells, gan, distribution, {
      generator: await openNetwork(ort, gan.generator),
      discriminator: await openNetwork(ort, gan.discriminator),
    });
  }

  /** Points of G that p_g is measured with. */
  get samples(): number {
    return RESOLUTION[this.cells.dimension - 1]!.samples;
  }

  /** What the measure gives for `samples` draws of p_data itself: nothing smaller can be told from 0. */
  floor(seed: number): number {
    const points = this.distribution.sample({ seed, start: 2 ** 40, count: this.samples });
    return jensenShannon(this.data, massesOfPoints(this.cells, points));
  }

  /** G of latents, float32 [n, latent] to [n, dimension]. */
  generate(state: GanState, latents: Float32Array): Promise<Float32Array> {
    return this.networks.generator.run(state, latents);
  }

  /** D in [0, 1] of points, float32 [n, dimension] to [n]. */
  async judge(state: GanState, points: Float32Array): Promise<Float64Array> {
    return Float64Array.from(await this.networks.discriminator.run(state, points), sigmoid);
  }

  async measure(state: GanState): Promise<GameState> {
    const generator = massesOfPoints(this.cells, await this.generate(state, this.latents));
    const discriminator = await this.judge(state, this.centres);
    return {
      generator,
      discriminator,
      optimal: optimalDiscriminator(this.data, generator),
      jsd: jensenShannon(this.data, generator),
      value: gameValue(this.data, generator, discriminator),
      deviation: Math.max(...this.massive.map((cell) => Math.abs(discriminator[cell]! - 0.5))),
    };
  }

  /**
   * How often a discriminator that never saw this generator tells its points from data: one of the same size, freshly
   * initialised and trained against G as it stands, asked about as many unseen points of each.
   *
   * @returns accuracy, 1/2 where it can only guess
   */
  async freshAccuracy(
    state: GanState,
    { seed, steps, batchSize, optimizer, signal }: FreshOptions,
  ): Promise<number> {
    const fresh = initialState(this.gan, optimizer.kind, seed);
    for (const [name, tensor] of state) if (name.startsWith('generator.')) fresh.set(name, tensor);
    const trainer = await createPointTrainer({
      gan: this.gan,
      data: this.distribution,
      optimizer,
      loss: 'nonsaturating',
      order: ['discriminator'],
      batchSize,
      seed,
      start: { state: fresh, step: 0 },
    });
    try {
      await trainer.steps(steps, signal);
      return await this.accuracy(await trainer.readState(), seed);
    } finally {
      await trainer.close();
    }
  }

  /** Accuracy of D on points that no training of this seed has drawn. */
  private async accuracy(state: GanState, seed: number): Promise<number> {
    const [count, start] = [100_000, 2 ** 40];
    const { size: width, distribution } = this.gan.latent;
    const latents = randomRows(distribution, { count, width }, { seed, stream: 'trainingLatents', start });
    const real = await this.judge(state, this.distribution.sample({ seed, start, count }));
    const fake = await this.judge(state, await this.generate(state, latents));
    const right = real.filter((d) => d > 0.5).length + fake.filter((d) => d <= 0.5).length;
    return right / (2 * count);
  }

  async release(): Promise<void> {
    await this.networks.generator.release();
    await this.networks.discriminator.release();
  }
}

export interface FreshOptions {
  seed: number;
  /** Updates of the fresh discriminator. */
  steps: number;
  batchSize: number;
  optimizer: OptimizerSpec;
  /** Ends it early, with the signal's reason. */
  signal?: AbortSignal;
}
