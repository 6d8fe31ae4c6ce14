/** Refuses at once what cannot fit into this machine's memory, or into a checkpoint. */

import { freemem } from 'node:os';
import { optimizerSlots } from '../export/index.js';
import { availableMemory, gibibytes } from '../system/memory.js';
import { UserError } from '../system/user-error.js';
import { configGan, type RunConfig } from './config.js';
import { estimateMemory, parameterCount } from './memory-estimate.js';

/** The largest file that flatbuffers, the format of checkpoints, can address. */
const MAX_CHECKPOINT = 2 ** 31 - 1;

/**
 * @param images number of images in the dataset
 * @param inMemory how many of them are kept in memory
 * @param available bytes that the run may use; the machine's memory by default
 * @throws UserError when the run needs more memory than the machine has
 */
export function checkMemory(
  config: RunConfig,
  images: number,
  inMemory = images,
  available = availableMemory(),
): void {
  const needed = estimateMemory(config, images, inMemory);
  if (needed <= available) return;
  throw new UserError(
    `this run needs about ${gibibytes(needed)} of memory and the machine has ${gibibytes(available)} (${gibibytes(freemem())} free): ` +
      'reduce --img-size, --batch-size or --latent-dim',
  );
}

/** @throws UserError when a network with its moments is larger than a checkpoint file can be */
export function checkCheckpointSize(config: RunConfig): void {
  const { generator, discriminator } = configGan(config);
  const copies = 1 + optimizerSlots(config.optimizer.kind).length;
  for (const network of [generator, discriminator]) {
    const parameters = parameterCount(network);
    const bytes = 4 * copies * parameters;
    if (bytes <= MAX_CHECKPOINT) continue;
    throw new UserError(
      `the ${network.name} has ${parameters.toLocaleString('en')} parameters, ${gibibytes(bytes)} with the moments of ` +
        `${config.optimizer.kind}, and a checkpoint holds less than 2 GiB: reduce --img-size or --latent-dim, or use another --network`,
    );
  }
}
