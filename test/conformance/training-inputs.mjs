/** What the host draws for a few training steps, for this project's engines and, as .npy files, for Python. */

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { buildStepGraph } from '../../dist/export/index.js';
import { batchReader, drawNoise } from '../../dist/train/feed.js';
import { openDataset } from '../../dist/train/index.js';
import { writeNpy } from './npy.mjs';

/** The inputs of the next `count` joint steps of the run that a checkpoint belongs to. */
export async function nextInputs({ step, record: { config } }, options, count) {
  const { batchSize, imageSize, channels, seed } = config;
  const dataset = await openDataset(config.dataset, { imageSize, channels });
  const nextBatch = batchReader(dataset, batchSize, seed);
  const { noise } = buildStepGraph('joint', options);
  return Array.from({ length: count }, (_, i) => {
    const run = step + i;
    const { images, size } = nextBatch(run);
    return { batchSize: size, real: images, noise: drawNoise(noise, { run, batchSize, size, seed }) };
  });
}

/**
 * Writes one file for each input, named after it, with the steps as first axis.
 *
 * @param image [channels, height, width]
 */
export function writeInputs(folder, image, inputs) {
  mkdirSync(folder);
  const { batchSize } = inputs[0];
  const steps = inputs.map(({ real, noise }) => ({ real, ...noise }));
  for (const [name, first] of Object.entries(steps[0])) {
    const data = new first.constructor(steps.length * first.length);
    for (const [i, values] of steps.entries()) data.set(values[name], i * first.length);
    const row = name === 'real' ? image : [first.length / batchSize];
    writeNpy(join(folder, `${name}.npy`), [steps.length, batchSize, ...row], data);
  }
}
