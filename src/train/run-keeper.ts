/**
 * What a run keeps: checkpoints at intervals, the best generator so far, and at the end the last one with a picture of
 * its samples. Checkpoints are written while training goes on.
 */

import { buildGeneratorModel, type GanState } from '../export/index.js';
import { encodePng, Generator, type ImageStack, InvalidModelError, imageGrid } from '../infer/index.js';
import { UserError } from '../system/user-error.js';
import { type GeneratorMeasure, referenceImages, scoreGenerator } from './best-generator.js';
import { configGan, type RunConfig } from './config.js';
import { type AnyDataset, holdsPoints } from './data/dataset.js';
import { pointPicture, samplePoints } from './point-picture.js';
import { type BestScore, encodeRunCheckpoint } from './run-checkpoint.js';
import type { RunDirectory } from './run-directory.js';
import type { Trainer } from './trainer.js';

export interface KeeperOptions {
  config: RunConfig;
  trainer: Trainer;
  dataset: AnyDataset;
  directory: RunDirectory;
  /** Name of the engine, for the checkpoints. */
  engine: string;
  version: string;
  threads?: number;
  /** Checkpoints to keep, at least 1. */
  keep: number;
  /** Judges generators; without it none is called the best. */
  measure?: GeneratorMeasure;
  /** The best generator of the steps before, when the run was resumed. */
  best?: BestScore;
  /** Step of the checkpoint that the run was resumed from. */
  savedStep?: number;
  onScore?: (score: BestScore, isBest: boolean) => void;
}

/** Images in samples.png, and in a row of it. */
const SAMPLES = 100;
const SAMPLE_COLUMNS = 10;

/** Points in samples.png of toy data. */
const POINTS = 2000;

/** Whether all elements are numbers. Written as a sum, for speed: 0 times NaN or infinity is NaN, and stays. */
function allFinite(data: Float32Array | Int32Array): boolean {
  let zero = 0;
  for (let i = 0; i < data.length; i++) zero += data[i]! * 0;
  return zero === 0;
}

/** The one line for training that went to infinity. */
export function diverged(step: number, what: string, directory: RunDirectory): UserError {
  const last = directory.checkpoints.steps()[0];
  const back = last === undefined ? '' : `; its last good checkpoint is that of step ${last}`;
  return new UserError(
    `step ${step}: ${what}, so training has diverged and no generator was written ` +
      `(metrics and images so far are in ${directory.path}${back}): try a smaller --lr`,
  );
}

export class RunKeeper {
  private saving: Promise<void> = Promise.resolve();
  private failure: unknown;
  private savedStep: number | undefined;
  private reference: ImageStack | undefined;
  /** The best generator so far. */
  best: BestScore | undefined;

  constructor(private readonly options: KeeperOptions) {
    this.best = options.best;
    this.savedStep = options.savedStep;
  }

  /** Throws what made the checkpoint in progress fail, once that is known. */
  requireSaved(): void {
    if (this.failure !== undefined) throw this.failure;
  }

  /** Waits for the checkpoint in progress. */
  private async settle(): Promise<void> {
    await this.saving;
    this.requireSaved();
  }

  /** Looks whether the generator is the best so far, and begins to write a checkpoint. */
  async atInterval(): Promise<void> {
    const state = await this.finiteState();
    await this.judge(state);
    await this.save(state);
  }

  /**
   * The end of a run: its checkpoint, generator.onnx, and samples.png drawn by that very file.
   *
   * @param interrupted whether it ends early: only the steps that an uninterrupted run would judge are judged
   */
  async finish(interrupted: boolean): Promise<void> {
    const state = await this.finiteState();
    if (!interrupted) await this.judge(state);
    await this.save(state);
    await this.settle();
    await this.exportGenerator(state);
  }

  /** The state as it stands. The losses of a step are from before its update: the last update shows only here. */
  private async finiteState(): Promise<GanState> {
    const { trainer, directory } = this.options;
    const state = await trainer.readState();
    for (const [name, { data }] of state) {
      if (allFinite(data)) continue;
      throw diverged(trainer.done, `${name} is not finite`, directory);
    }
    return state;
  }

  private model(state: GanState): Uint8Array {
    const { config, trainer, version } = this.options;
    return buildGeneratorModel(configGan(config), state, {
      dataset: config.dataset,
      step: trainer.done,
      version,
    });
  }

  private get load(): { threads?: number } {
    const { threads } = this.options;
    return threads === undefined ? {} : { threads };
  }

  private async judge(state: GanState): Promise<void> {
    const { measure, config, dataset, directory, trainer, onScore } = this.options;
    const gan = configGan(config);
    // Measures are of images.
    if (measure === undefined || 'points' in gan || holdsPoints(dataset)) return;
    if (trainer.done === this.savedStep) return;
    this.reference ??= referenceImages(dataset, config.seed, gan);
    const { seed } = config;
    const model = this.model(state);
    const score = await this.asDivergence(
      scoreGenerator(model, this.reference, { measure, seed, load: this.load }),
    );
    const found = { score, step: trainer.done };
    const isBest = this.best === undefined || score < this.best.score;
    if (isBest) {
      directory.write('best', model);
      this.best = found;
    }
    onScore?.(found, isBest);
  }

  private async save(state: GanState): Promise<void> {
    await this.settle();
    const { config, trainer, dataset, directory, engine, version, keep } = this.options;
    const step = trainer.done;
    if (step === this.savedStep) return;
    this.savedStep = step;
    const { batchesPerStep, batchesPerEpoch } = trainer.length;
    const batch = step * batchesPerStep;
    const files = encodeRunCheckpoint({
      step,
      state,
      record: {
        config,
        data: dataset.description.sha256,
        epoch: Math.floor(batch / batchesPerEpoch),
        batch,
        engine,
        version,
        ...(this.best === undefined ? {} : { best: this.best }),
      },
    });
    this.saving = directory.saveCheckpoint(step, files, keep).catch((error: unknown) => {
      this.failure = error;
    });
  }

  private async exportGenerator(state: GanState): Promise<void> {
    const { config, directory, dataset } = this.options;
    const bytes = this.model(state);
    const gan = configGan(config);
    if ('points' in gan && holdsPoints(dataset)) {
      const points = await samplePoints(bytes, gan, { count: POINTS, seed: config.seed });
      directory.write('generator', bytes);
      directory.write('samples', await encodePng(pointPicture(points, dataset.points)));
      return;
    }
    const generator = await Generator.load(bytes, this.load);
    try {
      const samples = await this.asDivergence(generator.sample({ count: SAMPLES, seed: config.seed }));
      directory.write('generator', bytes);
      directory.write('samples', await encodePng(imageGrid(samples, { columns: SAMPLE_COLUMNS })));
    } finally {
      await generator.release();
    }
  }

  /** A generator that draws no numbers has diverged. */
  private async asDivergence<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      const { trainer, directory } = this.options;
      if (error instanceof InvalidModelError) throw diverged(trainer.done, error.message, directory);
      throw error;
    }
  }
}
