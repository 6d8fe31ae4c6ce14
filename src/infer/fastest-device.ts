/** `device: 'auto'`: every device draws the same tile of samples, and the fastest that draws it right is taken. */

import type { Distribution } from '../random/index.js';
import { TILE } from './description.js';
import { DeviceError, SAMPLE_DEVICES, type SampleDevice } from './devices.js';
import { type LoadedModel, sampleLatents } from './generator.js';

/** Loads the model on a device; `signal` ends a trial that takes too long. */
export type DeviceOpener = (device: SampleDevice, signal: AbortSignal) => Promise<LoadedModel>;

const GPUS = (Object.keys(SAMPLE_DEVICES) as SampleDevice[]).filter((device) => device !== 'cpu');
/** Tiles that are timed, after one that warms up; the fastest counts. */
const TIMED_TILES = 3;
/** The longest that a device may take to load a model and draw its tiles. */
const LIMIT_MS = 60_000;
/** How far images may be from the cpu's: beyond all rounding (CUDA's TF32 included), below anything wrong. */
const TOLERANCE = 0.05;

interface Trial {
  model: LoadedModel;
  /** Milliseconds a tile. */
  ms: number;
  /** float32 [TILE, C, H, W] */
  images: Float32Array;
}

async function tryOut(model: LoadedModel, latents: Float32Array): Promise<Trial> {
  const images = await model.run(latents);
  let ms = Number.POSITIVE_INFINITY;
  for (let i = 0; i < TIMED_TILES; i++) {
    const began = performance.now();
    await model.run(latents);
    ms = Math.min(ms, performance.now() - began);
  }
  return { model, ms, images };
}

async function tryDevice(device: SampleDevice, open: DeviceOpener, latents: Float32Array): Promise<Trial> {
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
async function tryGpu(
  device: SampleDevice,
  open: DeviceOpener,
  latents: Float32Array,
  expected: Float32Array,
): Promise<Trial | string> {
  try {
    const trial = await tryDevice(device, open, latents);
    if (agrees(trial.images, expected)) return trial;
    await trial.model.release();
    return `${device} draws other images than the cpu`;
  } catch (error) {
    return `${device} ${error instanceof DeviceError ? error.problem : `cannot be used (${error})`}`;
  }
}

/**
 * Loads a model on every device, times them, and keeps the fastest whose images are the cpu's.
 *
 * @param latent size and distribution of the model's latents
 * @returns the model; its placement's reason has what every device did
 * @throws what `open` throws for the cpu
 */
export async function fastestModel(
  open: DeviceOpener,
  latent: { size: number; distribution: Distribution },
): Promise<LoadedModel> {
  const latents = sampleLatents(latent, { count: TILE });
  const cpu = await tryDevice('cpu', open, latents);
  const trials = [cpu];
  const problems: string[] = [];
  for (const device of GPUS) {
    const found = await tryGpu(device, open, latents, cpu.images);
    if (typeof found === 'string') problems.push(found);
    else trials.push(found);
  }
  const [best, ...others] = trials.sort((a, b) => a.ms - b.ms);
  for (const { model } of others) await model.release();
  const times = [best!, ...others].map(
    ({ model, ms }) => `${model.placement.device} takes ${inWords(ms)} for ${TILE} samples`,
  );
  const placement = { ...best!.model.placement, reason: [...times, ...problems].join('; ') };
  return { ...best!.model, placement };
}
