/** `gan-onnx export`. */

import { join } from 'node:path';
import { Argument, Command, Option } from 'commander';
import { PRECISIONS, type Precision } from '../export/generator-model.js';
import { UserError } from '../system/user-error.js';
import {
  artifactFiles,
  checkArtifactFolder,
  freshCheckpoint,
  holdsArtifacts,
  readArtifactFolder,
  writeArtifactFolder,
} from '../train/artifact-folder.js';
import { validateConfig } from '../train/config.js';
import { readRunCheckpoint } from '../train/resume.js';
import type { RunCheckpoint } from '../train/run-checkpoint.js';
import { integerOption } from './arguments.js';
import {
  type ConfigFlags,
  choiceOption,
  modelOptions,
  presetOption,
  printPresets,
  runConfig,
} from './config-flags.js';

interface ExportFlags extends ConfigFlags {
  out?: string;
  force?: boolean;
  step?: number;
  precision?: Precision;
}

/** Flags that are not about what is trained. */
const PLACE_FLAGS = ['out', 'force', 'step', 'precision'];

/** Where the state comes from: a run, artifacts that were trained on elsewhere, or a fresh start. */
async function source(from: string | undefined, flags: ExportFlags, version: string): Promise<RunCheckpoint> {
  if (from === undefined) {
    if (flags.step !== undefined)
      throw new UserError('--step belongs to the export of a run: name its folder');
    const config = runConfig(flags);
    validateConfig(config);
    return freshCheckpoint(config, version);
  }
  const settings = Object.keys(flags).filter((name) => !PLACE_FLAGS.includes(name));
  if (settings.length > 0) {
    throw new UserError(
      `${from} has settings of its own: leave out the flags for ${settings.join(', ')}, or name no folder`,
    );
  }
  return holdsArtifacts(from) ? readArtifactFolder(from) : readRunCheckpoint(from, flags.step);
}

/** @param version version of gan-onnx, written into the files */
export function exportCommand(version: string): Command {
  const command = new Command('export')
    .description(
      "Writes ONNX Runtime's on-device-training artifacts of G and D, and generator.onnx: from a run's checkpoint, " +
        'from artifacts that were trained on elsewhere, or from fresh networks.',
    )
    .addArgument(new Argument('[from]', 'folder of a run or of artifacts (default: fresh networks)'))
    .addOption(new Option('--out <folder>', 'where to write (default: artifacts)'))
    .addOption(new Option('--force', 'replace earlier artifacts in --out'))
    .addOption(integerOption('--step <step>', 'checkpoint of the run (default: the last one)', { min: 0 }))
    .addOption(
      choiceOption('--precision <p>', 'how generator.onnx stores its weights (default: fp32)', PRECISIONS),
    )
    .addOption(presetOption());
  for (const option of modelOptions()) command.addOption(option);
  return command.action(async (from: string | undefined, flags: ExportFlags) => {
    if (flags.preset === 'list') {
      printPresets();
      return;
    }
    const { out = 'artifacts', force = false } = flags;
    checkArtifactFolder(out, force);
    const checkpoint = await source(from, flags, version);
    const files = artifactFiles(checkpoint, version, flags.precision);
    writeArtifactFolder(out, files, force);
    process.stdout.write(
      `artifacts after ${checkpoint.step} steps:\n${[...files.keys()].map((name) => `${join(out, name)}\n`).join('')}`,
    );
  });
}
