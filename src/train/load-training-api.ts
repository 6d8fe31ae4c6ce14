/** Loads the training API in Node, from the optional package onnxruntime-training. */

import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { UserError } from '../system/user-error.js';
import type { TrainingApi } from './training-api-engine.js';

/** The package of that name on npm is another one: this is an alias of the last onnxruntime-web with training. */
const PACKAGE = 'onnxruntime-training';
const INSTALL = `npm install ${PACKAGE}@npm:onnxruntime-web@1.19.2`;

/**
 * The package hides its training entry from Node; its file works there all the same, with one thread (a second one
 * never starts).
 *
 * @throws UserError when the optional package is not installed, or is not the one that has the API
 */
export async function loadTrainingApi(): Promise<TrainingApi> {
  const file = trainingFile();
  const api = (await import(pathToFileURL(file).href)) as TrainingApi & {
    env: { wasm: { numThreads: number }; logLevel: string };
  };
  if (api.TrainingSession === undefined) {
    throw new UserError(`package ${PACKAGE} has no training API: ${INSTALL}`);
  }
  api.env.wasm.numThreads = 1;
  api.env.logLevel = 'error';
  return api;
}

function trainingFile(): string {
  try {
    const main = createRequire(import.meta.url).resolve(PACKAGE);
    return join(dirname(main), 'ort.training.wasm.min.mjs');
  } catch {
    throw new UserError(
      `--engine training-api needs the optional package ${PACKAGE}, which is not installed: ${INSTALL}`,
    );
  }
}
