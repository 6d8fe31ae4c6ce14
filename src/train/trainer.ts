/** The adversarial loop: one step is what the schedule says, run by the engine on freshly drawn batches and latents. */

import {
  type AnyGanSpec,
  buildStepGraph,
  type GanState,
  type GraphTarget,
  initialState,
  type Metric,
  type NetworkName,
  type StepGraph,
  type StepGraphName,
  type StepGraphOptions,
  sampleShape,
  startsFromMeanImage,
  stepName,
  withFreshMoments,
} from '../export/index.js';
import {
  configGan,
  type RunConfig,
  type RunLength,
  runLength,
  validateBatches,
  validateConfig,
} from './config.js';
import { type AnyDataset, holdsPoints } from './data/dataset.js';
import { meanImage } from './data/mean-image.js';
import type { Engine, StepInputs, Wants } from './engine.js';
import { batchReader, drawNoise, pointReader, type TakeShare, takeAll } from './feed.js';
import { UPDATE_SCHEDULES } from './update-schedules.js';

/** What an engine is made from. */
export interface EngineRequest {
  /** Networks, loss and optimiser. */
  options: StepGraphOptions;
  /** The step graphs of the run, authored from them. */
  graphs: readonly StepGraph[];
  /** Those of one whole step, in the order in which they run. */
  order: readonly StepGraphName[];
  state: GanState;
  /** Shape of one sample: [channels, height, width], or [coordinates] of a point. */
  image: readonly number[];
}

/** Makes an engine that starts from a state. */
export type EngineFactory = (request: EngineRequest) => Promise<Engine>;

/** Where training stands: everything else follows from the configuration and the seed. */
export interface TrainingPoint {
  /** Steps done. */
  step: number;
  /** The state after them. Where it has no moments, the optimiser begins again with none. */
  state: GanState;
}

export interface TrainerOptions {
  config: RunConfig;
  dataset: AnyDataset;
  engine: EngineFactory;
  /** Version of gan-onnx, written into the step graphs. */
  version?: string;
  /** Where to start from; freshly initialised networks by default. */
  start?: TrainingPoint;
  /** Which latents and masks are drawn; 0 by default. */
  noiseStream?: number;
  /** What the engine wants step graphs authored for; the CPU by default. */
  target?: GraphTarget;
  /** Which samples of a batch the engine is given, where several processes share it; all by default. */
  share?: TakeShare;
}

export interface StepReport {
  /** Number of this step, from 0: gan.py's batches_done for schedule `joint`. */
  step: number;
  /** Number of the epoch in which the step began, from 0. */
  epoch: number;
  /**
   * Losses, and the means of D(x) and D(G(z)) in the last update of D; each from before its network's update. Absent
   * when they were not asked for.
   */
  metrics?: Record<Metric, number>;
  /** G's batch from before its update, float32 [batch, C, H, W] in [-1, 1] or points [batch, D]; when asked for. */
  generated?: Float32Array;
}

export interface Trainer {
  readonly length: RunLength;
  readonly graphs: readonly StepGraph[];
  /** Steps done. */
  readonly done: number;
  /** Runs the next step. */
  step(wants?: Wants): Promise<StepReport>;
  /**
   * Runs the next steps in one call, where the engine can: at most `most`, fewer when the batch size changes or their
   * inputs would take more than 64 MiB, and one where it cannot. Losses are brought of each; the pictures of none.
   */
  steps(most: number): Promise<StepReport[]>;
  /** A copy of the state as it stands. */
  readState(): Promise<GanState>;
  close(): Promise<void>;
}

/**
 * @throws UserError when the configuration does not fit itself or the dataset
 */
