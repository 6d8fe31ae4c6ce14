/**
 * Training artifacts before Microsoft's own training API in Python (onnxruntime-training of PyPI): it takes a few joint
 * steps, and this project's two engines take the same steps from the same state. Losses and state must agree, and what
 * Python saved must be read here and sampled alike.
 */

import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildStepGraph, decodeCheckpoint } from '../../dist/export/index.js';
import {
  configGan,
  createSessionEngine,
  createTrainingApiEngine,
  loadTrainingApi,
  readArtifactFolder,
} from '../../dist/train/index.js';
import { checkSamples } from './check-models.mjs';
import { checkpointState, naturalState } from './compare.mjs';
import { evaluate, generate } from './evaluate-artifacts.mjs';
import { judgeCounters, judgeImages, judgeReading, judgeScalars, judgeStates } from './judge-training.mjs';
import { readNpy } from './npy.mjs';
import { checkOnnx, ganOnnx, trainArtifacts } from './programs.mjs';
import { nextInputs, writeInputs } from './training-inputs.mjs';

const STEPS = 5;
const NETWORKS = ['generator', 'discriminator'];

/** Where artifacts come from. */
const CASES = {
  /** gan.py's networks at full size and its settings, which are the defaults, before the first step. */
  'pytorch-gan': (out) => ganOnnx('export', '--out', out),
  /** Dropout masks, BatchNorm with an ordinary eps, and a run that has moments and counters already. */
  mlp(out) {
    const run = `${out}-run`;
    const size = ['--img-size', '8', '--latent-dim', '16', '--batch-size', '16'];
    ganOnnx('train', '--network', 'mlp', ...size, '--max-steps', '3', '--seed', '1', '--out', run);
    ganOnnx('export', run, '--out', out);
  },
};

/** This project's engines, and which parts of the state they give out. */
const ENGINES = {
  session: {
    create: (options, state) =>
      createSessionEngine({ graphs: [buildStepGraph('joint', options)], state, image: options.gan.image }),
    parts: ['parameters', 'running statistics', 'momentum0', 'momentum1'],
  },
  'training-api': {
    create: async (options, state) =>
      createTrainingApiEngine({ api: await loadTrainingApi(), options, state }),
    parts: ['parameters', 'running statistics'],
  },
};

/** Artifacts before those who need no training build: elsewhere its own operators have neither schema nor kernel. */
function checkFiles({ report, python }, artifacts) {
  const files = (...names) =>
    NETWORKS.flatMap((network) => names.map((name) => join(artifacts, network, `${name}.onnx`)));
  checkOnnx(report, python, ...files('eval_model'));
  checkOnnx(report, python, '--no-load', ...files('training_model', 'optimizer_model'));
}

/** The state in the checkpoints of a folder of artifacts, in the units of ONNX Runtime; data by name. */
function readCheckpoints(artifacts) {
  const states = NETWORKS.map((network) => {
    const file = decodeCheckpoint(readFileSync(join(artifacts, network, 'checkpoint')));
    return [...checkpointState(network, file)];
  });
  return new Map(states.flat());
}

/** Has Python train artifacts, over their checkpoints. */
function trainInPython({ trainingPython }, artifacts, { gan }, inputs) {
  const [arrays, images] = [`${artifacts}-inputs`, `${artifacts}-images.npy`];
  writeInputs(arrays, gan.image, inputs);
  const printed = trainArtifacts(trainingPython, artifacts, arrays, '--images', images);
  return { ...printed, images: readNpy(images), state: readCheckpoints(artifacts) };
}

/** Takes the same steps with one of this project's engines. */
async function trainHere(engine, inputs) {
  const steps = [];
  try {
    for (const input of inputs) steps.push((await engine.run('joint', input)).metrics);
    return { steps, state: await engine.readState() };
  } finally {
    await engine.close();
  }
}

/** What Python saved, in the hands of this project: read, evaluated, exported and sampled. */
async function checkTrained(context, what, options, trained, python, lastInputs) {
  const { report, folder } = context;
  const { gan } = options;
  const { state } = await readArtifactFolder(trained);
  judgeReading(report, `${what}, readArtifactFolder`, options, naturalState(options, state), python.state);
  const scalars = await evaluate(trained, gan, python.state, lastInputs);
  judgeScalars(report, `${what}, eval models in onnxruntime-node`, [scalars], [python.eval]);
  const exported = join(folder, `${what}-exported`);
  ganOnnx('export', trained, '--out', exported);
  const generator = join(exported, 'generator.onnx');
  const images = await generate(generator, gan, lastInputs);
  judgeImages(report, `${what}, generator.onnx against G's eval model in Python`, images, python.images);
  checkSamples(context, generator);
}

async function checkCase(context, name) {
  const { report, folder, trainingPython } = context;
  const artifacts = join(folder, name);
  CASES[name](artifacts);
  checkFiles(context, artifacts);
  if (trainingPython === undefined) return;

  const start = await readArtifactFolder(artifacts);
  const { config } = start.record;
  const options = { gan: configGan(config), optimizer: config.optimizer, generatorLoss: config.loss };
  const inputs = await nextInputs(start, options, STEPS);
  const trained = `${artifacts}-trained`;
  cpSync(artifacts, trained, { recursive: true });
  const python = trainInPython(context, trained, options, inputs);
  for (const [engine, { create, parts }] of Object.entries(ENGINES)) {
    const what = `${name}, Python and engine ${engine}`;
    const ours = await trainHere(await create(options, start.state), inputs);
    judgeScalars(report, `${what}, losses`, python.steps, ours.steps);
    const [before, after] = [start, ours].map(({ state }) => naturalState(options, state));
    judgeStates(report, what, options, before, python.state, after, parts);
    judgeCounters(report, `${what}, counters`, options, python.state, after);
  }
  await checkTrained(context, name, options, trained, python, inputs.at(-1));
}

/** Checks the artifacts of every case; without an interpreter for training, only their files. */
export async function checkTraining(context) {
  for (const name of Object.keys(CASES)) {
    await context.report.attempt(name, () => checkCase(context, name));
  }
}
