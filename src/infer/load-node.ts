/** Loads a generator in Node, on onnxruntime-node's cpu provider. */

import { readFile } from 'node:fs/promises';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { InvalidModelError } from '../onnx/index.js';
import { Generator, type ModelLoader, TILE } from './generator.js';

/** Threads inside an operator; by default one for each physical core. */
export interface NodeLoadOptions {
  threads?: number;
}

/** The loader of onnxruntime-node. */
export function nodeLoader({ threads }: NodeLoadOptions = {}): ModelLoader {
  return async (bytes, { input, output, latentSize, image }) => {
    let session: InferenceSession;
    try {
      session = await InferenceSession.create(bytes, {
        executionProviders: ['cpu'],
        logSeverityLevel: 4,
        ...(threads === undefined ? {} : { intraOpNumThreads: threads }),
      });
    } catch (error) {
      throw new InvalidModelError(`ONNX Runtime refuses it (${firstLine(error)})`);
    }
    const expected = image.reduce((a, b) => a * b, TILE);
    return {
      async run(latents) {
        const feeds = { [input]: new Tensor('float32', latents, [TILE, latentSize]) };
        const result = await session.run(feeds).catch((error: unknown) => {
          throw new InvalidModelError(`ONNX Runtime cannot run it (${firstLine(error)})`);
        });
        const data = result[output]!.data;
        if (!(data instanceof Float32Array) || data.length !== expected) {
          throw new InvalidModelError(`its output ${output} is not float32 [N, ${image.join(', ')}]`);
        }
        return data;
      },
      release: () => session.release(),
    };
  };
}

function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split('\n', 1)[0]!.slice(0, 200);
}

/**
 * Loads a generator.onnx.
 *
 * @param source path of the file, or its bytes
 * @throws InvalidModelError when it is not a generator; the file system's error when it cannot be read
 *
 * @example
 * const generator = await loadGenerator('generator.onnx');
 * const samples = await generator.sample({ count: 16, seed: 1 }); // float32 [16, C, H, W] in [-1, 1]
 */
export async function loadGenerator(
  source: string | Uint8Array,
  options: NodeLoadOptions = {},
): Promise<Generator> {
  const bytes = typeof source === 'string' ? await readFile(source) : source;
  return Generator.create(bytes, nodeLoader(options));
}
