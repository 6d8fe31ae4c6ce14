/** Step graphs and generators before onnx's checker and Python's onnxruntime, whose samples must be ours. */

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  buildGeneratorModel,
  buildStepGraph,
  GANS,
  GENERATOR_LOSSES,
  initialState,
} from '../../dist/export/index.js';
import { checkOnnx, ganOnnx } from './programs.mjs';

const constant = (value) => ({ kind: 'constant', value });
const OPTIMIZERS = {
  adam: { kind: 'adam', learningRate: constant(2e-4), b1: 0.5, b2: 0.999, eps: 1e-8 },
  sgd: {
    kind: 'sgd',
    learningRate: { kind: 'exponential', initial: 0.1, factor: 1 / 1.000004, minimum: 1e-6 },
    momentum: { kind: 'linear', from: 0.5, to: 0.7, steps: 1000 },
  },
};
const STEP_GRAPHS = ['joint', 'discriminator', 'generator'];
const SAMPLE_TOLERANCE = 1e-5;

/** Writes every step graph of a network pair. */
function writeStepGraphs(folder, name, gan) {
  for (const [kind, optimizer] of Object.entries(OPTIMIZERS)) {
    for (const generatorLoss of Object.keys(GENERATOR_LOSSES)) {
      for (const graph of STEP_GRAPHS) {
        const { bytes } = buildStepGraph(graph, { gan, optimizer, generatorLoss });
        writeFileSync(join(folder, `${name}-${kind}-${generatorLoss}-${graph}.onnx`), bytes);
      }
    }
  }
}

/** Has Python sample a generator on the latents of `gan-onnx sample`, and compares the images. */
export function checkSamples({ report, folder, python }, generator) {
  const [samples, latents] = [join(folder, 'samples.npy'), join(folder, 'latents.npy')];
  const which = ['--count', '100', '--seed', '7', '--format', 'npy'];
  ganOnnx('sample', generator, ...which, '--out', samples, '--latents', latents, '--force');
  checkOnnx(report, python, '--samples', generator, samples, latents, '--tolerance', SAMPLE_TOLERANCE);
}

/** Checks the step graphs and a fresh generator of every network pair, and the generators at `paths`. */
export async function checkModels(context, paths) {
  const { report, folder, python } = context;
  const models = join(folder, 'models');
  mkdirSync(models);
  const generators = [];
  for (const [name, makeGan] of Object.entries(GANS)) {
    const gan = makeGan({ image: [1, 28, 28], latentSize: 100 });
    writeStepGraphs(models, name, gan);
    const origin = { dataset: 'none', step: 0, version: '0' };
    const generator = join(models, `${name}-generator.onnx`);
    writeFileSync(generator, buildGeneratorModel(gan, initialState(gan, 'adam', 1), origin));
    generators.push(generator);
  }
  await report.attempt(models, () => checkOnnx(report, python, models));
  for (const generator of [...generators, ...paths]) {
    await report.attempt(generator, () => checkSamples(context, generator));
  }
}
