/**
 * A run's checkpoint: the state of G and of D in ONNX Runtime's format, of the averaged G where there is one, and in each
 * file what the run must know.
 */

import {
  type CheckpointFile,
  type CheckpointProperties,
  decodeCheckpoint,
  encodeCheckpoint,
  type GanState,
  hasMoments,
  InvalidCheckpointError,
  type NetworkName,
  networkCheckpoint,
  networkStateOf,
} from '../export/index.js';
import type { CheckpointFiles } from './checkpoint-store.js';
import { configGan, type RunConfig } from './config.js';
import { configHash, parseConfig } from './config-file.js';
import { MAX_ROLLBACKS } from './divergence.js';
import { forgottenUpdates, type TrainingPoint } from './trainer.js';

export const NETWORKS: readonly NetworkName[] = ['generator', 'discriminator'];

/** The file of each network within a checkpoint. */
export const CHECKPOINT_FILES: Readonly<Record<NetworkName, string>> = {
  generator: 'generator.checkpoint',
  discriminator: 'discriminator.checkpoint',
};

/** The file of the averaged generator, where there is one. */
export const EMA_FILE = 'generator-ema.checkpoint';

/** Score of the best generator so far and the steps it had; a smaller score is better. */
export interface BestScore {
  score: number;
  step: number;
}

/** What a checkpoint holds beside the state. */
export interface RunRecord {
  config: RunConfig;
  /** SHA-256 of the dataset's images. */
  data: string;
  /** Epoch in which the next step begins, from 0. */
  epoch: number;
  /** Number of the next batch of the run, from 0. */
  batch: number;
  /** Name of the engine that wrote it. */
  engine: string;
  /** Version of gan-onnx that wrote it. */
  version: string;
  best?: BestScore;
  /** How often the run has returned to a checkpoint; from there on its noise is drawn from the stream of that number. */
  rollbacks?: number;
}

/** A point of a run to go on from. */
export interface RunCheckpoint extends TrainingPoint {
  record: RunRecord;
  /** Parameters and running statistics of the averaged generator. */
  ema?: GanState;
}

/** Name of the property with the updates that a network had before its optimiser began to count. */
const UPDATES_BEFORE = 'updates_before';

/** Whether the optimisers' moments of both networks are in a checkpoint. */
export function holdsMoments({ record: { config }, state }: RunCheckpoint): boolean {
  const gan = configGan(config);
  return NETWORKS.every((network) => hasMoments(gan[network], config.optimizer, state));
}

function properties(checkpoint: RunCheckpoint): CheckpointProperties {
  const { step, record } = checkpoint;
  const { config, best, rollbacks = 0 } = record;
  return {
    integers: new Map([
      ['step', step],
      ['epoch', record.epoch],
      ['batch', record.batch],
      ['seed', config.seed],
      ...(best === undefined ? [] : ([['best_step', best.step]] as const)),
      ...(rollbacks === 0 ? [] : ([['rollbacks', rollbacks]] as const)),
    ]),
    floats: new Map(),
    strings: new Map([
      ['config', JSON.stringify(config)],
      ['config_sha256', configHash(config)],
      ['data_sha256', record.data],
      ['engine', record.engine],
      ['gan_onnx_version', record.version],
      ['moments', holdsMoments(checkpoint) ? 'kept' : 'unknown'],
      // As text: the format's own floats have 24 bits.
      ...(best === undefined ? [] : ([['best_score', String(best.score)]] as const)),
    ]),
  };
}

/** The files of a checkpoint. */
export function encodeRunCheckpoint(checkpoint: RunCheckpoint): CheckpointFiles {
  const { config } = checkpoint.record;
  const gan = configGan(config);
  const described = properties(checkpoint);
  const before = forgottenUpdates(config, checkpoint.step, checkpoint.state);
  const files = new Map(
    NETWORKS.map((network) => {
      const integers = new Map([...described.integers, [UPDATES_BEFORE, before[network]]]);
      const own = { ...described, integers };
      const file = networkCheckpoint(gan[network], config.optimizer, checkpoint.state, own);
      return [CHECKPOINT_FILES[network], encodeCheckpoint(file)];
    }),
  );
  if (checkpoint.ema === undefined) return files;
  const average = networkCheckpoint(gan.generator, config.optimizer, checkpoint.ema, described);
  return files.set(EMA_FILE, encodeCheckpoint(average));
}

