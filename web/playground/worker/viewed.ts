/** A generator.onnx that the visitor brought: it runs in a worker of its own, where it can stop nothing else. */

import { LoadedGenerator } from '../../../src/infer/generator.js';
import { readGenerator } from '../../../src/infer/read-generator.js';
import { loadInWorker } from '../../../src/infer/worker-host.js';
import { UserError } from '../../../src/train/web.js';
import type { Drawing, ExplorerInfo, NamedFile } from '../protocol.js';
import { generatedDrawing } from './images-of.js';
import { oneLine } from './one-line.js';

/** The most bytes of a model. */
const MAX_BYTES = 512 * 2 ** 20;
/** The most numbers of one drawing. */
const MAX_NUMBERS = 2 ** 26;
/** Milliseconds that one run of the model may take. */
const LIMIT_MS = 20_000;

export interface Viewed {
  info: ExplorerInfo;
  explore(latents: Float32Array): Promise<Drawing>;
  release(): Promise<void>;
}

/** @throws UserError when the file is no generator of images, or cannot be run */
export async function openViewed({ name, bytes }: NamedFile): Promise<Viewed> {
  const source = oneLine(name);
  const refused = (error: unknown): UserError => new UserError(`${source} cannot be used: ${oneLine(error)}`);
  if (bytes.length > MAX_BYTES) throw refused(`it is larger than ${MAX_BYTES / 2 ** 20} MiB`);
  try {
    const { ports, describe } = readGenerator(bytes);
    const { model, shape } = await loadInWorker(
      bytes,
      ports,
      { device: 'wasm', threads: 1 },
      { limitMs: LIMIT_MS },
    );
    const generator = new LoadedGenerator(describe(shape), model, (picture) => picture);
    const { image, latentSize, distribution } = generator.description;
    return {
      info: { source, latentSize, distribution: distribution.kind },
      async explore(latents) {
        const numbers = (latents.length / latentSize) * image.reduce((a, b) => a * b, 1);
        if (numbers > MAX_NUMBERS) throw refused('so many images of its size do not fit into memory');
        try {
          return generatedDrawing((await generator.fromLatents(latents)).data, image);
        } catch (error) {
          throw refused(error);
        }
      },
      release: () => generator.release(),
    };
  } catch (error) {
    throw error instanceof UserError ? error : refused(error);
  }
}
