/** The table of devices that sample in Node, and the error for one that cannot. */

export interface SampleDeviceEntry {
  /** One line for a list of devices. */
  description: string;
  /** Execution provider of onnxruntime-node. */
  provider: 'cpu' | 'webgpu' | 'cuda';
  /** Whether every node of a model must run there before the CPU may help with some. */
  strict: boolean;
  /** What it takes. */
  needs: string;
  /** What to do when its memory is full. */
  whenFull: string;
}

const ELSEWHERE = 'use a GPU with more memory, or device cpu';

export const SAMPLE_DEVICES = {
  cpu: {
    description: 'the processor',
    provider: 'cpu',
    strict: false,
    needs: 'it needs onnxruntime-node as npm installs it: reinstall that',
    whenFull: 'end other programs, or use a generator of smaller images',
  },
  webgpu: {
    description: 'a GPU, through Vulkan, Metal or Direct3D 12',
    provider: 'webgpu',
    strict: true,
    needs: 'it needs a GPU and its driver for Vulkan, Metal or Direct3D 12: install them, or use device cpu',
    whenFull: ELSEWHERE,
  },
  cuda: {
    description: "an NVIDIA GPU, on Linux x64, with ONNX Runtime's CUDA library",
    provider: 'cuda',
    strict: false,
    needs:
      "it needs an NVIDIA GPU with its driver, CUDA 12, cuDNN 9, and ONNX Runtime's CUDA library " +
      '(ONNXRUNTIME_NODE_INSTALL=cuda12 npm ci): install them, or use device webgpu or cpu',
    whenFull: ELSEWHERE,
  },
} satisfies Record<string, SampleDeviceEntry>;

export type SampleDevice = keyof typeof SAMPLE_DEVICES;

/** A device that is not there, is out of memory, or was lost. Its message is one line. */
export class DeviceError extends Error {
  override readonly name = 'DeviceError';

  /**
   * @param problem what was found, in words that follow the device's name
   * @param remedy what to do
   */
  constructor(
    readonly device: SampleDevice,
    readonly problem: string,
    remedy: string,
  ) {
    super(`device ${device} ${problem}: ${remedy}`);
  }
}

/** What is known of a failure: an error's message, and what native code wrote on stderr. */
export interface Failure {
  message: string;
  log?: string;
}

/** How native code says why, from the most to the least telling; the first group is the reason. */
const REASONS: readonly RegExp[] = [
  // A library of a provider, or one that it needs in turn, as the system's loader says it.
  /Failed to load library .* with error: (?:.*[\\/])?(.+)/,
  /WebGPU device error\(\d+\): (.+)/,
  // "<file>:<line> <function> <condition> was false. <reason>"
  /was (?:true|false)\. (.+)/,
];

/** The reason for a failure: one line, without places in native source. */
export function reasonOf({ message, log = '' }: Failure): string {
  for (const pattern of REASONS) {
    const found = pattern.exec(log) ?? pattern.exec(message);
    if (found !== null) return found[1]!.trim().slice(0, 200);
  }
  return message.split('\n', 1)[0]!.slice(0, 200);
}

const OUT_OF_MEMORY = /out.of.(?:device.|host.)?memory|bad.alloc|failed to allocate|max buffer size/i;

/** Whether memory was short. */
export function outOfMemory({ message, log = '' }: Failure): boolean {
  return OUT_OF_MEMORY.test(message) || OUT_OF_MEMORY.test(log);
}

/** The error for a failure of a device while it loaded a model, or while it ran one. */
export function deviceError(
  device: SampleDevice,
  failure: Failure,
  when: 'loading' | 'running',
): DeviceError {
  const { needs, whenFull } = SAMPLE_DEVICES[device];
  const reason = reasonOf(failure);
  if (outOfMemory(failure)) return new DeviceError(device, `ran out of memory (${reason})`, whenFull);
  if (when === 'loading') return new DeviceError(device, `cannot be used (${reason})`, needs);
  return new DeviceError(device, `failed while sampling (${reason})`, 'try again, or use device cpu');
}
