/** What a page and the worker that runs its model say to each other: one answer to each request, in order. */

import type { Placement } from './generator.js';
import type { WebLoadRequest } from './load-web.js';

export type WorkerRequest =
  | ({ kind: 'load' } & Omit<WebLoadRequest, 'onAlive'>)
  | { kind: 'run'; latents: Float32Array };

export type WorkerAnswer =
  /** Something is done, though not yet what was asked for: the limit of time begins anew. */
  | { kind: 'alive' }
  | { kind: 'loaded'; placement: Placement; shape: readonly number[] }
  | { kind: 'images'; images: Float32Array }
  | { kind: 'invalid'; message: string }
  | { kind: 'failed'; device: string; problem: string; remedy: string };
