/** What looks at a run's G and D as they stand. */

import type { AnyGanSpec, GanState } from '../../../src/export/index.js';
import { type AnyDataset, holdsPoints } from '../../../src/train/data/dataset.js';
import type { Drawing, Look, Requests } from '../protocol.js';
import type { WebOrt } from './device.js';
import { openImageViewer } from './image-viewer.js';
import { openPointViewer } from './point-viewer.js';

/** Which samples to draw. */
export type Watch = Parameters<Requests['watch']>[0];

export interface Viewer {
  look(step: number, state: GanState, watch: Watch): Promise<Look>;
  /** G of latents float32 [n, latentSize]: images float32 [n, C, H, W] in [-1, 1], or points [n, D]. */
  generate(state: GanState, latents: Float32Array): Promise<Float32Array>;
  /** The same as a drawing. */
  explore(state: GanState, latents: Float32Array): Promise<Drawing>;
  release(): Promise<void>;
}

export function openViewer(ort: WebOrt, gan: AnyGanSpec, dataset: AnyDataset, seed: number): Promise<Viewer> {
  if ('points' in gan && holdsPoints(dataset)) return openPointViewer(ort, gan, dataset.points, seed);
  if (!('points' in gan) && !holdsPoints(dataset)) return openImageViewer(ort, gan, dataset);
  throw new RangeError('networks and data do not belong together');
}
