/** `gan-onnx sample`. */

import { Command } from 'commander';
import { launchOf } from '../parallel/launcher.js';
import { UserError } from '../system/user-error.js';
import { checkFlags, inParts, type SampleFlags, sampleOptions } from './sample-flags.js';
import { sampleParts } from './sample-parts.js';
import { sampleWhole } from './sample-whole.js';

/** Each process of an MPI launcher writes its shard of the parts; they need nothing of each other. */
function shardFlags(given: SampleFlags): SampleFlags {
  const launch = launchOf();
  if (launch === undefined) return given;
  if (given.shard !== undefined) {
    throw new UserError('--shard is what mpirun makes of its ranks: leave it away, or start without mpirun');
  }
  return { ...given, shard: { index: launch.rank, of: launch.size } };
}

async function sample(path: string, given: SampleFlags): Promise<void> {
  const flags = shardFlags(given);
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
