/**
 * Tries mutants of one seed and says what comes of each; the fuzz test runs it as a child process.
 *
 *   node test/fuzz/try-mutants.mjs SEED FIRST [COUNT] [FILE]
 *
 * For each mutant it prints a line when it begins and one with the outcome, as JSON: "loaded", "refused", or what is
 * wrong. FILE receives the last mutant's bytes. Needs the built project.
 */

import { writeFileSync, writeSync } from 'node:fs';
import { decodeCheckpoint, encodeCheckpoint, InvalidCheckpointError } from '../../dist/export/index.js';
import { Generator, InvalidModelError } from '../../dist/infer/index.js';
import { decodeModel, encodeModel } from '../../dist/onnx/index.js';
import { inspectModel } from '../../dist/onnx/inspect.js';
import { decodeRunCheckpoint } from '../../dist/train/index.js';
import { BYTE_MUTATIONS } from './mutate-bytes.mjs';
import { mutateModel } from './mutate-model.mjs';
import { Random } from './random.mjs';
import { seedFiles } from './seeds.mjs';

/** Room for two names out of a file, each cut to 80 characters. */
const MAX_MESSAGE = 400;

/** Whether a message is one line that a user can read. */
function isClear(message) {
  return message.length > 0 && message.length <= MAX_MESSAGE && [...message].every((char) => char >= ' ');
}

const SEEDS = seedFiles();
const WEIGHTS = Object.fromEntries(SEEDS.map(([weight], i) => [i, weight]));
const pickSeed = (random) => SEEDS[Number(random.weighted(WEIGHTS))][1];
const MODELS = SEEDS.map(([, seed]) => seed).filter(({ kind }) => kind === 'model');

function mutateBytes(random, file, other) {
  const name = random.pick(Object.keys(BYTE_MUTATIONS));
  return { how: [name], bytes: BYTE_MUTATIONS[name](random, file, other) };
}

function modelMutant(random, seed) {
  if (random.chance(0.3)) return mutateBytes(random, seed, random.pick(MODELS));
  const model = decodeModel(seed.bytes);
  const how = mutateModel(random, model, decodeModel(random.pick(MODELS).bytes));
  const bytes = encodeModel(model);
  if (random.chance(0.95)) return { how, bytes };
  const again = mutateBytes(random, { bytes, structure: [] }, seed);
  return { how: [...how, ...again.how], bytes: again.bytes };
}

/** What the product does with a user's generator file. */
async function tryModel(bytes) {
  inspectModel(decodeModel(bytes));
  const generator = await Generator.load(bytes, { threads: 1 });
  const { shape, data } = await generator.sample({ count: 1 });
  await generator.release();
  const whole = data.length === shape.reduce((a, b) => a * b, 1) && data.every(Number.isFinite);
  if (!whole) throw new Error(`${data.length} pixels for an image of ${shape}`);
}

/** What the product does with a checkpoint's files; one that can be read can be written again. */
function tryCheckpoint(files) {
  const { state } = decodeRunCheckpoint(files);
  for (const { shape, data } of state.values()) {
    if (data.length !== shape.reduce((a, b) => a * b, 1))
      throw new Error(`${data.length} elements for ${shape}`);
  }
  for (const bytes of files.values()) encodeCheckpoint(decodeCheckpoint(bytes));
}

function mutant(seed, number) {
  const random = new Random(seed, number);
  const chosen = pickSeed(random);
  if (chosen.kind === 'model') {
    const { how, bytes } = modelMutant(random, chosen);
    return { name: chosen.name, how, bytes, attempt: () => tryModel(bytes), refusal: InvalidModelError };
  }
  const file = random.pick(chosen.files);
  const { how, bytes } = mutateBytes(random, file, random.pick(chosen.files));
  const files = new Map(chosen.files.map((other) => [other.name, other === file ? bytes : other.bytes]));
  return {
    name: chosen.name,
    how,
    bytes,
    attempt: () => tryCheckpoint(files),
    refusal: InvalidCheckpointError,
  };
}

async function outcomeOf({ attempt, refusal }) {
  try {
    await attempt();
    return { outcome: 'loaded' };
  } catch (error) {
    const message = String(error?.message);
    if (!(error instanceof refusal)) return { outcome: 'failed', message: String(error?.stack) };
    return { outcome: isClear(message) ? 'refused' : 'failed', message };
  }
}

/** Written at once: a crash must not lose it. */
const say = (line) => writeSync(1, `${JSON.stringify(line)}\n`);

const [seed, first, count = 1] = process.argv.slice(2, 5).map(Number);
for (let number = first; number < first + count; number++) {
  say({ begins: number });
  const tried = mutant(seed, number);
  if (process.argv[5] !== undefined) writeFileSync(process.argv[5], tried.bytes);
  const started = performance.now();
  const result = await outcomeOf(tried);
  const milliseconds = Math.round(performance.now() - started);
  const megabytes = Math.round(process.resourceUsage().maxRSS / 1024);
  say({ number, file: tried.name, how: tried.how.join(', '), ...result, milliseconds, megabytes });
}
