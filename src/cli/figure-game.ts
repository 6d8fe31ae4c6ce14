/** `gan-onnx figure 1`: four moments of the game on toy data, and whether it ends where the paper's theory says. */

import { Command } from 'commander';
import { cellCentres, cellWidth } from '../evaluate/cells.js';
import { type GameState, PointGame } from '../evaluate/point-game.js';
import { FINAL_VALUE } from '../evaluate/theory.js';
import { outputTarget } from '../infer/writers/target.js';
import { normalQuantile } from '../random/index.js';
import { writeFileAtomically } from '../system/files.js';
import { POINT_DISTRIBUTIONS } from '../train/data/points/distributions.js';
import { ORT_NODE } from '../train/ort-node.js';
import {
  BATCH_SIZE,
  branchFrom,
  type PointRun,
  pointNetworks,
  pointOptimizer,
  trainOnPoints,
} from '../train/point-run.js';
import { chartSvg } from '../train/report/chart-svg.js';
import type { TrainingPoint } from '../train/trainer.js';
import { integerOption } from './arguments.js';
import { type GamePanel, gameChart } from './chart-game.js';
import { byEnding } from './draw-picture.js';
import { modelTarget, toyOptions, writeGenerator } from './figure-toy.js';
import { interruptible } from './interrupt.js';
import { createProgress, type Progress } from './progress.js';

interface GameFlags {
  seed: number;
  seeds: number;
  steps: number;
  out: string;
  generator?: string;
  force?: boolean;
}

const DATA = 'mixture-1d';
/** Steps between two looks at where a training stands. */
const LOOK_EVERY = 100;
/** Panel (a) shows the networks after so many steps, or at the end of a shorter training. */
const BEGINNING = 40;
/** From there D alone is trained with at most so many updates, which make it nearly D*, for panel (b); then G, for (c). */
const UPDATES = { discriminator: 3000, generator: 3 } as const;
const BRANCH_RATE = 2e-3;
const ARROWS = 25;

/** What the end of a training is held to. */
const BARS = { jsd: 0.01, deviation: 0.05, value: 0.05, accuracy: 0.55 } as const;

/** One training's end. */
interface Ending extends Pick<GameState, 'jsd' | 'value' | 'deviation'> {
  seed: number;
  /** Accuracy of a discriminator trained afresh against the final G. */
  accuracy: number;
}

function meetsBars({ jsd, deviation, value, accuracy }: Ending): boolean {
  return (
    jsd < BARS.jsd &&
    deviation < BARS.deviation &&
    Math.abs(value - FINAL_VALUE) < BARS.value &&
    accuracy < BARS.accuracy
  );
}

/** A moment as a panel. */
async function panelOf(title: string, game: PointGame, { state }: TrainingPoint): Promise<GamePanel> {
  const { generator, discriminator } = await game.measure(state);
  const width = cellWidth(game.cells);
  const curves = Array.from(cellCentres(game.cells), (x, cell) => ({
    x,
    data: game.data[cell]! / width,
    generator: generator[cell]! / width,
    discriminator: discriminator[cell]!,
  }));
  // Equally probable latents: arrows lie as close as p_g is high.
  const latents = Float32Array.from({ length: ARROWS }, (_, i) => normalQuantile((i + 0.5) / ARROWS));
  const points = await game.generate(state, latents);
  return { title, curves, arrows: Array.from(latents, (z, i) => ({ z, x: points[i]! })) };
}

/** Panels (a) to (c): the beginning, D at its optimum for this G, and G after it followed D. */
async function panelsOfBeginning(
  game: PointGame,
  run: PointRun,
  begun: TrainingPoint,
  signal: AbortSignal,
): Promise<GamePanel[]> {
  const branch = { rate: BRANCH_RATE, signal };
  const steps = Math.min(UPDATES.discriminator, run.steps);
  const best = await branchFrom(begun, run, { ...branch, order: ['discriminator'], steps });
  const moved = await branchFrom(best, run, { ...branch, order: ['generator'], steps: UPDATES.generator });
  return [
    await panelOf(`(a) step ${begun.step}: D is partly right`, game, begun),
    await panelOf('(b) D trained to D*', game, best),
    await panelOf('(c) G follows D', game, moved),
  ];
}

