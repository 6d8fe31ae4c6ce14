/**
 * The process in which a GPU runs a generator, started by `device-host.ts`: the model's bytes come on stdin, requests
 * and answers as messages, in the same order. Its parent ends it; it ends by itself when the parent is gone.
 */

import { InvalidModelError } from '../onnx/index.js';
import type { DeviceAnswer, DeviceRequest } from './device-host.js';
import { type OpenSession, openSession } from './node-session.js';

async function readInput(): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

let session: OpenSession | undefined;

async function answer(request: DeviceRequest): Promise<DeviceAnswer> {
  if (request.kind === 'run') return { kind: 'images', images: await session!.run(request.latents) };
  session = await openSession(await readInput(), request.session);
  return { kind: 'loaded', wholly: session.wholly };
}

function failure(error: unknown): DeviceAnswer {
  const message = error instanceof Error ? error.message : String(error);
  return { kind: error instanceof InvalidModelError ? 'invalid' : 'failed', message };
}

/** The requests so far, one after the other. */
let done: Promise<void> = Promise.resolve();

process.on('message', (request: DeviceRequest) => {
  done = done.then(async () => {
    const found = await answer(request).catch(failure);
    process.send!(found);
  });
});
process.on('disconnect', () => process.exit());
// A terminal sends Ctrl-C to both processes: the parent decides when this one ends.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