function integer({ integers }: CheckpointFile, name: string): number {
  const value = integers.get(name);
  if (value === undefined || value < 0) throw new InvalidCheckpointError(`it has no property ${name}`);
  return value;
}

function text({ strings }: CheckpointFile, name: string): string {
  const value = strings.get(name);
  if (value === undefined) throw new InvalidCheckpointError(`it has no property ${name}`);
  return value;
}

function bestScore(file: CheckpointFile): BestScore | undefined {
  if (!file.strings.has('best_score')) return undefined;
  const score = Number(text(file, 'best_score'));
  if (!Number.isFinite(score)) throw new InvalidCheckpointError('its best_score is not a number');
  return { score, step: integer(file, 'best_step') };
}

function rollbackCount(file: CheckpointFile): number {
  if (!file.integers.has('rollbacks')) return 0;
  const rollbacks = integer(file, 'rollbacks');
  if (rollbacks <= MAX_ROLLBACKS) return rollbacks;
  throw new InvalidCheckpointError(`its rollbacks are ${rollbacks}, expected at most ${MAX_ROLLBACKS}`);
}

/** The configuration in a checkpoint, checked like one that a user wrote. */
function configOf(file: CheckpointFile): RunConfig {
  const config = parseConfig(text(file, 'config'));
  if (config === undefined || configHash(config) !== text(file, 'config_sha256')) {
    throw new InvalidCheckpointError('its configuration is damaged or of another version of gan-onnx');
  }
  return config;
}

/** Updates of G that a generator's checkpoint has seen, whoever made them. */
export function generatorUpdates(file: CheckpointFile): number {
  return (file.optimizer?.step ?? 0) + integer(file, UPDATES_BEFORE);
}

/**
 * Reads the files of a checkpoint.
 *
 * @throws InvalidCheckpointError, naming the file, when one is damaged or they do not belong together
 */
export function decodeRunCheckpoint(files: CheckpointFiles): RunCheckpoint {
  const decode = (name: string) => within(name, () => decodeCheckpoint(files.get(name) ?? new Uint8Array()));
  const decoded = new Map(NETWORKS.map((network) => [network, decode(CHECKPOINT_FILES[network])]));
  const first = decoded.get('generator')!;
  const config = within(CHECKPOINT_FILES.generator, () => configOf(first));
  const gan = configGan(config);
  /** The state in a file that belongs to G's. */
  const stateIn = (name: string, network: NetworkName, file: CheckpointFile): GanState =>
    within(name, () => {
      if (
        integer(file, 'step') !== integer(first, 'step') ||
        text(file, 'config') !== text(first, 'config')
      ) {
        throw new InvalidCheckpointError(`it does not belong to ${CHECKPOINT_FILES.generator}`);
      }
      return networkStateOf(gan[network], config.optimizer, file);
    });
  const state: GanState = new Map();
  for (const [network, file] of decoded) {
    for (const [name, tensor] of stateIn(CHECKPOINT_FILES[network], network, file)) state.set(name, tensor);
  }
  const ema = files.has(EMA_FILE) ? stateIn(EMA_FILE, 'generator', decode(EMA_FILE)) : undefined;
  return within(CHECKPOINT_FILES.generator, () => {
    const best = bestScore(first);
    const rollbacks = rollbackCount(first);
    return {
      step: integer(first, 'step'),
      state,
      ...(ema === undefined ? {} : { ema }),
      record: {
        config,
        data: text(first, 'data_sha256'),
        epoch: integer(first, 'epoch'),
        batch: integer(first, 'batch'),
        engine: text(first, 'engine'),
        version: text(first, 'gan_onnx_version'),
        ...(best === undefined ? {} : { best }),
        ...(rollbacks === 0 ? {} : { rollbacks }),
      },
    };
  });
}

/** Puts the file's name in front of what is wrong with it. */
function within<T>(name: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof InvalidCheckpointError)) throw error;
    throw new InvalidCheckpointError(`${name}: ${error.message}`);
  }
}
