/** What the figures of toy data share: their flags, and the generator that they can leave. */

import { Option } from 'commander';
import { buildGeneratorModel } from '../export/index.js';
import { outputTarget, type SampleTarget } from '../infer/writers/target.js';
import { writeFileAtomically } from '../system/files.js';
import { packageVersion } from '../system/package-version.js';
import type { PointDistributionName } from '../train/data/points/distributions.js';
import { pointNetworks } from '../train/point-run.js';
import type { TrainingPoint } from '../train/trainer.js';
import { integerOption } from './arguments.js';
import { byEnding } from './draw-picture.js';

/** The flags that figures of toy data share. */
export function toyOptions(number: string): Option[] {
  return [
    integerOption('--seed <n>', 'the same seed gives the same figure', { min: 0, max: 2 ** 32 }).default(0),
    integerOption('--steps <n>', 'steps of training, each 5 updates of D and one of G', {
      min: 10,
      max: 1_000_000,
    }).default(3000),
    new Option('--out <file>', 'an .svg to write').default(`figure-${number}.svg`),
    new Option('--generator <file>', 'an .onnx to write the trained generator to: output `points` [N, D]'),
    new Option('--force', 'replace an existing output'),
  ];
}

/**
 * Where the generator goes, if anywhere.
 *
 * @throws UserError when it cannot go there
 */
export function modelTarget(path: string | undefined, force: boolean): SampleTarget | undefined {
  if (path === undefined) return undefined;
  byEnding(path, { '.onnx': true }, '--generator');
  return outputTarget('--generator', path, 'file', force);
}

/** Writes the generator, if that was asked for. */
export function writeGenerator(
  target: SampleTarget | undefined,
  data: PointDistributionName,
  { step, state }: TrainingPoint,
): void {
  if (target === undefined) return;
  const origin = { dataset: data, step, version: packageVersion() };
  writeFileAtomically(target.path, buildGeneratorModel(pointNetworks(data), state, origin));
}
