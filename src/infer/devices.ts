/** The table of devices that sample in Node, and the error for one that cannot. */

import { type DeviceError, type Failure, failureOf, type Remedies } from './device-error.js';

export interface SampleDeviceEntry extends Remedies {
  /** One line for a list of devices. */
  description: string;
  /** Execution provider of onnxruntime-node. */
  provider: 'cpu' | 'webgpu' | 'cuda';
  /** Whether every node of a model must run there before the CPU may help with some. */
  strict: boolean;
}

const ELSEWHERE = 'use a GPU with more memory, or device cpu';
const AGAIN = 'try again, or use device cpu';

export const SAMPLE_DEVICES = {
  cpu: {
    description: 'the processor',
    provider: 'cpu',
    strict: false,
    needs: 'it needs onnxruntime-node as npm installs it: reinstall that',
    whenFull: 'end other programs, or use a generator of smaller images',
    whenLost: AGAIN,
  },
  webgpu: {
    description: 'a GPU, through Vulkan, Metal or Direct3D 12',
    provider: 'webgpu',
    strict: true,
    needs: 'it needs a GPU and its driver for Vulkan, Metal or Direct3D 12: install them, or use device cpu',
    whenFull: ELSEWHERE,
    whenLost: AGAIN,
  },
  cuda: {
    description: "an NVIDIA GPU, on Linux x64, with ONNX Runtime's CUDA library",
    provider: 'cuda',
    strict: false,
    needs:
      "it needs an NVIDIA GPU with its driver, CUDA 12, cuDNN 9, and ONNX Runtime's CUDA library " +
      '(ONNXRUNTIME_NODE_INSTALL=cuda12 npm ci): install them, or use device webgpu or cpu',
    whenFull: ELSEWHERE,
    whenLost: AGAIN,
  },
} satisfies Record<string, SampleDeviceEntry>;

export type SampleDevice = keyof typeof SAMPLE_DEVICES;

/** The error for a failure of a device while it loaded a model, or while it ran one. */
export function deviceError(
  device: SampleDevice,
  failure: Failure,
  when: 'loading' | 'running',
): DeviceError {
  return failureOf(device, SAMPLE_DEVICES[device], failure, when);
}
