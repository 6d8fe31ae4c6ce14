/** A page's model in a worker of its own, seen from the page. */

import { InvalidModelError } from '../onnx/index.js';
import { DeviceError } from './device-error.js';
import type { LoadedModel } from './generator.js';
import { sampleLatents } from './latents.js';
import type { WebModelOptions } from './load-web.js';
import type { GeneratorPorts } from './read-generator.js';
import type { WorkerAnswer, WorkerRequest } from './web-messages.js';

interface Waiting {
  resolve(answer: WorkerAnswer): void;
  reject(error: Error): void;
}

/** What a page decides about a worker. */
export interface WorkerOptions {
  /**
   * Milliseconds that one run of the model may take, or opening it once ONNX Runtime itself is loaded; 60,000 by default.
   */
  limitMs?: number;
  /** Ends the loading early, with the signal's reason. */
  signal?: AbortSignal;
}

const LIMIT_MS = 60_000;

function asError(answer: WorkerAnswer): Error | undefined {
  if (answer.kind === 'invalid') return new InvalidModelError(answer.message);
  if (answer.kind === 'failed') return new DeviceError(answer.device, answer.problem, answer.remedy);
  return undefined;
}

const REMEDY = 'the worker’s script and ONNX Runtime’s files must lie beside the page’s script';

function startWorker(device: string): Worker {
  try {
    return new Worker(new URL('./web-worker.js', import.meta.url), { type: 'module' });
  } catch (error) {
    throw new DeviceError(device, `cannot be used (no worker: ${(error as Error).message})`, REMEDY);
  }
}

class WorkerHost {
  private readonly worker: Worker;
  /** Requests without an answer, in order. */
  private readonly waiting: Waiting[] = [];
  private timer: ReturnType<typeof setTimeout> | undefined;
  private end: Error | undefined;
  /** Whether ONNX Runtime is loaded: how long its download takes says nothing of the model. */
  private started = false;
  /** Whether the model was given up because it took too long. */
  tookTooLong = false;

  constructor(
    private readonly device: string,
    private readonly limitMs: number,
  ) {
    this.worker = startWorker(device);
    this.worker.addEventListener('message', ({ data }: MessageEvent<WorkerAnswer>) => this.take(data));
    this.worker.addEventListener('error', (event) => {
      const reason = event.message || 'its script cannot be loaded';
      this.stop(new DeviceError(this.device, `cannot be used (its worker failed: ${reason})`, REMEDY));
    });
  }

  private take(answer: WorkerAnswer): void {
    this.started = true;
    if (answer.kind === 'alive') {
      this.watch();
      return;
    }
    const { resolve, reject } = this.waiting.shift()!;
    const error = asError(answer);
    if (error === undefined) resolve(answer);
    else reject(error);
    this.watch();
  }

  /** A model that takes longer than the limit is given up. */
  private watch(): void {
    clearTimeout(this.timer);
    if (this.waiting.length === 0 || !this.started) return;
    this.timer = setTimeout(() => {
      this.tookTooLong = true;
      this.stop(new InvalidModelError(`it took longer than ${this.limitMs / 1000} s and was stopped`));
    }, this.limitMs);
  }

  ask(request: WorkerRequest): Promise<WorkerAnswer> {
    return new Promise((resolve, reject) => {
      if (this.end !== undefined) {
        reject(this.end);
        return;
      }
      this.worker.postMessage(request);
      this.waiting.push({ resolve, reject });
      if (this.waiting.length === 1) this.watch();
    });
  }

  stop(why: Error): void {
    this.end ??= why;
    clearTimeout(this.timer);
    this.worker.terminate();
    for (const { reject } of this.waiting.splice(0)) reject(this.end);
  }
}

/** A model in a worker, and the shape of its output for a batch. */
export interface WorkerModel {
  model: LoadedModel;
  shape: readonly number[];
}

/**
 * Loads a model in a worker of its own, which `release()` ends.
 *
 * @param bytes the model
 * @throws InvalidModelError when ONNX Runtime refuses it or it takes too long; DeviceError when the device cannot be
 *   used; the signal's reason when that ended it
 */
export async function loadInWorker(
  bytes: Uint8Array,
  ports: GeneratorPorts,
  options: WebModelOptions,
  { limitMs = LIMIT_MS, signal }: WorkerOptions = {},
): Promise<WorkerModel> {
  signal?.throwIfAborted();
  const host = new WorkerHost(options.device, limitMs);
  const abort = (): void => host.stop(signal!.reason as Error);
  signal?.addEventListener('abort', abort);
  try {
    const trial = sampleLatents(
      { size: ports.latentSize, distribution: ports.distribution },
      { count: ports.batch },
    );
    const answer = await host.ask({ kind: 'load', bytes, ports, options, trial });
    const { placement, shape } = answer as Extract<WorkerAnswer, { kind: 'loaded' }>;
    const model: LoadedModel = {
      placement,
      async run(latents) {
        const found = await host.ask({ kind: 'run', latents });
        return (found as Extract<WorkerAnswer, { kind: 'images' }>).images;
      },
      release: async () => host.stop(new Error('the generator was released')),
    };
    return { model, shape };
  } catch (error) {
    host.stop(error as Error);
    // A GPU can hang where the processor would not.
    if (!host.tookTooLong || options.device !== 'auto') throw error;
  } finally {
    signal?.removeEventListener('abort', abort);
  }
  return loadInWorker(
    bytes,
    ports,
    { ...options, device: 'wasm' },
    { limitMs, ...(signal ? { signal } : {}) },
  );
}
