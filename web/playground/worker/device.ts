/** What runs the steps of a run: WebGPU, WASM with or without threads, or the training API; each loads its own files. */

import type { GraphTarget } from '../../../src/export/index.js';
import { trainingApiLimit } from '../../../src/train/training-api-limits.js';
import {
  createTrainingApiEngine,
  type EngineFactory,
  type RunConfig,
  type TrainingApi,
  UserError,
  WEB_TARGETS,
  type WebOrtModule,
  webEngine,
} from '../../../src/train/web.js';
import type { PlaygroundDevice, RunInfo } from '../protocol.js';

type Device = RunInfo['device'];

/** A build of onnxruntime-web. */
export interface WebOrt extends WebOrtModule {
  env: WebOrtModule['env'] & { logLevel?: string; wasm: { numThreads?: number } };
}

/** A device that was chosen, ready to make an engine. */
export interface ChosenDevice {
  device: Device;
  threads: number;
  engine: EngineFactory;
  target: GraphTarget;
  /** The most steps in one call. */
  stepsPerCall: number;
  /** Name of the engine, for checkpoints. */
  engineName: 'session' | 'training-api';
  /** Runs G and D for looks, on WASM. */
  viewing: WebOrt;
  notices: string[];
}

/** More threads than these gain nothing on networks of this size. */
const MAX_THREADS = 4;

/** Threads of WASM: half of the processor's, where the page is cross-origin isolated. */
function wasmThreads(): number {
  if (!globalThis.crossOriginIsolated) return 1;
  return Math.max(1, Math.min(MAX_THREADS, Math.floor((navigator.hardwareConcurrency ?? 2) / 2)));
}

interface Adapter {
  info?: { isFallbackAdapter?: boolean };
  isFallbackAdapter?: boolean;
}

async function findGpu(): Promise<Adapter | undefined> {
  const { gpu } = navigator as { gpu?: { requestAdapter(): Promise<Adapter | null> } };
  return (await gpu?.requestAdapter().catch(() => null)) ?? undefined;
}

const isSoftware = ({ info, isFallbackAdapter }: Adapter): boolean =>
  (info?.isFallbackAdapter ?? isFallbackAdapter) === true;

async function load(what: string, found: Promise<unknown>): Promise<WebOrt> {
  let ort: WebOrt;
  try {
    ort = (await found) as WebOrt;
  } catch (error) {
    throw new UserError(
      `ONNX Runtime for ${what} cannot be loaded (${(error as Error).message}): load the page again`,
    );
  }
  ort.env.logLevel = 'fatal';
  ort.env.wasm.numThreads = wasmThreads();
  return ort;
}

const BUILDS = {
  wasm: () => load('wasm', import('onnxruntime-web/wasm')),
  webgpu: () => load('webgpu', import('onnxruntime-web/webgpu')),
};

/** Steps in one call, for networks whose steps take less than a call. */
const SMALL_STEPS = 8;

async function openSession(
  device: 'wasm' | 'webgpu',
  { gan }: RunConfig,
  notices: string[] = [],
): Promise<ChosenDevice> {
  const loop = device === 'wasm' && gan === 'points';
  const viewing = await BUILDS[device]();
  return {
    device,
    threads: device === 'wasm' ? wasmThreads() : 1,
    engine: webEngine(viewing, device, { loop }),
    target: WEB_TARGETS[device],
    stepsPerCall: loop ? SMALL_STEPS : 1,
    engineName: 'session',
    viewing,
    notices,
  };
}

async function openTrainingApi(config: RunConfig): Promise<ChosenDevice> {
  const limit = trainingApiLimit(config);
  if (limit !== undefined) throw new UserError(`the training API cannot do ${limit}: choose another device`);
  if (config.optimizer.kind !== 'adam') {
    throw new UserError(
      'the training API has Adam, and no SGD with momentum: choose another optimiser or device',
    );
  }
  const api = (await load('training', import('onnxruntime-training/training'))) as unknown as TrainingApi &
    WebOrt;
  // Its second thread never starts.
  api.env.wasm.numThreads = 1;
  return {
    device: 'training-api',
    threads: 1,
    engine: ({ options, state }) => createTrainingApiEngine({ api, options, state }),
    target: WEB_TARGETS.wasm,
    stepsPerCall: 1,
    engineName: 'training-api',
    viewing: await BUILDS.wasm(),
    notices: ['the training API does not give out its moments: after a reload the optimiser begins anew'],
  };
}

/**
 * The device for a run. `auto` is WASM for points, whose small steps a GPU only makes wait, and for images the GPU if there
 * is one; a GPU that was asked for and is not there is a notice.
 *
 * @throws UserError when its files cannot be loaded, or it cannot train with this configuration
 */
export async function chooseDevice(wanted: PlaygroundDevice, config: RunConfig): Promise<ChosenDevice> {
  if (wanted === 'training-api') return openTrainingApi(config);
  if (wanted === 'wasm' || (wanted === 'auto' && config.gan === 'points')) return openSession('wasm', config);
  const gpu = await findGpu();
  if (gpu !== undefined && (wanted === 'webgpu' || !isSoftware(gpu))) return openSession('webgpu', config);
  const notices =
    wanted === 'webgpu' ? ['this browser offers no GPU (WebGPU), so training goes on WASM'] : [];
  return openSession('wasm', config, notices);
}