/** Trains one seed to its end; the panels of the beginning are drawn for the first seed alone. */
async function play(
  game: PointGame,
  run: PointRun,
  {
    signal,
    progress,
    before,
    draws,
  }: { signal: AbortSignal; progress: Progress; before: number; draws: boolean },
): Promise<{ end: TrainingPoint; ending: Ending; panels: GamePanel[] }> {
  const looks = Array.from({ length: Math.floor(run.steps / LOOK_EVERY) }, (_, i) => (i + 1) * LOOK_EVERY);
  const begins = Math.min(BEGINNING, run.steps);
  const all = [...new Set([begins, ...looks, run.steps])].sort((a, b) => a - b);
  const panels: GamePanel[] = [];
  let last: TrainingPoint | undefined;
  for await (const point of trainOnPoints(run, all, signal)) {
    last = point;
    if (draws && point.step === begins) panels.push(...(await panelsOfBeginning(game, run, point, signal)));
    progress.update(before + point.step, `seed ${run.seed}`);
  }
  const { state } = last!;
  if (draws) panels.push(await panelOf(`(d) step ${run.steps}: the end`, game, last!));
  const { jsd, value, deviation } = await game.measure(state);
  const accuracy = await game.freshAccuracy(state, {
    seed: run.seed + 1,
    steps: Math.min(UPDATES.discriminator, run.steps),
    signal,
    batchSize: BATCH_SIZE,
    optimizer: pointOptimizer(BRANCH_RATE),
  });
  return { end: last!, ending: { seed: run.seed, jsd, value, deviation, accuracy }, panels };
}

function table(endings: readonly Ending[], floor: number): string {
  const rows = endings.map(({ seed, jsd, deviation, value, accuracy }) => [
    String(seed),
    jsd.toFixed(5),
    deviation.toFixed(4),
    (value - FINAL_VALUE).toFixed(5),
    `${(accuracy * 100).toFixed(2)} %`,
  ]);
  const head = ['seed', 'JSD', 'max |D - 1/2|', 'V + log 4', 'fresh D'];
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]!.length)));
  const lines = [head, ...rows].map((row) => row.map((cell, i) => cell.padStart(widths[i]!)).join('  '));
  const met = endings.filter(meetsBars).length;
  return [
    ...lines,
    `${met} of ${endings.length} end with JSD < ${BARS.jsd}, |D - 1/2| < ${BARS.deviation} where p_data has mass, ` +
      `|V + log 4| < ${BARS.value}, and a fresh D under ${Math.round(BARS.accuracy * 100)} %`,
    `(nats; the JSD of as many draws of p_data itself is ${floor.toFixed(5)})`,
  ].join('\n');
}

async function gameFigure(flags: GameFlags): Promise<void> {
  const { seed, seeds, steps, out, generator, force = false } = flags;
  byEnding(out, { '.svg': true });
  const target = outputTarget('--out', out, 'file', force);
  const model = modelTarget(generator, force);
  await interruptible(
    async (signal) => {
      const game = await PointGame.open(ORT_NODE, pointNetworks(DATA), POINT_DISTRIBUTIONS[DATA]);
      const progress = createProgress(seeds * steps, 'steps');
      try {
        const endings: Ending[] = [];
        for (let i = 0; i < seeds; i++) {
          const run = { data: DATA, steps, seed: seed + i } as const;
          const { end, ending, panels } = await play(game, run, {
            signal,
            progress,
            before: i * steps,
            draws: i === 0,
          });
          endings.push(ending);
          if (i > 0) continue;
          writeFileAtomically(target.path, await chartSvg(gameChart(panels)));
          writeGenerator(model, DATA, end);
        }
        progress.stop();
        process.stdout.write(`${table(endings, game.floor(seed))}\nseed ${seed}: ${out}\n`);
      } finally {
        progress.stop();
        await game.release();
      }
    },
    () => process.stderr.write('ending (Ctrl-C again ends at once)\n'),
  );
}

export function trainingFigure(number: string): Command {
  const command = new Command(number)
    .description(
      'Trains on a mixture of Gaussians and draws p_data, p_g, D and where G takes latents, at four moments (Figure 1).',
    )
    .addOption(
      integerOption('--seeds <n>', 'trainings to check, of this seed and the next ones', {
        min: 1,
        max: 1000,
      }).default(1),
    )
    .action(gameFigure);
  for (const option of toyOptions(number)) command.addOption(option);
  return command;
}
