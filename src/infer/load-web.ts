/** Loads a generator's model on a device of onnxruntime-web; runs in the worker. */

import type { InferenceSession, Tensor, TensorConstructor } from 'onnxruntime-common';
import { InvalidModelError } from '../onnx/index.js';
import { DeviceError, failureOf, outOfMemory, reasonOf } from './device-error.js';
import { type DeviceOpener, fastestModel } from './fastest-device.js';
import type { LoadedModel } from './generator.js';
import type { GeneratorPorts } from './read-generator.js';
import { WEB_SAMPLE_DEVICES, type WebSampleDevice } from './web-devices.js';

/** What is needed of onnxruntime-web. */
interface WebOrt {
  InferenceSession: {
    create(bytes: Uint8Array, options?: InferenceSession.SessionOptions): Promise<InferenceSession>;
  };
  Tensor: TensorConstructor;
  env: { logLevel?: string; wasm: { numThreads?: number } };
}

export interface WebModelOptions {
  device: WebSampleDevice | 'auto';
  /** Threads of WASM. */
  threads?: number;
  /** Address of the folder with ONNX Runtime's files; by default the bundler knows. */
  ort?: string;
}

/** What is loaded, and how. */
export interface WebLoadRequest {
  bytes: Uint8Array;
  ports: GeneratorPorts;
  options: WebModelOptions;
  /** Latents of a batch, float32 [batch, latent]. */
  trial: Float32Array;
  /** Called whenever something is done: ONNX Runtime has started, the model has run once. */
  onAlive: () => void;
}

export interface WebModel extends LoadedModel {
  /** Shape of the output of the last run. */
  outputShape(): readonly number[];
}

/** The build of onnxruntime-web that has a device; that of WebGPU has WASM too. */
const BUILDS: Record<WebSampleDevice, { file: string; installed: () => Promise<unknown> }> = {
  wasm: { file: 'ort.wasm.min.mjs', installed: () => import('onnxruntime-web/wasm') },
  webgpu: { file: 'ort.webgpu.min.mjs', installed: () => import('onnxruntime-web/webgpu') },
};

const ASKED_FOR = 'asked for';

function failure(error: unknown): { message: string } {
  return { message: error instanceof Error ? error.message : String(error) };
}

/** Whether the browser offers a GPU. */
async function hasGpu(): Promise<boolean> {
  const { gpu } = navigator as { gpu?: { requestAdapter(): Promise<object | null> } };
  return ((await gpu?.requestAdapter().catch(() => null)) ?? null) !== null;
}

/** Imports a build and lets it fetch and start its WASM, which a model that is none is enough for. */
async function startBuild(device: WebSampleDevice, { ort, threads }: WebModelOptions): Promise<WebOrt> {
  const { file, installed } = BUILDS[device];
  let build: WebOrt;
  try {
    const found = await (ort === undefined
      ? installed()
      : import(/* @vite-ignore */ new URL(file, ort).href));
    build = found as WebOrt;
  } catch (error) {
    throw failureOf(device, WEB_SAMPLE_DEVICES[device], failure(error), 'loading');
  }
  build.env.logLevel = 'fatal';
  if (threads !== undefined) build.env.wasm.numThreads = threads;
  try {
    await build.InferenceSession.create(new Uint8Array(1), {
      executionProviders: ['wasm'],
      logSeverityLevel: 4,
    });
  } catch (error) {
    if (NOT_STARTED.test(failure(error).message)) {
      throw failureOf(device, WEB_SAMPLE_DEVICES[device], failure(error), 'loading');
    }
  }
  return build;
}

/** How ONNX Runtime says that it could not even begin. */
const NOT_STARTED = /no available backend/i;

/**
 * An error of ONNX Runtime: with WASM there is nothing that can be missing once it has started, so that the model is to
 * blame unless memory was short.
 */
function problem(device: WebSampleDevice, error: unknown, when: 'loading' | 'running'): Error {
  const found = failure(error);
  if (device === 'wasm' && !outOfMemory(found)) {
    const what = when === 'loading' ? 'refuses it' : 'cannot run it';
    return new InvalidModelError(`ONNX Runtime ${what} (${reasonOf(found)})`);
  }
  return failureOf(device, WEB_SAMPLE_DEVICES[device], found, when);
}

async function open(
  ort: WebOrt,
  { bytes, ports, onAlive }: WebLoadRequest,
  device: WebSampleDevice,
  reason: string,
): Promise<WebModel> {
  const { input, output, latentShape, latentSize } = ports;
  let session: InferenceSession;
  try {
    session = await ort.InferenceSession.create(bytes, {
      executionProviders: [WEB_SAMPLE_DEVICES[device].provider],
      graphOptimizationLevel: 'all',
      logSeverityLevel: 4,
    });
  } catch (error) {
    throw problem(device, error, 'loading');
  }
  let shape: readonly number[] = [];
  return {
    placement: { device, reason, wholly: device === 'wasm' },
    outputShape: () => shape,
    async run(latents) {
      const feeds = {
        [input]: new ort.Tensor('float32', latents, [latents.length / latentSize, ...latentShape]),
      };
      let found: Tensor;
      try {
        found = (await session.run(feeds, [output]))[output]!;
      } catch (error) {
        throw problem(device, error, 'running');
      }
      if (!(found.data instanceof Float32Array)) throw new InvalidModelError('its output is not float32');
      shape = found.dims;
      onAlive();
      return found.data;
    },
    release: () => session.release(),
  };
}

/** Starts the build that has a device. */
async function start(device: WebSampleDevice, { options, onAlive }: WebLoadRequest): Promise<WebOrt> {
  const ort = await startBuild(device, options);
  onAlive();
  return ort;
}

/** Both devices of one build, so that ONNX Runtime is downloaded once; WASM where there is no GPU, or no build for it. */
async function openFastest(request: WebLoadRequest): Promise<WebModel> {
  let reason = 'the browser offers no GPU';
  if (await hasGpu()) {
    try {
      const ort = await start('webgpu', request);
      const opener: DeviceOpener<WebSampleDevice, WebModel> = (device) => open(ort, request, device, '');
      const trial = { latents: request.trial, count: request.ports.batch };
      return await fastestModel(opener, { processor: 'wasm', gpus: ['webgpu'] }, trial);
    } catch (error) {
      if (!(error instanceof DeviceError)) throw error;
      reason = `webgpu ${error.problem}`;
    }
  }
  return open(await start('wasm', request), request, 'wasm', reason);
}

async function openOn(device: WebSampleDevice, request: WebLoadRequest): Promise<WebModel> {
  if (device === 'webgpu' && !(await hasGpu())) {
    throw new DeviceError(device, 'is not offered by this browser', WEB_SAMPLE_DEVICES[device].needs);
  }
  return open(await start(device, request), request, device, ASKED_FOR);
}

/**
 * Loads a model, and runs it: its `outputShape` is that of a batch.
 *
 * @throws InvalidModelError when ONNX Runtime refuses it; DeviceError when the device cannot be used
 */
export async function loadWebModel(request: WebLoadRequest): Promise<WebModel> {
  const { device } = request.options;
  const model = await (device === 'auto' ? openFastest(request) : openOn(device, request));
  if (model.outputShape().length === 0) await model.run(request.trial);
  return model;
}
