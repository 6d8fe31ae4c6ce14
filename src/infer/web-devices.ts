/** The table of devices that sample in a page. */

import type { Remedies } from './device-error.js';

export interface WebSampleDeviceEntry extends Remedies {
  /** One line for a list of devices. */
  description: string;
  /** Execution provider of onnxruntime-web. */
  provider: 'wasm' | 'webgpu';
}

const ELSEWHERE = 'use device wasm';

export const WEB_SAMPLE_DEVICES = {
  wasm: {
    description: 'the processor, through WebAssembly, with threads where the page is cross-origin isolated',
    provider: 'wasm',
    needs:
      "ONNX Runtime's .mjs and .wasm files must lie beside the page's script, and the page's security policy must " +
      "allow 'wasm-unsafe-eval'",
    whenFull: 'close other pages, or use a generator of smaller images',
    whenLost: 'load the page again',
  },
  webgpu: {
    description: 'a GPU, through WebGPU',
    provider: 'webgpu',
    needs: `it needs a browser with WebGPU on a machine with a GPU: ${ELSEWHERE}`,
    whenFull: ELSEWHERE,
    whenLost: `load the page again, or ${ELSEWHERE}`,
  },
} satisfies Record<string, WebSampleDeviceEntry>;

export type WebSampleDevice = keyof typeof WEB_SAMPLE_DEVICES;
