/** Loads a generator's model in Node, on a device of onnxruntime-node. */

import { InvalidModelError } from '../onnx/index.js';
import { DeviceError, outOfMemory, reasonOf } from './device-error.js';
import { hostModel } from './device-host.js';
import { deviceError, SAMPLE_DEVICES, type SampleDevice } from './devices.js';
import { type DeviceOpener, fastestModel } from './fastest-device.js';
import type { LoadedModel } from './generator.js';
import { sampleLatents } from './latents.js';
import { type OpenSession, openSession, type SessionRequest } from './node-session.js';
import type { GeneratorDescription } from './read-generator.js';

export interface NodeLoadOptions {
  /** Threads inside an operator; by default one for each physical core. */
  threads?: number;
  /**
   * Where it runs, `cpu` by default; `auto` tries all and takes the fastest. On a GPU the model lives in a process of
   * its own, until the generator is released or this process ends.
   */
  device?: SampleDevice | 'auto';
}

/** Reason of a placement that was not chosen here. */
const ASKED_FOR = 'asked for';

/** An error of ONNX Runtime's cpu provider: memory was short, or the model is to blame. */
function cpuProblem(what: string, when: 'loading' | 'running', error: unknown): Error {
  if (error instanceof InvalidModelError) return error;
  const failure = { message: error instanceof Error ? error.message : String(error) };
  if (outOfMemory(failure)) return deviceError('cpu', failure, when);
  return new InvalidModelError(`ONNX Runtime ${what} (${reasonOf(failure)})`);
}

async function openOnCpu(bytes: Uint8Array, request: SessionRequest, reason: string): Promise<LoadedModel> {
  let session: OpenSession;
  try {
    session = await openSession(bytes, request);
  } catch (error) {
    throw cpuProblem('refuses it', 'loading', error);
  }
  return {
    placement: { device: 'cpu', reason, wholly: true },
    run: (latents) =>
      session.run(latents).catch((error: unknown) => {
        throw cpuProblem('cannot run it', 'running', error);
      }),
    release: () => session.release(),
  };
}

/** Loads on a GPU. What it refuses is shown to the CPU, which knows whether the model is to blame. */
async function openOnGpu(bytes: Uint8Array, request: SessionRequest): Promise<LoadedModel> {
  try {
    return await hostModel(bytes, request, ASKED_FOR);
  } catch (error) {
    if (error instanceof DeviceError) {
      await (await openOnCpu(bytes, { ...request, device: 'cpu' }, ASKED_FOR)).release();
    }
    throw error;
  }
}

const GPUS = (Object.keys(SAMPLE_DEVICES) as SampleDevice[]).filter((device) => device !== 'cpu');

/** Makes a session from a model's bytes. */
export type ModelLoader = (bytes: Uint8Array, description: GeneratorDescription) => Promise<LoadedModel>;

/**
 * The loader of onnxruntime-node; it and its models throw DeviceError when the device fails.
 *
 * @throws RangeError when there is no such device
 */
export function nodeLoader({ threads, device = 'cpu' }: NodeLoadOptions = {}): ModelLoader {
  if (device !== 'auto' && !Object.hasOwn(SAMPLE_DEVICES, device)) {
    throw new RangeError(
      `device is ${device}: expected one of ${Object.keys(SAMPLE_DEVICES).join(', ')}, auto`,
    );
  }
  return (bytes, description) => {
    const { input, output, latentShape, image, latentSize, distribution, batch } = description;
    const ports = { input, output, latentShape, image };
    if (device === 'cpu') return openOnCpu(bytes, { device, ports, threads }, ASKED_FOR);
    if (device !== 'auto') return openOnGpu(bytes, { device, ports, threads });
    const open: DeviceOpener<SampleDevice> = (one, signal) => {
      const request = { device: one, ports, threads };
      return one === 'cpu' ? openOnCpu(bytes, request, '') : hostModel(bytes, request, '', signal);
    };
    const latents = sampleLatents({ size: latentSize, distribution }, { count: batch });
    return fastestModel(open, { processor: 'cpu', gpus: GPUS }, { latents, count: batch });
  };
}
