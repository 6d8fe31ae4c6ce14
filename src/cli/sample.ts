/** `gan-onnx sample`. */

import { Command } from 'commander';
import { checkFlags, inParts, type SampleFlags, sampleOptions } from './sample-flags.js';
import { sampleParts } from './sample-parts.js';
import { sampleWhole } from './sample-whole.js';

async function sample(path: string, flags: SampleFlags): Promise<void> {
  checkFlags(flags);
  await (inParts(flags) ? sampleParts(path, flags) : sampleWhole(path, flags));
}

export function sampleCommand(): Command {
  const command = new Command('sample')
    .description('Samples a generator.onnx. Sample k of a seed is always the same image.')
    .argument('<generator.onnx>', 'an exported generator')
    .action(sample);
  for (const option of sampleOptions()) command.addOption(option);
  return command;
}
