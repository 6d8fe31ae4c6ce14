/** `device: 'auto'`: every device draws the same tile of samples, and the fastest that draws it right is taken. */

import { DeviceError } from './device-error.js';
import type { LoadedModel } from './generator.js';

/** Loads the model on a device; `signal` ends a trial that takes too long. */
export type DeviceOpener<Device extends string, Model extends LoadedModel = LoadedModel> = (
  device: Device,
  signal: AbortSignal,
) => Promise<Model>;

/** The devices that are compared. */
export interface Candidates<Device extends string> {
  /** The one whose images are taken to be right. */
  processor: Device;
  gpus: readonly Device[];
}

/** What each of them draws. */
export interface Trial {
  /** float32 [count, latent] */
  latents: Float32Array;
  count: number;
}

/** Tiles that are timed, after one that warms up; the fastest counts. */
const TIMED_TILES = 3;
/** The longest that a device may take to load a model and draw its tiles. */
const LIMIT_MS = 60_000;
/** How far images may be from the cpu's: beyond all rounding (CUDA's TF32 included), below anything wrong. */
const TOLERANCE = 0.05;

interface Outcome<Model extends LoadedModel> {
  model: Model;
  /** Milliseconds a tile. */
  ms: number;
  /** As the model gives them. */
  images: Float32Array;
}

async function tryOut<Model extends LoadedModel>(
  model: Model,
  latents: Float32Array,
): Promise<Outcome<Model>> {
  const images = await model.run(latents);
  let ms = Number.POSITIVE_INFINITY;
  for (let i = 0; i < TIMED_TILES; i++) {
    const began = performance.now();
    await model.run(latents);
    ms = Math.min(ms, performance.now() - began);
  }
  return { model, ms, images };
}

async function tryDevice<Device extends string, Model extends LoadedModel>(
  device: Device,
  open: DeviceOpener<Device, Model>,
  latents: Float32Array,
): Promise<Outcome<Model>> {
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(`it drew no samples in ${LIMIT_MS / 1000} seconds`), LIMIT_MS);
  try {
    const model = await open(device, limit.signal);
    try {
      return await tryOut(model, latents);
    } catch (error) {
      await model.release();
      throw error;
    }
  } finally {
    clearTimeout(timer);
  }
}

/** Two digits, or the whole milliseconds. */
function inWords(ms: number): string {
  return `${ms < 10 ? ms.toPrecision(2) : Math.round(ms)} ms`;
}

function agrees(images: Float32Array, expected: Float32Array): boolean {
  return images.every((value, i) => Math.abs(value - expected[i]!) <= TOLERANCE);
}

/** A GPU's trial, or why it has none. */
async function tryGpu<Device extends string, Model extends LoadedModel>(
  device: Device,
  open: DeviceOpener<Device, Model>,
  processor: Device,
  latents: Float32Array,
  expected: Float32Array,
): Promise<Outcome<Model> | string> {
  try {
    const outcome = await tryDevice(device, open, latents);
    if (agrees(outcome.images, expected)) return outcome;
    await outcome.model.release();
    return `${device} draws other images than ${processor}`;
  } catch (error) {
    return `${device} ${error instanceof DeviceError ? error.problem : `cannot be used (${error})`}`;
  }
}

/**
 * Loads a model on every device, times them, and keeps the fastest whose images are the processor's.
 *
 * @returns the model; its placement's reason has what every device did
 * @throws what `open` throws for the processor
 */
export async function fastestModel<Device extends string, Model extends LoadedModel>(
  open: DeviceOpener<Device, Model>,
  { processor, gpus }: Candidates<Device>,
  { latents, count }: Trial,
): Promise<Model> {
  const expected = await tryDevice(processor, open, latents);
  const outcomes = [expected];
  const problems: string[] = [];
  for (const device of gpus) {
    const found = await tryGpu(device, open, processor, latents, expected.images);
    if (typeof found === 'string') problems.push(found);
    else outcomes.push(found);
  }
  const [best, ...others] = outcomes.sort((a, b) => a.ms - b.ms);
  for (const { model } of others) await model.release();
  const times = [best!, ...others].map(
    ({ model, ms }) => `${model.placement.device} takes ${inWords(ms)} for ${count} samples`,
  );
  const placement = { ...best!.model.placement, reason: [...times, ...problems].join('; ') };
  return { ...best!.model, placement };
}
