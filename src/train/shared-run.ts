/** What a run of several processes has beside that of one: shares of batches, and an end that all agree on. */

import { createHash } from 'node:crypto';
import { networkState, usesBatchStatistics } from '../export/index.js';
import { type Facts, meetWith } from '../parallel/agreement.js';
import type { Communicator } from '../parallel/communicator.js';
import { shareOf } from '../parallel/shard.js';
import { configGan, type RunConfig } from './config.js';
import type { TakeShare } from './feed.js';
import type { StopAgreement } from './parallel-engine.js';
import { sha256Hex } from './sha256.js';
import type { Trainer } from './trainer.js';

export interface SharedRun {
  group: Communicator;
  stop: StopAgreement;
  /** Aborted on all ranks after the same step, once any rank's own signal is. */
  signal: AbortSignal;
  /** Milliseconds that a rank waits for the others in a step, before it gives them up. */
  patience: number;
  /** How many ranks share this machine's memory. */
  onMachine: number;
  /** Called once all ranks have the same settings and data. */
  agreed?: () => void;
}

/** Characters of a setting that are told as they are. */
const MAX_SETTING = 400;

/** Milliseconds that ranks 1 and 2, 3, ... wait longer than rank 0, which is the one to say what happened. */
const LATER = 5000;

/**
 * @param own this rank's signal; where it was not aborted, the agreed one has `reason` as its reason
 * @param patience milliseconds that rank 0 waits for the others in a step
 * @param onMachine ranks on this machine
 * @param agreed called once all ranks have the same settings and data
 */
export function shareRun(
  group: Communicator,
  {
    own,
    reason,
    patience,
    onMachine,
    agreed,
  }: { own?: AbortSignal; reason: unknown; patience: number; onMachine: number; agreed?: () => void },
): SharedRun {
  const stop = new AbortController();
  return {
    group,
    onMachine,
    patience: patience + LATER * Math.min(group.rank, 2),
    signal: stop.signal,
    ...(agreed === undefined ? {} : { agreed }),
    stop: {
      wanted: () => own?.aborted ?? false,
      agreed: () => stop.abort(own?.aborted ? own.reason : reason),
    },
  };
}

/** A rank's share of a batch. Batch statistics need two samples: no rank normalises a single one. */
export function shareTaker(config: RunConfig, group: Communicator): TakeShare {
  const { generator, discriminator } = configGan(config);
  const smallest = usesBatchStatistics(generator) || usesBatchStatistics(discriminator) ? 2 : 1;
  return (size) => shareOf(size, group, smallest);
}

/**
 * Meets all ranks after a step, before a checkpoint: their parameters, moments and counters must be the same to the bit, or
 * what rank 0 saves would not be what the others train.
 *
 * @throws GroupError, on all ranks, when they are not
 */
export async function meetAtStep({ group }: SharedRun, config: RunConfig, trainer: Trainer): Promise<void> {
  const { generator, discriminator } = configGan(config);
  const own = [generator, discriminator].flatMap((network) =>
    networkState(network, config.optimizer.kind).filter(({ role }) => role !== 'running statistic'),
  );
  const state = await trainer.readState();
  const hash = createHash('sha256');
  for (const { name } of own) {
    const { buffer, byteOffset, byteLength } = state.get(name)!.data;
    hash.update(new Uint8Array(buffer, byteOffset, byteLength));
  }
  await meetWith(group, `after step ${trainer.done} a state with SHA-256`, hash.digest('hex'));
}

/** What ranks tell each other is of bounded length, and points drawn by hand are not. */
function inBrief(text: string): string {
  if (text.length <= MAX_SETTING) return text;
  return `${text.slice(0, 32)}... with SHA-256 ${sha256Hex(text)}`;
}

/** What all ranks must have alike, in words. */
export function runFacts(run: {
  config: RunConfig;
  version: string;
  data: string;
  step: number;
  logInterval: number;
}): Facts {
  const settings = Object.entries(run.config).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, inBrief(JSON.stringify(value))]],
  );
  return {
    'gan-onnx': run.version,
    ...Object.fromEntries(settings),
    'data with SHA-256': run.data,
    'first step': String(run.step),
    'log interval': String(run.logInterval),
  };
}
