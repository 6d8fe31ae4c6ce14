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
  /** What G makes of latents float32 [n, latentSize]. */
  explore(state: GanState, latents: Float32Array): Promise<Drawing>;
  release(): Promise<void>;
}

export function openViewer(ort: WebOrt, gan: AnyGanSpec, dataset: AnyDataset, seed: number): Promise<Viewer> {
  if ('points' in gan && holdsPoints(dataset)) return openPointViewer(ort, gan, dataset.points, seed);
  if (!('points' in gan) && !holdsPoints(dataset)) return openImageViewer(ort, gan, dataset);
  throw new RangeError('networks and data do not belong together');
}
