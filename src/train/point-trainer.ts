/**
 * The adversarial loop on toy data: every batch is a fresh draw of the exact distribution, so there are no epochs. The step
 * graphs and their engine are those of images.
 */

import {
  buildStepGraph,
  type GanState,
  type GeneratorLoss,
  initialState,
  type OptimizerSpec,
  type PointGanSpec,
  type StepGraphName,
  sampleShape,
} from '../export/index.js';
import type { PointDistribution } from './data/points/distributions.js';
import type { StepInputs } from './engine.js';
import { drawNoise } from './feed.js';
import { createLoopEngine, type StepMetrics } from './loop-engine.js';
import { ORT_NODE } from './ort-node.js';
import type { TrainingPoint } from './trainer.js';

export interface PointTrainerOptions {
  gan: PointGanSpec;
  /** What the points are drawn from; as many coordinates as the networks take. */
  data: PointDistribution;
  optimizer: OptimizerSpec;
  loss: GeneratorLoss;
  /** The step graphs of one step, in the order in which they run. `['discriminator']` trains D against a G that stays. */
  order: readonly StepGraphName[];
  batchSize: number;
  /** The same seed gives the same run. */
  seed: number;
  /** Where to start from; freshly initialised networks by default. */
  start?: TrainingPoint;
  /** Threads inside an operator: 1 by default, for networks this small are not faster with more. */
  threads?: number;
}

export interface PointTrainer {
  /** Steps done, those before its start too: they decide what is drawn. */
  readonly done: number;
  /**
   * Runs the next `count` steps; metrics of each.
   *
   * @param signal ends them early, with the signal's reason
   */
  steps(count: number, signal?: AbortSignal): Promise<StepMetrics[]>;
  /** A copy of the state as it stands. */
  readState(): Promise<GanState>;
  close(): Promise<void>;
}

/** The most steps in one call of ONNX Runtime. */
const STEPS_PER_CALL = 50;

/**
 * @throws RangeError when data and networks differ in the number of coordinates
 */
export async function createPointTrainer(given: PointTrainerOptions): Promise<PointTrainer> {
  const { gan, data, optimizer, loss, order, batchSize, seed, threads = 1 } = given;
  if (data.dimension !== gan.points) {
    throw new RangeError(`points of ${data.dimension} coordinates, but networks for ${gan.points}`);
  }
  const options = { gan, optimizer, generatorLoss: loss };
  const graphs = [...new Set(order)].map((name) => buildStepGraph(name, options));
  const byName = new Map(graphs.map((graph) => [graph.name, graph]));
  const { state, step: before } = given.start ?? { state: initialState(gan, optimizer.kind, seed), step: 0 };
  const engine = await createLoopEngine({
    ort: ORT_NODE,
    graphs,
    order,
    options,
    state,
    image: sampleShape(gan),
    threads,
  });
  let done = before;

  /** The inputs of all runs of a step, from the seed and the step alone. */
  const draw = (step: number): StepInputs[] =>
    order.map((name, i) => {
      const { noise: specs, takesBatch } = byName.get(name)!;
      const run = step * order.length + i;
      const noise = drawNoise(specs, { run, batchSize, size: batchSize, seed });
      if (!takesBatch) return { batchSize, noise };
      return { batchSize, noise, real: data.sample({ seed, start: run * batchSize, count: batchSize }) };
    });

  return {
    get done() {
      return done;
    },
    async steps(count, signal) {
      const metrics: StepMetrics[] = [];
      while (metrics.length < count) {
        signal?.throwIfAborted();
        const some = Math.min(STEPS_PER_CALL, count - metrics.length);
        metrics.push(...(await engine.runMany(Array.from({ length: some }, (_, i) => draw(done + i)))));
        done += some;
      }
      return metrics;
    },
    // What no run of this order reads is as it was.
    readState: async () => new Map([...state, ...(await engine.readState())]),
    close: () => engine.close(),
  };
}
