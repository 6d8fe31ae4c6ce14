/**
 * The worker in which a page's model runs, started by `worker-host.ts`: a model that is slow does not stop the page, and
 * one that hangs or crashes is an error.
 */

import { InvalidModelError } from '../onnx/index.js';
import { DeviceError } from './device-error.js';
import { loadWebModel, type WebModel } from './load-web.js';
import type { WorkerAnswer, WorkerRequest } from './web-messages.js';

/** What of a worker's global scope is used; TypeScript's types of it exclude those of a page. */
interface Scope {
  postMessage(answer: WorkerAnswer, transfer: Transferable[]): void;
  addEventListener(type: 'message', listener: (event: MessageEvent<WorkerRequest>) => void): void;
}
const scope = globalThis as unknown as Scope;

let model: WebModel | undefined;
let device = 'wasm';

async function answer(request: WorkerRequest): Promise<WorkerAnswer> {
  if (request.kind === 'run') return { kind: 'images', images: await model!.run(request.latents) };
  device = request.options.device;
  model = await loadWebModel({ ...request, onAlive: () => scope.postMessage({ kind: 'alive' }, []) });
  device = model.placement.device;
  return { kind: 'loaded', placement: model.placement, shape: model.outputShape() };
}

function problem(error: unknown): WorkerAnswer {
  if (error instanceof InvalidModelError) return { kind: 'invalid', message: error.message };
  if (error instanceof DeviceError) {
    return { kind: 'failed', device: error.device, problem: error.problem, remedy: error.remedy };
  }
  const reason = error instanceof Error ? error.message : String(error);
  return { kind: 'failed', device, problem: `failed (${reason})`, remedy: 'load the page again' };
}

async function serve(request: WorkerRequest): Promise<void> {
  const found = await answer(request).catch(problem);
  try {
    scope.postMessage(found, found.kind === 'images' ? [found.images.buffer as ArrayBuffer] : []);
  } catch (error) {
    scope.postMessage(problem(error), []);
  }
}

/** The requests so far, one after the other. */
let done: Promise<void> = Promise.resolve();

scope.addEventListener('message', ({ data }) => {
  done = done.then(() => serve(data));
});
