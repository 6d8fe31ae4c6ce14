/**
 * What a run keeps: checkpoints at intervals, the best generator so far, and at the end the last one and the average, each
 * with a picture of its samples. Checkpoints are written while training goes on.
 */

import { buildGeneratorModel, type GanState } from '../export/index.js';
import { encodePng, Generator, type ImageStack, InvalidModelError, imageGrid } from '../infer/index.js';
import { type GeneratorMeasure, referenceImages, samplesToCompare } from './best-generator.js';
import { configGan, type RunConfig } from './config.js';
import { type AnyDataset, holdsPoints } from './data/dataset.js';
import { type Divergence, diverged } from './divergence.js';
import { GeneratorEma, isAveraged } from './ema.js';
import { pointPicture, samplePoints } from './point-picture.js';
import { type BestScore, encodeRunCheckpoint } from './run-checkpoint.js';
import type { GeneratorFiles, RunDirectory } from './run-directory.js';
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
  /** The averaged generator of the steps before. */
  ema?: GanState;
  /** Step of the checkpoint that the run was resumed from. */
  savedStep?: number;
  /** How often the run has returned to a checkpoint. */
  rollbacks?: number;
  onScore?: (score: BestScore, isBest: boolean) => void;
  /** Sees the samples that are compared, with as many real images, after so many steps. */
  onSamples?: (step: number, samples: ImageStack, real: ImageStack) => void;
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

export class RunKeeper {
  private saving: Promise<void> = Promise.resolve();
  private failure: unknown;
  private savedStep: number | undefined;
  private reference: ImageStack | undefined;
  private readonly ema: GeneratorEma | undefined;
  /** The best generator so far. */
  best: BestScore | undefined;

  constructor(private readonly options: KeeperOptions) {
    const { config, ema } = options;
    if (isAveraged(config)) this.ema = new GeneratorEma(configGan(config).generator, config.emaDecay!, ema);
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

  /** Waits for the checkpoint in progress, and says whether it was written. */
  async isSettled(): Promise<boolean> {
    await this.saving;
    return this.failure === undefined;
  }

  /** Writes the checkpoint of the point that training starts from. */
  async saveStart(): Promise<void> {
    await this.save(await this.finiteState());
    await this.settle();
  }

  /** Takes the generator as it stands into the average, every EMA_INTERVAL steps. */
  async average(): Promise<void> {
    const { trainer } = this.options;
    this.ema?.add(trainer.done, await trainer.readState());
  }

  /** Looks whether the generator is the best so far, and begins to write a checkpoint. */
  async atInterval(): Promise<void> {
    const state = await this.finiteState();
    await this.judge(state);
    await this.save(state);
  }

  /**
   * The end of a run: its checkpoint, generator.onnx, and samples.png drawn by that very file; and the same of the average.
   *
   * @param interrupted whether it ends early: only the steps that an uninterrupted run would judge are judged
   */
  async finish(interrupted: boolean): Promise<void> {
    const state = await this.finiteState();
    if (!interrupted) await this.judge(state);
    await this.save(state);
    await this.settle();
    await this.exportGenerator(state, { generator: 'generator', samples: 'samples' });
    const average = { generator: 'ema', samples: 'emaSamples' } as const;
    // A run that was too short to average anything has its last generator in the place of an average.
    if (this.ema !== undefined) await this.exportGenerator(this.ema.state ?? state, average);
    else this.options.directory.removeGenerator(average);
  }

  /** The state as it stands. The losses of a step are from before its update: the last update shows only here. */
  private async finiteState(): Promise<GanState> {
    const { trainer } = this.options;
    const state = await trainer.readState();
    for (const [name, { data }] of state) {
      if (!allFinite(data)) throw this.diverged(trainer.done, `${name} is not finite`);
    }
    return state;
  }

  /** The error of a step in which `what` was seen. */
  diverged(step: number, what: string): Divergence {
    const { directory, rollbacks = 0 } = this.options;
    const { path, checkpoints } = directory;
    return diverged(step, what, { path, lastGood: checkpoints.steps()[0], rollbacks });
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
    const { measure, config, dataset, directory, trainer, onScore, onSamples } = this.options;
    const gan = configGan(config);
    // Measures are of images.
    if ('points' in gan || holdsPoints(dataset) || trainer.done === this.savedStep) return;
    this.reference ??= referenceImages(dataset, config.seed, gan);
    const model = this.model(state);
    const samples = await this.asDivergence(
      samplesToCompare(model, { count: this.reference.count, seed: config.seed, load: this.load }),
    );
    onSamples?.(trainer.done, samples, this.reference);
    if (measure === undefined) return;
    const found = { score: measure(samples, this.reference), step: trainer.done };
    const isBest = this.best === undefined || found.score < this.best.score;
    if (isBest) {
      directory.write('best', model);
      this.best = found;
    }
    onScore?.(found, isBest);
  }

  private async save(state: GanState): Promise<void> {
    await this.settle();
    const { config, trainer, dataset, directory, engine, version, keep, rollbacks = 0 } = this.options;
    const step = trainer.done;
    if (step === this.savedStep) return;
    this.savedStep = step;
    const { batchesPerStep, batchesPerEpoch } = trainer.length;
    const batch = step * batchesPerStep;
    const files = encodeRunCheckpoint({
      step,
      state,
      ...(this.ema?.state === undefined ? {} : { ema: this.ema.state }),
      record: {
        config,
        data: dataset.description.sha256,
        epoch: Math.floor(batch / batchesPerEpoch),
        batch,
        engine,
        version,
        ...(this.best === undefined ? {} : { best: this.best }),
        ...(rollbacks === 0 ? {} : { rollbacks }),
      },
    });
    this.saving = directory.saveCheckpoint(step, files, keep).catch((error: unknown) => {
      this.failure = error;
    });
  }

  private async exportGenerator(state: GanState, names: GeneratorFiles): Promise<void> {
    const { config, directory, dataset } = this.options;
    const bytes = this.model(state);
    const gan = configGan(config);
    if ('points' in gan && holdsPoints(dataset)) {
      const points = await samplePoints(bytes, gan, { count: POINTS, seed: config.seed });
      directory.write(names.generator, bytes);
      directory.write(names.samples, await encodePng(pointPicture(points, dataset.points)));
      return;
    }
    const generator = await Generator.load(bytes, this.load);
    try {
      const samples = await this.asDivergence(generator.sample({ count: SAMPLES, seed: config.seed }));
      directory.write(names.generator, bytes);
      directory.write(names.samples, await encodePng(imageGrid(samples, { columns: SAMPLE_COLUMNS })));
    } finally {
      await generator.release();
    }
  }

  /** A generator that draws no numbers has diverged. */
  private async asDivergence<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      if (error instanceof InvalidModelError)
        throw this.diverged(this.options.trainer.done, `generator.onnx: ${error.message}`);
      throw error;
    }
  }
}
