/** Measures of how far what Python trained is from what this project's engines trained. */

import { networkState, optimizerSlotScales, optimizerSlots } from '../../dist/export/index.js';

const NETWORKS = ['generator', 'discriminator'];

/** The largest of several differences, and which it is; NaN counts as the largest. */
class Worst {
  value = 0;
  of = 'all alike';
  count = 0;

  note(name, difference) {
    this.count += 1;
    if (difference <= this.value || Number.isNaN(this.value)) return;
    this.value = difference;
    this.of = name;
  }
}

function norm(values) {
  return Math.sqrt(values.reduce((sum, x) => sum + x * x, 0));
}

/** Euclidean norm of the difference, in units of that of `expected`. */
function relativeDifference(actual, expected) {
  if (actual?.length !== expected.length) return Number.NaN;
  return norm(Float64Array.from(actual, (x, i) => x - expected[i])) / norm(Float64Array.from(expected));
}

/** Largest relative difference of tensors in two states, all of whose names are given. */
export function compareTensors(names, actual, expected) {
  const worst = new Worst();
  for (const name of names) worst.note(name, relativeDifference(actual.get(name), expected.get(name)));
  return worst;
}

/** Largest relative difference of named numbers in two lists of them, one for each step. */
export function compareScalars(actual, expected) {
  const worst = new Worst();
  for (const [step, values] of expected.entries()) {
    for (const [name, value] of Object.entries(values)) {
      const which = expected.length > 1 ? `${name} of step ${step + 1}` : name;
      worst.note(which, Math.abs(actual[step]?.[name] - value) / Math.abs(value));
    }
  }
  return worst;
}

/** Largest absolute difference of two arrays. */
export function compareElements(actual, expected) {
  const worst = new Worst();
  if (actual.length !== expected.length) worst.note('their number', Number.NaN);
  for (const [i, value] of expected.entries()) worst.note(`element ${i}`, Math.abs(actual[i] - value));
  return worst;
}

/** An engine's state, with the moments in the units of torch.optim and of ONNX Runtime; data by name. */
export function naturalState({ optimizer }, state) {
  const scales = new Map(
    optimizerSlots(optimizer.kind).map((slot, i) => [slot, optimizerSlotScales(optimizer)[i]]),
  );
  return new Map(
    Array.from(state, ([name, { data }]) => {
      const scale = scales.get(name.split('.').at(-1)) ?? 1;
      return [name, Float64Array.from(data, (x) => x / scale)];
    }),
  );
}

/** The same out of a network's checkpoint file, as ONNX Runtime means it. */
export function checkpointState(network, { trainable, frozen, optimizer }) {
  if (optimizer === undefined)
    throw new Error(`the checkpoint of the ${network} has no state of its optimiser`);
  const parameters = [...trainable, ...frozen].map(({ name, data }) => [name, data]);
  const moments = Array.from(optimizer.states, ([parameter, tensors]) =>
    Array.from(tensors.values(), ({ name, data }) => [`${parameter}.${name}`, data]),
  );
  return new Map([...parameters, ...moments.flat(), [`${network}.step`, [optimizer.step]]]);
}

/** How far the tensors of those names have moved from `start` to `state`. */
export function movement(names, start, state) {
  const difference = (to, from) => Float64Array.from(to, (x, i) => x - from[i]);
  return new Map(names.map((name) => [name, difference(state.get(name), start.get(name))]));
}

/**
 * Whether a tensor belongs to a bias in front of BatchNorm: its true gradient is zero, a computed one is rounding noise,
 * and Adam makes of it a movement that differs from one program to the next.
 */
function isNoise({ gan }, name) {
  const [network, layer, parameter] = name.split('.');
  return parameter === 'bias' && gan[network].layers[Number(layer) + 1]?.kind === 'batchNorm';
}

/** Parts of a state that are compared, each with a tolerance of its own. */
const PARTS = {
  parameters: ({ role }) => role === 'parameter',
  'running statistics': ({ role }) => role === 'running statistic',
  momentum0: ({ name }) => name.endsWith('.momentum0'),
  momentum1: ({ name }) => name.endsWith('.momentum1'),
  'step counters': ({ role }) => role === 'step',
};

/** Names of the tensors in a part of the state: those worth comparing, and those that are noise. */
export function tensorNames(part, options) {
  const { gan, optimizer } = options;
  const specs = NETWORKS.flatMap((network) => networkState(gan[network], optimizer.kind));
  const all = specs.filter(PARTS[part]).map(({ name }) => name);
  return {
    compared: all.filter((name) => !isNoise(options, name)),
    noise: all.filter((name) => isNoise(options, name)),
  };
}

/** Names of all tensors of the state. */
export function allTensorNames(options) {
  return Object.keys(PARTS).flatMap((part) => Object.values(tensorNames(part, options)).flat());
}
