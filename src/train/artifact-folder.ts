/**
 * A folder of the training API's artifacts: for each network its training, evaluation and optimiser model and its
 * checkpoint, as ONNX Runtime's own tools lay them out, and generator.onnx beside them. Any training build of ONNX
 * Runtime trains from it; what it saves in place of the checkpoints is read back here.
 */

import { existsSync, lstatSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { Precision } from '../export/generator-model.js';
import {
  buildArtifacts,
  buildGeneratorModel,
  decodeCheckpoint,
  InvalidCheckpointError,
  initialState,
  type StepGraphOptions,
} from '../export/index.js';
import { checkWritable, fileProblem, readBounded, temporaryName } from '../system/files.js';
import { UserError } from '../system/user-error.js';
import { configGan, type RunConfig } from './config.js';
import {
  CHECKPOINT_FILES,
  decodeRunCheckpoint,
  encodeRunCheckpoint,
  generatorUpdates,
  NETWORKS,
  type RunCheckpoint,
} from './run-checkpoint.js';
import { forgottenUpdates, startingState } from './trainer.js';
import { trainingApiLimit } from './training-api-limits.js';

/** Files of each network, in a folder of its name. */
const NETWORK_FILES = {
  trainingModel: 'training_model.onnx',
  evalModel: 'eval_model.onnx',
  optimizerModel: 'optimizer_model.onnx',
} as const;
const CHECKPOINT = 'checkpoint';
const GENERATOR = 'generator.onnx';

/** Paths of all files, relative to the folder. */
export const ARTIFACT_PATHS: readonly string[] = [
  ...NETWORKS.flatMap((network) =>
    [...Object.values(NETWORK_FILES), CHECKPOINT].map((name) => join(network, name)),
  ),
  GENERATOR,
];

/** The point at which a run of this configuration would begin. */
export function freshCheckpoint(config: RunConfig, version: string): RunCheckpoint {
  return {
    step: 0,
    state: initialState(configGan(config), config.optimizer.kind, config.seed),
    record: { config, data: '', epoch: 0, batch: 0, engine: 'none', version },
  };
}

/**
 * The artifacts of a checkpoint: file contents by relative path.
 *
 * @param precision how generator.onnx stores its weights; what trains on is always float32
 * @throws UserError when the training API lacks the run's optimiser
 */
export function artifactFiles(
  checkpoint: RunCheckpoint,
  version: string,
  precision: Precision = 'fp32',
): Map<string, Uint8Array> {
  const { step, record } = checkpoint;
  const { config } = record;
  const { optimizer, loss: generatorLoss } = config;
  if (optimizer.kind !== 'adam') {
    throw new UserError(
      `a run with --optimizer ${optimizer.kind} has no artifacts: the training API has Adam, and no SGD with momentum`,
    );
  }
  const limit = trainingApiLimit(config);
  if (limit !== undefined) throw new UserError(`no artifacts with ${limit}`);
  const gan = configGan(config);
  // Moments that are not known begin at zero, and with them the count of steps that corrects Adam's bias.
  const state = startingState(gan, config, checkpoint.state);
  const updatesBefore = forgottenUpdates(config, step, state);
  const options: StepGraphOptions = { gan, optimizer, generatorLoss, version, updatesBefore };
  // Without the average of G, which no artifact has a place for.
  const checkpoints = encodeRunCheckpoint({ step, record, state });
  const files = new Map<string, Uint8Array>();
  for (const network of NETWORKS) {
    const artifacts = buildArtifacts(network, options);
    for (const [key, name] of Object.entries(NETWORK_FILES)) {
      files.set(join(network, name), artifacts[key as keyof typeof NETWORK_FILES]);
    }
    files.set(join(network, CHECKPOINT), checkpoints.get(CHECKPOINT_FILES[network])!);
  }
  const origin = { dataset: config.dataset, step, version };
  return files.set(GENERATOR, buildGeneratorModel(gan, state, origin, precision));
}

/**
 * Checks, without changing anything, that artifacts may be written to `path`.
 *
 * @param force whether a folder that holds artifacts, and nothing else, may be replaced
 * @throws UserError
 */
export function checkArtifactFolder(path: string, force: boolean): void {
  checkWritable('--out', path);
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isDirectory())
    throw new UserError(`--out ${path} is a file, expected a folder: choose another path`);
  const names = readdirSync(path, { recursive: true }) as string[];
  if (names.length === 0) return;
  if (!force) {
    throw new UserError(
      `--out ${path} already holds files: choose another folder, or --force to replace earlier artifacts`,
    );
  }
  const other = names.find(
    (name) => !ARTIFACT_PATHS.includes(name) && !(NETWORKS as readonly string[]).includes(name),
  );
  if (other !== undefined) {
    throw new UserError(`--out ${path} holds ${other}, which is no artifact: choose another folder`);
  }
}

/**
 * Writes artifacts to a folder, all of them or none.
 *
 * @throws UserError as checkArtifactFolder, or when they cannot be written
 */
export function writeArtifactFolder(
  path: string,
  files: ReadonlyMap<string, Uint8Array>,
  force: boolean,
): void {
  checkArtifactFolder(path, force);
  const temporary = temporaryName(path);
  try {
    for (const [name, bytes] of files) {
      const file = join(temporary, name);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, bytes, { flush: true });
    }
    const old = `${temporary}.old`;
    if (existsSync(path)) renameSync(resolve(path), old);
    renameSync(temporary, path);
    rmSync(old, { recursive: true, force: true });
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true });
    throw new UserError(`--out ${path} ${fileProblem(error)}: no artifacts were written`);
  }
}

/** Whether a folder holds artifacts. */
export function holdsArtifacts(path: string): boolean {
  return NETWORKS.every((network) => existsSync(join(path, network, CHECKPOINT)));
}

/**
 * Reads the checkpoints in a folder of artifacts, whoever trained them on: this project or another training build of
 * ONNX Runtime.
 *
 * @throws UserError when they cannot be read, are damaged, or were not exported by gan-onnx to begin with
 */
export async function readArtifactFolder(path: string): Promise<RunCheckpoint> {
  const files = new Map<string, Uint8Array>();
  for (const network of NETWORKS) {
    const file = join(path, network, CHECKPOINT);
    files.set(CHECKPOINT_FILES[network], await readBounded(file, 2 ** 31 - 1, 'a checkpoint file'));
  }
  try {
    const checkpoint = decodeRunCheckpoint(files);
    // Other builds count their updates and leave the run's own step as it was.
    const step = generatorUpdates(decodeCheckpoint(files.get(CHECKPOINT_FILES.generator)!));
    return { ...checkpoint, step };
  } catch (error) {
    if (!(error instanceof InvalidCheckpointError)) throw error;
    throw new UserError(`${path} cannot be used: ${error.message}`);
  }
}
