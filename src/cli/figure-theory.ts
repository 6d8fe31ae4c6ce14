/** `gan-onnx figure theory`: the 2014 paper's section 4 held against a training on toy data. */

import { Command } from 'commander';
import { cellCentres, cellWidth } from '../evaluate/cells.js';
import { PointGame } from '../evaluate/point-game.js';
import { FINAL_VALUE } from '../evaluate/theory.js';
import { outputTarget } from '../infer/writers/target.js';
import { randomRows } from '../random/index.js';
import { writeFileAtomically } from '../system/files.js';
import { POINT_DISTRIBUTIONS, type PointDistributionName } from '../train/data/points/distributions.js';
import { ORT_NODE } from '../train/ort-node.js';
import { pointNetworks, trainOnPoints } from '../train/point-run.js';
import { chartSvg } from '../train/report/chart-svg.js';
import type { TrainingPoint } from '../train/trainer.js';
import { type TheoryCourse, type TheoryMoment, theoryChart } from './chart-theory.js';
import { choiceOption } from './config-flags.js';
import { byEnding } from './draw-picture.js';
import { modelTarget, toyOptions, writeGenerator } from './figure-toy.js';
import { interruptible } from './interrupt.js';
import { createProgress } from './progress.js';

interface TheoryFlags {
  data: PointDistributionName;
  seed: number;
  steps: number;
  out: string;
  generator?: string;
  force?: boolean;
}

/** Measurements over a training, close together at its beginning. */
const LOOKS = 40;
/** Moments that are drawn, as parts of the training, by dimension. */
const DRAWN = { 1: [0.02, 0.15, 1], 2: [0.05, 1] } as const;
const SAMPLES = 500;

/** Numbers of steps from 0 to `steps`, growing with the square. */
function looksAt(steps: number, drawn: readonly number[]): number[] {
  const looks = Array.from({ length: LOOKS + 1 }, (_, i) => Math.round(steps * (i / LOOKS) ** 2));
  return [...new Set([...looks, ...drawn])].sort((a, b) => a - b);
}

/** Samples of G to show, float32 [SAMPLES, dimension]. */
function samplesOf(
  game: PointGame,
  { state }: TrainingPoint,
  seed: number,
  dimension: number,
): Promise<Float32Array> {
  const draw = { seed, stream: 'sampleLatents', start: 0 } as const;
  return game.generate(state, randomRows({ kind: 'normal' }, { count: SAMPLES, width: dimension }, draw));
}

async function momentOf(game: PointGame, point: TrainingPoint, seed: number): Promise<TheoryMoment> {
  const { generator, discriminator, optimal } = await game.measure(point.state);
  const { dimension } = game.cells;
  const centres = cellCentres(game.cells);
  const density = 1 / cellWidth(game.cells) ** dimension;
  const cells = Array.from(game.data, (mass, cell) => ({
    x: centres[cell * dimension]!,
    ...(dimension === 2 ? { y: centres[cell * dimension + 1]! } : {}),
    data: mass * density,
    generator: generator[cell]! * density,
    discriminator: discriminator[cell]!,
    optimal: optimal[cell]!,
  }));
  const points = dimension === 2 ? await samplesOf(game, point, seed, dimension) : new Float32Array(0);
  const samples = Array.from({ length: points.length / 2 }, (_, i) => ({
    x: points[2 * i]!,
    y: points[2 * i + 1]!,
  }));
  return { title: `step ${point.step}`, cells, samples };
}

async function theory({ data, seed, steps, out, generator, force = false }: TheoryFlags): Promise<void> {
  byEnding(out, { '.svg': true });
  const target = outputTarget('--out', out, 'file', force);
  const model = modelTarget(generator, force);
  await interruptible(
    async (signal) => {
      const distribution = POINT_DISTRIBUTIONS[data];
      const game = await PointGame.open(ORT_NODE, pointNetworks(data), distribution);
      const progress = createProgress(steps, 'steps');
      try {
        const drawn = DRAWN[distribution.dimension as 1 | 2].map((part) => Math.round(part * steps));
        const moments: TheoryMoment[] = [];
        const course: TheoryCourse[number][] = [];
        let end: TrainingPoint | undefined;
        for await (const point of trainOnPoints({ data, steps, seed }, looksAt(steps, drawn), signal)) {
          const { value, jsd } = await game.measure(point.state);
          end = point;
          course.push({ step: point.step, value, jsd });
          if (drawn.includes(point.step)) moments.push(await momentOf(game, point, seed));
          progress.update(point.step, `JSD ${jsd.toFixed(4)}`);
        }
        const floor = game.floor(seed);
        const { dimension, range } = distribution;
        const picture = { dimension, range, width: cellWidth(game.cells), moments, course, floor };
        writeFileAtomically(target.path, await chartSvg(theoryChart(picture)));
        writeGenerator(model, data, end!);
        progress.stop();
        const last = course.at(-1)!;
        process.stdout.write(
          `${data}, seed ${seed}, ${steps} steps: JSD ${last.jsd.toFixed(5)} (draws of p_data itself: ` +
            `${floor.toFixed(5)}), V + log 4 = ${(last.value - FINAL_VALUE).toFixed(5)}: ${out}\n`,
        );
      } finally {
        progress.stop();
        await game.release();
      }
    },
    () => process.stderr.write('ending (Ctrl-C again ends at once)\n'),
  );
}

export function theoryFigure(number: string): Command {
  const command = new Command(number)
    .description(
      'Trains on toy data and draws D beside D* = p_data / (p_data + p_g), V(D, G) and the Jensen-Shannon divergence (section 4).',
    )
    .addOption(
      choiceOption('--data <name>', 'distribution of points', POINT_DISTRIBUTIONS).default('mixture-1d'),
    )
    .action(theory);
  for (const option of toyOptions(number)) command.addOption(option);
  return command;
}