export async function createTrainer({
  config,
  dataset,
  engine,
  version,
  start,
  noiseStream = 0,
  target,
  share = takeAll,
}: TrainerOptions): Promise<Trainer> {
  validateConfig(config);
  const { count } = dataset.description;
  validateBatches(config, count);

  const gan = configGan(config);
  const { optimizer, batchSize, seed } = config;
  const order = UPDATE_SCHEDULES[config.schedule](config.k);
  const state = startingState(gan, config, start?.state, dataset);
  const options: StepGraphOptions = {
    gan,
    optimizer,
    ...generatorObjective(config),
    updatesBefore: forgottenUpdates(config, start?.step ?? 0, state),
    ...(version === undefined ? {} : { version }),
    ...(target === undefined ? {} : { target }),
  };
  const graphs = [...new Set(order)].map((name) => buildStepGraph(name, options));
  const byName = new Map(graphs.map((graph) => [graph.name, graph]));
  const length = runLength(config, count);
  const nextBatch = holdsPoints(dataset)
    ? pointReader(dataset.points, batchSize, seed, share)
    : batchReader(dataset, batchSize, seed, share);
  const running = await engine({ options, graphs, order, image: sampleShape(gan), state });
  let step = start?.step ?? 0;

  /** What the host feeds to each run of a step; drawn from the seed and the step alone. */
  const draw = (at: number): StepInputs[] => {
    let batch = at * length.batchesPerStep;
    return order.map((name, i) => {
      const { noise: specs, takesBatch } = byName.get(name)!;
      const real = takesBatch ? nextBatch(batch++) : undefined;
      const size = real?.size ?? Math.min(batchSize, count);
      const { first, count: own } = real?.share ?? share(size);
      const noise = drawNoise(specs, {
        run: at * order.length + i,
        batchSize,
        size: own,
        first,
        seed,
        noiseStream,
      });
      return { batchSize: own, whole: { size, first }, noise, ...(real ? { real: real.samples } : {}) };
    });
  };
  const epochOf = (at: number): number => Math.floor((at * length.batchesPerStep) / length.batchesPerEpoch);

  const single = async ({ generated, metrics: wantsMetrics = true }: Wants): Promise<StepReport> => {
    const report: StepReport = { step, epoch: epochOf(step) };
    const metrics = {} as Record<Metric, number>;
    const inputs = draw(step);
    for (const [i, name] of order.entries()) {
      // D's own graphs also make images; the ones to show are those that G is judged by.
      const wants = { generated: generated && name !== 'discriminator', metrics: wantsMetrics };
      const result = await running.run(name, inputs[i]!, wants);
      Object.assign(metrics, result.metrics);
      if (result.generated !== undefined) report.generated = result.generated;
    }
    step += 1;
    if (wantsMetrics) report.metrics = metrics;
    return report;
  };

  return {
    length,
    graphs,
    get done() {
      return step;
    },
    step: (wants = { generated: false }) => single(wants),
    async steps(most) {
      if (running.runMany === undefined || most === 1) return [await single({ generated: false })];
      const drawn = [draw(step)];
      const sizes = (inputs: readonly StepInputs[]) => inputs.map((input) => input.batchSize).join();
      // At the end of an epoch the batches of a step may differ, which one call cannot have.
      if (new Set(drawn[0]!.map(({ batchSize: size }) => size)).size > 1)
        return [await single({ generated: false })];
      const affordable = Math.max(1, Math.floor(CALL_BYTES / bytesOf(drawn[0]!)));
      while (drawn.length < Math.min(most, affordable)) {
        const next = draw(step + drawn.length);
        if (sizes(next) !== sizes(drawn[0]!)) break;
        drawn.push(next);
      }
      const results = await running.runMany(drawn);
      const first = step;
      step += results.length;
      return results.map((metrics, i) => ({
        step: first + i,
        epoch: epochOf(first + i),
        metrics: metrics as Record<Metric, number>,
      }));
    },
    readState: () => running.readState(),
    close: () => running.close(),
  };
}

/** What the inputs of one call may take. */
const CALL_BYTES = 64 * 2 ** 20;

function bytesOf(inputs: readonly StepInputs[]): number {
  const arrays = inputs.flatMap(({ noise, real }) => [...Object.values(noise), ...(real ? [real] : [])]);
  return arrays.reduce((sum, { byteLength }) => sum + byteLength, 0);
}

/** What G minimises, as step graphs are told. */
export function generatorObjective({
  loss: generatorLoss,
  lossSwitchStep,
}: RunConfig): Pick<StepGraphOptions, 'generatorLoss' | 'lossSwitchStep'> {
  return lossSwitchStep === undefined ? { generatorLoss } : { generatorLoss, lossSwitchStep };
}

/**
 * The state that training begins with: the given one, its optimisers begun anew where it has no moments; else fresh
 * networks, of which some begin from the mean of the training images.
 */
export function startingState(
  gan: AnyGanSpec,
  { optimizer, seed }: RunConfig,
  state?: GanState,
  dataset?: AnyDataset,
): GanState {
  if (state === undefined) {
    const mean =
      dataset !== undefined && !holdsPoints(dataset) && startsFromMeanImage(gan)
        ? meanImage(dataset)
        : undefined;
    return initialState(gan, optimizer.kind, seed, mean);
  }
  return withFreshMoments(gan.discriminator, optimizer, withFreshMoments(gan.generator, optimizer, state));
}

/** Updates that the networks had in `steps` steps before their optimisers began to count. */
export function forgottenUpdates(
  { schedule, k }: RunConfig,
  steps: number,
  state: GanState,
): Record<NetworkName, number> {
  const order = UPDATE_SCHEDULES[schedule](k);
  const forgotten = (network: NetworkName): number => {
    const perStep = order.filter((graph) => graph === network || graph === 'joint').length;
    return perStep * steps - state.get(stepName(network))!.data[0]!;
  };
  return { generator: forgotten('generator'), discriminator: forgotten('discriminator') };
}
