/** A run as the files of a run folder of `gan-onnx train`: written for `--resume`, and read from one. */

import { InvalidCheckpointError } from '../../../src/export/index.js';
import type { AnyDataset } from '../../../src/train/data/dataset.js';
import {
  CHECKPOINT_FILES,
  decodeRunCheckpoint,
  encodeRunCheckpoint,
  type RunCheckpoint,
} from '../../../src/train/run-checkpoint.js';
import { sha256Hex } from '../../../src/train/sha256.js';
import { UserError } from '../../../src/train/web.js';
import type { NamedFile } from '../protocol.js';
import { requireFinite } from './keeper.js';
import { oneLine } from './one-line.js';
import { VERSION } from './version.js';
import { isZip, readZip } from './zip.js';

const SUMS = 'SHA256SUMS';
/** Folder of the visitor's images within a zip. */
export const IMAGES = 'images';
/** The most bytes of everything in a zip or folder. */
const MAX_BYTES = 768 * 2 ** 20;

/** Where the file of a checkpoint lies: step and name. Folders in front do not matter. */
const CHECKPOINT_PATH = /(?:^|\/)(\d{1,16})\/((?:generator|discriminator)\.checkpoint|SHA256SUMS)$/;
const IMAGE_PATH = /(?:^|\/)images\/[^/]+\.png$/;

/** config.json and the checkpoint of a run, by path within its folder. */
export function runFiles(checkpoint: RunCheckpoint, dataset: AnyDataset): Map<string, Uint8Array | string> {
  const { record, step } = checkpoint;
  const config = { version: VERSION, ...record.config, data: dataset.description };
  const files = new Map<string, Uint8Array | string>([
    ['config.json', `${JSON.stringify(config, null, 2)}\n`],
  ]);
  let sums = '';
  for (const [name, bytes] of encodeRunCheckpoint(checkpoint)) {
    files.set(`checkpoints/${step}/${name}`, bytes);
    sums += `${sha256Hex(bytes)}  ${name}\n`;
  }
  return files.set(`checkpoints/${step}/${SUMS}`, sums);
}

/** What somebody brought: a checkpoint, and the images that lay beside it. */
export interface BroughtRun {
  checkpoint: RunCheckpoint;
  /** PNG files by name, in the order of their names. */
  images: NamedFile[];
}

/** All files, those within zips too, that a run can consist of. */
function unpacked(files: readonly NamedFile[]): Map<string, Uint8Array> {
  const found = new Map<string, Uint8Array>();
  let left = MAX_BYTES;
  for (const { name, bytes } of files) {
    const isPart = (path: string): boolean => CHECKPOINT_PATH.test(path) || IMAGE_PATH.test(path);
    try {
      const inside = isZip(bytes) ? readZip(bytes, isPart, left) : new Map([[name, bytes]]);
      for (const [path, content] of inside) {
        left -= content.length;
        if (left < 0) throw new UserError(`together they are larger than ${MAX_BYTES / 2 ** 20} MiB`);
        found.set(path, content);
      }
    } catch (error) {
      throw new UserError(`${oneLine(name)} cannot be used: ${oneLine(error)}`);
    }
  }
  return found;
}

/** The files of each step's checkpoint. */
function byStep(files: ReadonlyMap<string, Uint8Array>): Map<number, Map<string, Uint8Array>> {
  const steps = new Map<number, Map<string, Uint8Array>>();
  for (const [path, bytes] of files) {
    // The files of one checkpoint alone come without a folder.
    const [, step, name] = CHECKPOINT_PATH.exec(path) ?? CHECKPOINT_PATH.exec(`0/${path}`) ?? [];
    if (step === undefined) continue;
    const own = steps.get(Number(step)) ?? new Map<string, Uint8Array>();
    steps.set(Number(step), own.set(name!, bytes));
  }
  return steps;
}

/** @throws UserError when a file is not what SHA256SUMS says */
function checkSums(files: ReadonlyMap<string, Uint8Array>): void {
  const sums = files.get(SUMS);
  if (sums === undefined) return;
  for (const line of new TextDecoder().decode(sums.subarray(0, 4096)).split('\n')) {
    const [, sum, name] = /^([0-9a-f]{64}) {2}(.+)$/.exec(line) ?? [];
    const bytes = name === undefined ? undefined : files.get(name);
    if (bytes !== undefined && sha256Hex(bytes) !== sum) {
      throw new UserError(`${oneLine(name)} is damaged: its SHA-256 is not that of ${SUMS}`);
    }
  }
}

/**
 * Reads a run from files of its folder, or a zip of it: the last checkpoint that is there.
 *
 * @throws UserError when there is none, or it is damaged
 */
export function readRunFiles(files: readonly NamedFile[]): BroughtRun {
  const all = unpacked(files);
  const names = Object.values(CHECKPOINT_FILES);
  const whole = [...byStep(all)].filter(([, own]) => names.every((name) => own.has(name)));
  const [last] = whole.sort(([a], [b]) => b - a);
  if (last === undefined) {
    const models = files.filter(({ name }) => name.toLowerCase().endsWith('.onnx'));
    throw new UserError(
      models.length > 0
        ? `${oneLine(models[0]!.name)} is a model, which can be looked at and not trained on: a checkpoint is the two files of a folder in checkpoints/`
        : `no checkpoint is among ${files.length} files: expected ${names.join(' and ')}, or a zip with them`,
    );
  }
  checkSums(last[1]);
  let checkpoint: RunCheckpoint;
  try {
    checkpoint = decodeRunCheckpoint(last[1]);
    requireFinite(checkpoint.step, checkpoint.state);
  } catch (error) {
    if (error instanceof InvalidCheckpointError || error instanceof UserError) {
      throw new UserError(`the checkpoint cannot be used: ${oneLine(error)}`);
    }
    throw error;
  }
  const images = [...all].filter(([path]) => IMAGE_PATH.test(path)).sort(([a], [b]) => (a < b ? -1 : 1));
  return { checkpoint, images: images.map(([name, bytes]) => ({ name, bytes })) };
}
