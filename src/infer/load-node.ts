/** Loads a generator in Node, on a device of onnxruntime-node. */

import { readFile } from 'node:fs/promises';
import { InvalidModelError } from '../onnx/index.js';
import { hostModel } from './device-host.js';
import { DeviceError, deviceError, outOfMemory, reasonOf, type SampleDevice } from './devices.js';
import { type DeviceOpener, fastestModel } from './fastest-device.js';
import { Generator, type LoadedModel, type ModelLoader } from './generator.js';
import { type OpenSession, openSession, type SessionRequest } from './node-session.js';

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

/** The loader of onnxruntime-node; it and its models throw DeviceError when the device fails. */
export function nodeLoader({ threads, device = 'cpu' }: NodeLoadOptions = {}): ModelLoader {
  return (bytes, { input, output, latentSize, image, distribution }) => {
    const ports = { input, output, latentSize, image };
    if (device === 'cpu') return openOnCpu(bytes, { device, ports, threads }, ASKED_FOR);
    if (device !== 'auto') return openOnGpu(bytes, { device, ports, threads });
    const open: DeviceOpener = (one, signal) => {
      const request = { device: one, ports, threads };
      return one === 'cpu' ? openOnCpu(bytes, request, '') : hostModel(bytes, request, '', signal);
    };
    return fastestModel(open, { size: latentSize, distribution });
  };
}

/**
 * Loads a generator.onnx.
 *
 * @param source path of the file, or its bytes
 * @throws InvalidModelError when it is not a generator; DeviceError when the device cannot be used; the file system's
 * error when the file cannot be read
 *
 * @example
 * const generator = await loadGenerator('generator.onnx', { device: 'auto' });
 * console.log(generator.placement); // { device: 'webgpu', reason: 'webgpu takes 0.9 ms for 64 samples; ...', ... }
 * const samples = await generator.sample({ count: 16, seed: 1 }); // float32 [16, C, H, W] in [-1, 1]
 */
export async function loadGenerator(
  source: string | Uint8Array,
  options: NodeLoadOptions = {},
): Promise<Generator> {
  const bytes = typeof source === 'string' ? await readFile(source) : source;
  return Generator.create(bytes, nodeLoader(options));
}
