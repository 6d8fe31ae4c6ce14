/** Loads a generator's model in a page, on a device of onnxruntime-web. */

import type { InferenceSession, Tensor, TensorConstructor } from 'onnxruntime-common';
import { InvalidModelError } from '../onnx/index.js';
import type { GeneratorDescription } from './description.js';
import { DeviceError, failureOf, outOfMemory, reasonOf } from './device-error.js';
import { type DeviceOpener, fastestModel } from './fastest-device.js';
import type { LoadedModel, ModelLoader } from './generator.js';
import { sampleLatents } from './latents.js';
import { checkedImages } from './planes.js';
import { WEB_SAMPLE_DEVICES, type WebSampleDevice } from './web-devices.js';

/** What is needed of onnxruntime-web. */
export interface WebOrt {
  InferenceSession: {
    create(bytes: Uint8Array, options?: InferenceSession.SessionOptions): Promise<InferenceSession>;
  };
  Tensor: TensorConstructor;
  env: { logLevel?: string; wasm: { numThreads?: number; wasmPaths?: unknown } };
}

export interface WebLoadOptions {
  /**
   * Where it runs: `wasm` by default (`cpu` is the same, so that code runs in Node too); `webgpu`; `auto` tries the
   * GPU, where the browser has one, and takes the faster.
   */
  device?: WebSampleDevice | 'cpu' | 'auto';
  /** Threads of WASM, in a page that is cross-origin isolated. */
  threads?: number;
  /** The onnxruntime-web that the page has already; by default the installed one is imported. */
  ort?: WebOrt;
}

/** The build of onnxruntime-web that has a device; that of WebGPU has WASM too. */
const BUILDS = {
  wasm: () => import('onnxruntime-web/wasm') as Promise<WebOrt>,
  webgpu: () => import('onnxruntime-web/webgpu') as Promise<WebOrt>,
} satisfies Record<WebSampleDevice, () => Promise<WebOrt>>;

const ASKED_FOR = 'asked for';

function failure(error: unknown): { message: string } {
  return { message: error instanceof Error ? error.message : String(error) };
}

/** Whether the browser offers a GPU. */
async function hasGpu(): Promise<boolean> {
  const { gpu } = navigator as { gpu?: { requestAdapter(): Promise<object | null> } };
  return ((await gpu?.requestAdapter().catch(() => null)) ?? null) !== null;
}

async function importBuild(device: WebSampleDevice, { ort, threads }: WebLoadOptions): Promise<WebOrt> {
  try {
    const build = ort ?? (await BUILDS[device]());
    build.env.logLevel = 'fatal';
    if (threads !== undefined) build.env.wasm.numThreads = threads;
    return build;
  } catch (error) {
    throw failureOf(device, WEB_SAMPLE_DEVICES[device], failure(error), 'loading');
  }
}

/** The error of a session that could not be opened: the device, or else the model, is to blame. */
function loadingProblem(device: WebSampleDevice, error: unknown): Error {
  const found = failure(error);
  // With WASM there is nothing that can be missing once ONNX Runtime itself has started.
  const started = !/no available backend|failed to (?:load|fetch)|initializ|CompileError/i.test(
    found.message,
  );
  if (device === 'wasm' && started && !outOfMemory(found)) {
    return new InvalidModelError(`ONNX Runtime refuses it (${reasonOf(found)})`);
  }
  return failureOf(device, WEB_SAMPLE_DEVICES[device], found, 'loading');
}

async function open(
  ort: WebOrt,
  bytes: Uint8Array,
  device: WebSampleDevice,
  { input, output, latentShape, image }: GeneratorDescription,
  reason: string,
): Promise<LoadedModel> {
  const { provider } = WEB_SAMPLE_DEVICES[device];
  let session: InferenceSession;
  try {
    session = await ort.InferenceSession.create(bytes, {
      executionProviders: [provider],
      graphOptimizationLevel: 'all',
      logSeverityLevel: 4,
    });
  } catch (error) {
    throw loadingProblem(device, error);
  }
  const pixels = image.reduce((a, b) => a * b, 1);
  return {
    placement: { device, reason, wholly: device === 'wasm' },
    async run(latents) {
      const count = latents.length / latentShape[0]!;
      const feeds = { [input]: new ort.Tensor('float32', latents, [count, ...latentShape]) };
      let found: Tensor;
      try {
        found = (await session.run(feeds, [output]))[output]!;
      } catch (error) {
        throw failureOf(device, WEB_SAMPLE_DEVICES[device], failure(error), 'running');
      }
      return checkedImages(found.data, count * pixels, { output, image });
    },
    release: () => session.release(),
  };
}

/** Both devices of one build, so that ONNX Runtime is downloaded once. */
async function openFastest(
  bytes: Uint8Array,
  description: GeneratorDescription,
  options: WebLoadOptions,
): Promise<LoadedModel> {
  if (!(await hasGpu())) {
    const ort = await importBuild('wasm', options);
    return open(ort, bytes, 'wasm', description, 'the browser offers no GPU');
  }
  const ort = await importBuild('webgpu', options);
  const opener: DeviceOpener<WebSampleDevice> = (device) => open(ort, bytes, device, description, '');
  const { latentSize: size, distribution, batch: count } = description;
  const latents = sampleLatents({ size, distribution }, { count });
  return fastestModel(opener, { processor: 'wasm', gpus: ['webgpu'] }, { latents, count });
}

/**
 * The loader of onnxruntime-web; it and its models throw DeviceError when the device fails.
 *
 * @throws RangeError when there is no such device
 */
export function webLoader(options: WebLoadOptions = {}): ModelLoader {
  const { device = 'wasm' } = options;
  if (device === 'auto') return (bytes, description) => openFastest(bytes, description, options);
  const chosen = device === 'cpu' ? 'wasm' : device;
  if (!Object.hasOwn(WEB_SAMPLE_DEVICES, chosen)) {
    const known = Object.keys(WEB_SAMPLE_DEVICES).join(', ');
    throw new RangeError(`device is ${device}: expected one of ${known}, cpu, auto`);
  }
  return async (bytes, description) => {
    if (chosen === 'webgpu' && !(await hasGpu())) {
      throw new DeviceError(chosen, 'is not offered by this browser', WEB_SAMPLE_DEVICES[chosen].needs);
    }
    return open(await importBuild(chosen, options), bytes, chosen, description, ASKED_FOR);
  };
}
