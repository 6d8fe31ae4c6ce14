/** The table of devices that the session engine runs on in Node. A new one is an entry here. */

import { type GanState, GRAPH_TARGETS, type GraphTarget } from '../export/index.js';
import { type Failure, outOfMemory, reasonOf } from '../infer/device-error.js';
import { UserError } from '../system/user-error.js';
import type { Engine } from './engine.js';
import { createLoopEngine } from './loop-engine.js';
import { ORT_NODE } from './ort-node.js';
import { createResidentEngine } from './resident-engine.js';
import { createSessionEngine } from './session-engine.js';
import type { EngineRequest } from './trainer.js';
import { createWidened } from './widened-engine.js';

export interface DeviceSettings {
  /** Threads inside an operator on the CPU; by default one for each physical core. */
  threads?: number;
  /** The most steps in one call; by default what suits the device. */
  stepsPerCall?: number;
}

export interface DeviceEntry {
  /** One line for a list of devices. */
  description: string;
  /** What step graphs are authored for. */
  target: GraphTarget;
  /** Steps between two readings of losses: each makes a GPU wait for the host. */
  logInterval: number;
  /** What to do when it is not there. */
  remedy: string;
  /** Steps in one call that make up for what a call costs. */
  stepsPerCall: number;
  /** About how long a call may take, in milliseconds, unless the user says how many steps it has. */
  callMs?: number;
  create(request: EngineRequest, settings: DeviceSettings): Promise<Engine>;
}

/** A loop holds state twice more; beyond this, calls of one step are slow enough that what a call costs does not matter. */
const LOOPED_STATE_BYTES = 256 * 2 ** 20;

/** Runs of step graphs in a loop's body on the CPU: most of what unrolling brings, and still quick to open. */
const BODY_RUNS = 4;

function stateBytes(state: GanState): number {
  return [...state.values()].reduce((sum, { data }) => sum + data.byteLength, 0);
}

function createOnCpu(
  request: EngineRequest,
  { stepsPerCall = 1, ...settings }: DeviceSettings,
): Promise<Engine> {
  if (stepsPerCall === 1 || stateBytes(request.state) > LOOPED_STATE_BYTES) {
    return createSessionEngine({ ...request, ...settings });
  }
  const unrolled = Math.max(1, Math.floor(BODY_RUNS / request.order.length));
  return createLoopEngine({ ...request, ...settings, ort: ORT_NODE, providers: ['cpu'], unrolled });
}

export const DEVICES = {
  cpu: {
    description: "the processor, through ONNX Runtime's cpu provider",
    target: GRAPH_TARGETS.cpu,
    logInterval: 1,
    remedy: 'reinstall onnxruntime-node',
    stepsPerCall: 64,
    // Ctrl-C and progress wait for a call.
    callMs: 1000,
    create: (request, settings) => createWidened(request, (wide) => createOnCpu(wide, settings)),
  },
  webgpu: {
    description: "a GPU, through ONNX Runtime's webgpu provider (Vulkan, Metal or Direct3D 12)",
    target: GRAPH_TARGETS.webgpu,
    logInterval: 10,
    remedy: 'install a Vulkan driver for the GPU (on Linux), or use --device cpu',
    stepsPerCall: 1,
    create: (request) => createResidentEngine({ ...request, ort: ORT_NODE, provider: 'webgpu' }),
  },
  cuda: {
    description: "an NVIDIA GPU, through ONNX Runtime's cuda provider, on Linux x64",
    target: { inPlace: false, maxJoined: Number.POSITIVE_INFINITY },
    logInterval: 1,
    remedy:
      'it needs an NVIDIA driver, CUDA 12, cuDNN 9 and the provider itself (ONNXRUNTIME_NODE_INSTALL=cuda12 npm ci), ' +
      'or use --device webgpu or cpu',
    // JavaScript cannot hold its tensors: state crosses the bus once in so many steps.
    stepsPerCall: 64,
    create: (request) => createLoopEngine({ ...request, ort: ORT_NODE, providers: ['cuda'] }),
  },
} satisfies Record<string, DeviceEntry>;

export type DeviceName = keyof typeof DEVICES;

/** What is known of a native error. */
function failureOf(error: unknown): Failure {
  return { message: error instanceof Error ? error.message : String(error) };
}

/** One line for a device that could not be used: what was tried, what was found, what to do. */
export function deviceProblem(device: DeviceName, error: unknown): UserError {
  if (error instanceof UserError) return error;
  const failure = failureOf(error);
  const remedy = outOfMemory(failure)
    ? 'reduce --batch-size or --img-size, or use --device cpu'
    : DEVICES[device].remedy;
  return new UserError(
    `--device ${device} cannot be used (${reasonOf(failure)}): ${remedy}; gan-onnx doctor lists what works`,
  );
}

/** One line for a device that failed in the middle of a run. */
export function deviceFailure(device: DeviceName, error: unknown): UserError {
  const failure = failureOf(error);
  const cause = outOfMemory(failure) ? 'ran out of memory' : 'failed';
  return new UserError(
    `--device ${device} ${cause} in the middle of a step (${reasonOf(failure)}): checkpoints are intact, and --resume goes on from ` +
      'the last one, also with --device cpu',
  );
}

/** The engine, with native errors of its runs in words. */
function withClearErrors(device: DeviceName, engine: Engine): Engine {
  const clear = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      if (error instanceof UserError || error instanceof RangeError) throw error;
      throw deviceFailure(device, error);
    }
  };
  return {
    run: (name, inputs, wants) => clear(engine.run(name, inputs, wants)),
    ...(engine.runMany === undefined ? {} : { runMany: (steps) => clear(engine.runMany!(steps)) }),
    readState: () => clear(engine.readState()),
    close: () => engine.close(),
  };
}

/**
 * Makes the session engine on a device.
 *
 * @throws UserError when the device is not there or cannot run the graphs
 */
export async function createOnDevice(
  device: DeviceName,
  request: EngineRequest,
  settings: DeviceSettings,
): Promise<Engine> {
  const entry: DeviceEntry = DEVICES[device];
  try {
    return withClearErrors(device, await entry.create(request, settings));
  } catch (error) {
    if (error instanceof RangeError) throw error;
    throw deviceProblem(device, error);
  }
}
