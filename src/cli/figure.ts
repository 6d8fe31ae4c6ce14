/** `gan-onnx figure <number>`: the figures of the 2014 paper, one entry each, and its theory. */

import { Command } from 'commander';
import { trainingFigure } from './figure-game.js';
import { interpolationFigure } from './figure-interpolation.js';
import { nearestFigure } from './figure-nearest.js';
import { theoryFigure } from './figure-theory.js';

/** Makes the command of each figure, by its number in the paper. */
const FIGURES: Readonly<Record<string, (number: string) => Command>> = {
  1: trainingFigure,
  2: nearestFigure,
  3: interpolationFigure,
  theory: theoryFigure,
};

export function figureCommand(): Command {
  const command = new Command('figure').description(
    'Draws a figure of the 2014 paper ("Generative adversarial networks").',
  );
  for (const [number, figure] of Object.entries(FIGURES)) command.addCommand(figure(number));
  return command;
}
