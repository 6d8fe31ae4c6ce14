/** A generator as a session of onnxruntime-node, in this process. */

import { InferenceSession, Tensor } from 'onnxruntime-node';
import { SAMPLE_DEVICES, type SampleDevice, type SampleDeviceEntry } from './devices.js';
import { checkedImages } from './planes.js';
import type { GeneratorDescription } from './read-generator.js';

/** What a session must know of a generator. */
export type ModelPorts = Pick<GeneratorDescription, 'input' | 'output' | 'latentShape' | 'image'>;

export interface SessionRequest {
  device: SampleDevice;
  ports: ModelPorts;
  /** Threads inside an operator on the CPU. */
  threads?: number | undefined;
}

export interface OpenSession {
  /** Whether every node runs on the device. */
  wholly: boolean;
  /** Latents float32 [n, latent] in, the images of them out, as the model gives them. */
  run(latents: Float32Array): Promise<Float32Array>;
  release(): Promise<void>;
}

const NO_FALLBACK = { session: { disable_cpu_ep_fallback: '1' } };

/** A session on a device: all of it there, or, for a model that needs it, with the CPU's help. */
async function create(
  bytes: Uint8Array,
  { device, threads }: SessionRequest,
): Promise<{ session: InferenceSession; wholly: boolean }> {
  const { provider, strict }: SampleDeviceEntry = SAMPLE_DEVICES[device];
  const options: InferenceSession.SessionOptions = {
    executionProviders: [provider],
    graphOptimizationLevel: 'all',
    logSeverityLevel: 4,
    ...(threads === undefined ? {} : { intraOpNumThreads: threads }),
  };
  if (!strict) return { session: await InferenceSession.create(bytes, options), wholly: device === 'cpu' };
  try {
    const session = await InferenceSession.create(bytes, { ...options, extra: NO_FALLBACK });
    return { session, wholly: true };
  } catch (error) {
    if (!/fallback to CPU EP has been explicitly disabled/.test(String(error))) throw error;
    return { session: await InferenceSession.create(bytes, options), wholly: false };
  }
}

/**
 * Loads a generator on a device. Its outputs come to the CPU by themselves: asking a GPU tensor for its data would
 * abort Node.
 *
 * @throws ONNX Runtime's error; `run` too, and InvalidModelError when the output is not what `ports` promises
 */
export async function openSession(bytes: Uint8Array, request: SessionRequest): Promise<OpenSession> {
  const { input, output, latentShape, image } = request.ports;
  const { session, wholly } = await create(bytes, request);
  const pixels = image.reduce((a, b) => a * b, 1);
  return {
    wholly,
    async run(latents) {
      const count = latents.length / latentShape[0]!;
      const feeds = { [input]: new Tensor('float32', latents, [count, ...latentShape]) };
      const { data } = (await session.run(feeds, [output]))[output]!;
      return checkedImages(data, count * pixels, request.ports);
    },
    release: () => session.release(),
  };
}
