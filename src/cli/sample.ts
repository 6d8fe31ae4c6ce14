/** `gan-onnx sample`. */

import { Command } from 'commander';
import { DEFAULT_PART_SIZE, TILE } from '../infer/index.js';
import { launchOf } from '../parallel/launcher.js';
import { UserError } from '../system/user-error.js';
import { checkFlags, inParts, type SampleFlags, STDOUT, sampleOptions } from './sample-flags.js';
import { sampleParts } from './sample-parts.js';
import { sampleWhole } from './sample-whole.js';
import { asRank } from './spokesman.js';

/**
 * Samples a part, such that every process has a part and none is larger than without a launcher; whole tiles where that is
 * possible.
 */
function sharedPartSize(count: number, processes: number): number {
  const each = Math.max(1, Math.min(DEFAULT_PART_SIZE, Math.floor(count / processes)));
  return each < TILE ? each : each - (each % TILE);
}

/** Each process of an MPI launcher writes its shard of the parts; they need nothing of each other. */
function shardFlags(given: SampleFlags): SampleFlags {
  const launch = launchOf();
  if (launch === undefined) return given;
  const { shard, out, format, count, partSize = sharedPartSize(count, launch.size) } = given;
  if (shard !== undefined) {
    throw new UserError('--shard is what mpirun makes of its ranks: leave it away, or start without mpirun');
  }
  const several = `the ${launch.size} processes that mpirun started write parts`;
  if (out === STDOUT)
    throw new UserError(`--out - takes no parts, and ${several}: name a folder, or start one`);
  if (format === 'grid') {
    throw new UserError(
      `--format grid is one picture, and ${several}: use --format png or another one, or start one process`,
    );
  }
  return { ...given, partSize, shard: { index: launch.rank, of: launch.size } };
}

async function sample(path: string, given: SampleFlags): Promise<void> {
  const flags = await asRank('all', () => {
    const shared = shardFlags(given);
    checkFlags(shared);
    return shared;
  });
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
