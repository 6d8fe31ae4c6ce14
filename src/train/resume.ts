/** Finds the point from which a run goes on, and refuses what would not be the same run. */

import { join } from 'node:path';
import { InvalidCheckpointError } from '../export/index.js';
import { readBounded } from '../system/files.js';
import { UserError } from '../system/user-error.js';
import { CheckpointStore } from './checkpoint-store.js';
import type { RunConfig } from './config.js';
import { configDifferences, parseConfig } from './config-file.js';
import type { AnyDataset } from './data/dataset.js';
import { CHECKPOINT_FILES, decodeRunCheckpoint, EMA_FILE, type RunCheckpoint } from './run-checkpoint.js';
import { checkResumable, RUN_FILES } from './run-directory.js';

/** A run's folder as its config.json describes it. */
export interface StoredRun {
  config: RunConfig;
  /** Folder that the dataset's files came from, if it was told. */
  dataDir?: string;
  /** Whether broken image files were left out. */
  skipBroken?: boolean;
}

/**
 * Reads a run's config.json.
 *
 * @throws UserError when the folder holds no run, or its config.json is damaged
 */
export async function readStoredRun(path: string): Promise<StoredRun> {
  checkResumable(path);
  const file = join(path, RUN_FILES.config);
  const text = new TextDecoder().decode(await readBounded(file, 2 ** 20, 'a configuration'));
  const config = parseConfig(text);
  if (config === undefined) {
    throw new UserError(`${file} is damaged or of another version: expected the configuration of a run`);
  }
  const { dataDir, skipBroken } = JSON.parse(text) as Record<string, unknown>;
  return {
    config,
    ...(typeof dataDir === 'string' ? { dataDir } : {}),
    ...(skipBroken === true ? { skipBroken } : {}),
  };
}

async function loadCheckpoint(store: CheckpointStore, step: number): Promise<RunCheckpoint> {
  const files = await store.load(step, Object.values(CHECKPOINT_FILES), [EMA_FILE]);
  try {
    const checkpoint = decodeRunCheckpoint(files);
    if (checkpoint.step !== step) {
      throw new InvalidCheckpointError(`it is the checkpoint of step ${checkpoint.step}`);
    }
    return checkpoint;
  } catch (error) {
    if (!(error instanceof InvalidCheckpointError)) throw error;
    throw new UserError(`${store.folder(step)} cannot be used: ${error.message}`);
  }
}

/** The last one of `steps` whose checkpoint is good. */
async function lastGood(
  store: CheckpointStore,
  steps: readonly number[],
): Promise<RunCheckpoint | undefined> {
  for (const step of steps) {
    try {
      return await loadCheckpoint(store, step);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
    }
  }
  return undefined;
}

/** The last good checkpoint of a run that is being written; undefined where it has none. */
export function lastGoodCheckpoint(store: CheckpointStore): Promise<RunCheckpoint | undefined> {
  return lastGood(store, store.steps());
}

/**
 * Reads a run's checkpoint, without changing anything.
 *
 * @param path the run's folder
 * @param step which one; the last by default
 * @throws UserError when there is none, or it is not usable; an older one that is gets named
 */
export async function readRunCheckpoint(path: string, step?: number): Promise<RunCheckpoint> {
  checkResumable(path);
  const store = new CheckpointStore(join(path, RUN_FILES.checkpoints));
  const steps = store.steps();
  const wanted = step ?? steps[0];
  if (wanted === undefined) throw new UserError(`${path} has no checkpoint: expected one in ${store.path}`);
  try {
    return await loadCheckpoint(store, wanted);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const others = steps.filter((other) => other !== wanted);
    const older = others.filter((other) => other < wanted);
    const good = (await lastGood(store, older)) ?? (await lastGood(store, others));
    const advice =
      good === undefined
        ? 'no other checkpoint of this run is good'
        : `that of step ${good.step} is good: --resume-step ${good.step} goes on from there`;
    throw new UserError(`${error.message}; ${advice}`);
  }
}

/**
 * @throws UserError when the configuration is not the checkpoint's in something that decides what the run computes
 */
export function requireSameConfig(path: string, { record }: RunCheckpoint, config: RunConfig): void {
  const differences = configDifferences(record.config, config);
  if (differences.length === 0) return;
  throw new UserError(
    `--resume ${path}: ${differences.join('; ')}: only --n-epochs, --max-steps, --sample-interval, ` +
      '--checkpoint-interval and --ema-decay of a resumed run may change; start a new run for anything else',
  );
}

/**
 * @throws UserError when the data are not those that the run has seen
 */
export function requireSameData(
  path: string,
  { record }: RunCheckpoint,
  data: AnyDataset['description'],
): void {
  if (record.data === data.sha256) return;
  throw new UserError(
    `--resume ${path}: the images of ${data.name} are not those of this run (SHA-256 ${data.sha256.slice(0, 12)}..., ` +
      `expected ${record.data.slice(0, 12)}...): name the folder that it used with --data-dir`,
  );
}
