/**
 * Has tools that this project did not write judge its files: onnx's checker and Python's onnxruntime load every step
 * graph and a generator, and Python's samples are compared with ours.
 *
 *   npm run conformance [-- generator.onnx]
 *
 * PYTHON names an interpreter with numpy, onnx and onnxruntime (default: python3).
 */

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  buildGeneratorModel,
  buildStepGraph,
  GANS,
  GENERATOR_LOSSES,
  initialState,
} from '../../dist/export/index.js';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const python = process.env.PYTHON ?? 'python3';
const CHECK = here('check_onnx.py');
const MAIN = here('../../dist/cli/main.js');

const constant = (value) => ({ kind: 'constant', value });
const OPTIMIZERS = {
  adam: { kind: 'adam', learningRate: constant(2e-4), b1: 0.5, b2: 0.999, eps: 1e-8 },
  sgd: {
    kind: 'sgd',
    learningRate: { kind: 'exponential', initial: 0.1, factor: 1 / 1.000004, minimum: 1e-6 },
    momentum: { kind: 'linear', from: 0.5, to: 0.7, steps: 1000 },
  },
};

if (spawnSync(python, ['-c', 'import numpy, onnx, onnxruntime']).status !== 0) {
  console.error(`${python} lacks numpy, onnx or onnxruntime: set PYTHON to an interpreter that has them`);
  process.exit(1);
}
const folder = mkdtempSync(join(tmpdir(), 'gan-onnx-conformance-'));
try {
  for (const [name, makeGan] of Object.entries(GANS)) {
    const gan = makeGan({ image: [1, 28, 28], latentSize: 100 });
    for (const [kind, optimizer] of Object.entries(OPTIMIZERS)) {
      for (const generatorLoss of Object.keys(GENERATOR_LOSSES)) {
        for (const graph of ['joint', 'discriminator', 'generator']) {
          const { bytes } = buildStepGraph(graph, { gan, optimizer, generatorLoss });
          writeFileSync(join(folder, `${name}-${kind}-${generatorLoss}-${graph}.onnx`), bytes);
        }
      }
    }
    const origin = { dataset: 'none', step: 0, version: '0' };
    const state = initialState(gan, 'adam', 1);
    writeFileSync(join(folder, `${name}-generator.onnx`), buildGeneratorModel(gan, state, origin));
  }
  execFileSync(python, [CHECK, folder], { stdio: 'inherit' });
  const generators = Object.keys(GANS).map((name) => join(folder, `${name}-generator.onnx`));
  for (const generator of [...generators, ...process.argv.slice(2)]) {
    const [samples, latents] = [join(folder, 'samples.npy'), join(folder, 'latents.npy')];
    const flags = [
      '--count',
      '100',
      '--seed',
      '7',
      '--format',
      'npy',
      '--out',
      samples,
      '--latents',
      latents,
    ];
    execFileSync(process.execPath, [MAIN, 'sample', generator, ...flags, '--force'], { stdio: 'ignore' });
    execFileSync(python, [CHECK, '--samples', generator, samples, latents, '--tolerance', '1e-5'], {
      stdio: 'inherit',
    });
  }
} catch {
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
