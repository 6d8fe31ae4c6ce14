/**
 * The session engine in a page, on the page's own onnxruntime-web: WebGPU with its state on the visitor's GPU, or WASM
 * (with threads where the page is cross-origin isolated).
 */

import { GRAPH_TARGETS, type GraphTarget } from '../export/index.js';
import { UserError } from '../system/user-error.js';
import type { Engine } from './engine.js';
import { createLoopEngine } from './loop-engine.js';
import type { OrtModule } from './ort.js';
import { createResidentEngine } from './resident-engine.js';
import type { EngineFactory } from './trainer.js';

export type WebDevice = 'webgpu' | 'wasm';

/** What a lost GPU tells of its end. */
interface LostInfo {
  reason?: string;
  message: string;
}

/** `import * as ort from 'onnxruntime-web/webgpu'`, or from 'onnxruntime-web/wasm' for WASM alone. */
export interface WebOrtModule extends OrtModule {
  env: { webgpu?: { device?: unknown } };
}

/** What step graphs must be authored for on each device: goes to `createTrainer` as `target`. */
export const WEB_TARGETS: Readonly<Record<WebDevice, GraphTarget>> = {
  webgpu: GRAPH_TARGETS.webgpu,
  wasm: { inPlace: false, maxJoined: GRAPH_TARGETS.cpu.maxJoined },
};

/**
 * @param options `loop`: whether many steps in one call are wanted of WASM, which makes up for what a call costs where
 * networks are small; the trainer's `steps` does them
 * @returns an engine factory for `createTrainer`
 *
 * @example
 * import * as ort from 'onnxruntime-web/webgpu';
 * const trainer = await createTrainer({ config, dataset, engine: webEngine(ort, 'webgpu'), target: WEB_TARGETS.webgpu });
 */
export function webEngine(
  ort: WebOrtModule,
  device: WebDevice,
  { loop = false }: { loop?: boolean } = {},
): EngineFactory {
  return async (request) => {
    let engine: Engine;
    try {
      engine =
        loop && device === 'wasm'
          ? await createLoopEngine({ ...request, ort, providers: ['wasm'], preallocated: false })
          : await createResidentEngine({ ...request, ort, provider: device });
    } catch (error) {
      if (error instanceof RangeError) throw error;
      throw new UserError(`${device} cannot be used here (${firstLine(error)}): ${REMEDIES[device]}`);
    }
    return device === 'webgpu' ? watched(engine, await ort.env.webgpu?.device) : engine;
  };
}

const REMEDIES: Readonly<Record<WebDevice, string>> = {
  webgpu: 'use a browser with WebGPU on a machine with a GPU, or train on wasm',
  wasm: "check that ONNX Runtime's .wasm file is served beside its script",
};

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n', 1)[0]!.slice(0, 200);
}

/** Thrown by a step or a reading of the state once the GPU is gone: it does not come back within a page. */
export class LostGpuError extends UserError {
  /** @param what what happened, without advice */
  constructor(readonly what: string) {
    super(`${what}: the last checkpoint is intact; load the page again to go on from it, or train on wasm`);
  }
}

/** The engine, whose errors say so once the GPU is gone (taken away, reset, or out of memory). */
function watched(engine: Engine, device: unknown): Engine {
  let lost: LostInfo | undefined;
  const { lost: end } = (device ?? {}) as { lost?: Promise<LostInfo> };
  end?.then((info) => {
    lost = info;
  });
  const guard = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      if (lost === undefined) return await work();
    } catch (error) {
      // The loss is told in a task of its own.
      await new Promise((resolve) => setTimeout(resolve, 0));
      if (lost === undefined) throw error;
    }
    const { reason = 'unknown', message } = lost!;
    throw new LostGpuError(`the GPU was lost (${reason}: ${message})`);
  };
  return {
    run: (name, inputs, wants) => guard(() => engine.run(name, inputs, wants)),
    readState: () => guard(() => engine.readState()),
    close: () => engine.close(),
  };
}
