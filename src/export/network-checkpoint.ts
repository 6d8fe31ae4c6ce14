/**
 * The state of one network as a checkpoint of ONNX Runtime's training API, and back. Moments are stored as ONNX
 * Runtime (and torch.optim) mean them; where the step graphs keep them scaled, the scaled value is stored beside them,
 * so that a run goes on bit for bit.
 */

import { type CheckpointFile, type CheckpointTensor, InvalidCheckpointError } from './checkpoint-file.js';
import { type NetworkSpec, networkParameters } from './networks.js';
import { type OptimizerSpec, optimizerSlotScales, optimizerSlots } from './optimizers.js';
import { formatShape, sameShape } from './shape.js';
import { type GanState, type StateTensor, stepName } from './state.js';

/** What a checkpoint tells beside tensors: the file's property bag. */
export type CheckpointProperties = Pick<CheckpointFile, 'integers' | 'floats' | 'strings'>;

export const NO_PROPERTIES: CheckpointProperties = {
  integers: new Map(),
  floats: new Map(),
  strings: new Map(),
};

/** Name of the tensor that holds a slot as the step graphs have it. */
const exactName = (slot: string): string => `${slot}.exact`;

/** Learning rate in the file, which nothing reads: it belongs to the optimiser model. */
const UNUSED_LEARNING_RATE = 1e-3;

function floats(state: GanState, name: string): Float32Array {
  const tensor = state.get(name);
  if (!(tensor?.data instanceof Float32Array)) throw new RangeError(`the state has no tensor ${name}`);
  return tensor.data;
}

/** Whether the state has the optimiser's moments of a network: the training API does not give them out. */
export function hasMoments(network: NetworkSpec, optimizer: OptimizerSpec, state: GanState): boolean {
  const slots = optimizerSlots(optimizer.kind);
  const trainable = networkParameters(network).filter((spec) => spec.trainable);
  return trainable.every(({ name }) => slots.every((slot) => state.has(`${name}.${slot}`)));
}

/** Each element divided by `scale`; a loop, because a checkpoint of millions of them is written while training waits. */
function divided(data: Float32Array, scale: number): Float32Array {
  const result = new Float32Array(data.length);
  for (let i = 0; i < data.length; i++) result[i] = data[i]! / scale;
  return result;
}

/** The tensors that the optimiser keeps for one parameter. */
function momentTensors(
  { name, shape }: { name: string; shape: readonly number[] },
  optimizer: OptimizerSpec,
  state: GanState,
  exact: boolean,
): Map<string, CheckpointTensor> {
  const scales = optimizerSlotScales(optimizer);
  return new Map(
    optimizerSlots(optimizer.kind).flatMap((slot, i): [string, CheckpointTensor][] => {
      const data = floats(state, `${name}.${slot}`);
      const scale = scales[i]!;
      if (scale === 1) return [[slot, { name: slot, shape, data }]];
      const plain: CheckpointTensor = { name: slot, shape, data: divided(data, scale) };
      const kept: CheckpointTensor = { name: exactName(slot), shape, data };
      return exact
        ? [
            [slot, plain],
            [kept.name, kept],
          ]
        : [[slot, plain]];
    }),
  );
}

/**
 * The checkpoint of one network: parameters, running statistics, moments (if the state has them) and step.
 *
 * @param exact whether to add what a bit-exact continuation by the step graphs needs
 * @throws RangeError when the state lacks a parameter
 */
export function networkCheckpoint(
  network: NetworkSpec,
  optimizer: OptimizerSpec,
  state: GanState,
  properties: CheckpointProperties = NO_PROPERTIES,
  { exact = true } = {},
): CheckpointFile {
  const parameters = networkParameters(network);
  const tensors = (trainable: boolean) =>
    parameters
      .filter((spec) => spec.trainable === trainable)
      .map(({ name, shape }) => ({ name, shape, data: floats(state, name) }));
  const states = hasMoments(network, optimizer, state)
    ? parameters
        .filter(({ trainable }) => trainable)
        .map((spec) => [spec.name, momentTensors(spec, optimizer, state, exact)] as const)
    : [];
  const step = state.get(stepName(network.name))?.data[0] ?? 0;
  return {
    trainable: tensors(true),
    frozen: tensors(false),
    optimizer: { step, initialLearningRate: UNUSED_LEARNING_RATE, states: new Map(states) },
    ...properties,
  };
}

/** A slot as the step graphs have it, from what the file has for one parameter. */
function slotData(
  tensors: ReadonlyMap<string, CheckpointTensor>,
  slot: string,
  scale: number,
): Float32Array | undefined {
  const plain = tensors.get(slot)?.data;
  if (plain === undefined || scale === 1) return plain;
  const exact = tensors.get(exactName(slot))?.data;
  // Another engine may have moved the moments and left the exact ones as they were.
  const expected = exact === undefined ? undefined : divided(exact, scale);
  const fits = expected?.every((x, i) => Object.is(x, plain[i]));
  return fits ? exact : plain.map((x) => x * scale);
}

/**
 * The state in a network's checkpoint. Moments are missing from it when the file has none.
 *
 * @throws InvalidCheckpointError when the file is not of this network: a tensor is missing, too many, or of another shape
 */
export function networkStateOf(
  network: NetworkSpec,
  optimizer: OptimizerSpec,
  file: CheckpointFile,
): GanState {
  const state: GanState = new Map();
  const parameters = networkParameters(network);
  const found = new Map([...file.trainable, ...file.frozen].map((tensor) => [tensor.name, tensor]));
  for (const { name, shape, trainable } of parameters) {
    const tensor = found.get(name);
    const kind = trainable ? 'trained' : 'not trained';
    const group = trainable ? file.trainable : file.frozen;
    if (tensor === undefined || !group.includes(tensor)) {
      throw new InvalidCheckpointError(
        `it has no parameter ${name} that is ${kind}: it is of another network`,
      );
    }
    requireShape(name, tensor, shape);
    state.set(name, { shape, data: tensor.data });
    found.delete(name);
  }
  const [unknown] = found.keys();
  if (unknown !== undefined) {
    throw new InvalidCheckpointError(`it has a parameter ${unknown}, which this network does not have`);
  }
  for (const [name, tensor] of momentsOf(network, optimizer, file)) state.set(name, tensor);
  state.set(stepName(network.name), { shape: [], data: Int32Array.of(file.optimizer?.step ?? 0) });
  return state;
}

/** All slots of all trained parameters, or none. */
function momentsOf(
  network: NetworkSpec,
  optimizer: OptimizerSpec,
  { optimizer: group }: CheckpointFile,
): GanState {
  const moments: GanState = new Map();
  if (group === undefined || group.states.size === 0) return moments;
  const scales = optimizerSlotScales(optimizer);
  for (const { name, shape, trainable } of networkParameters(network)) {
    if (!trainable) continue;
    const tensors = group.states.get(name) ?? new Map<string, CheckpointTensor>();
    for (const tensor of tensors.values()) requireShape(`${name}.${tensor.name}`, tensor, shape);
    for (const [i, slot] of optimizerSlots(optimizer.kind).entries()) {
      const data = slotData(tensors, slot, scales[i]!);
      if (data === undefined) throw new InvalidCheckpointError(`it has no ${slot} of parameter ${name}`);
      moments.set(`${name}.${slot}`, { shape, data });
    }
  }
  return moments;
}

function requireShape(name: string, tensor: CheckpointTensor, shape: readonly number[]): void {
  if (sameShape(tensor.shape, shape)) return;
  throw new InvalidCheckpointError(
    `its ${name} is ${formatShape(tensor.shape)}, expected ${formatShape(shape)}: it is of another network`,
  );
}

/**
 * The state with zeros for the moments of a network that has none, and that network's optimiser step at 0, from which
 * Adam's bias correction begins again.
 */
export function withFreshMoments(network: NetworkSpec, optimizer: OptimizerSpec, state: GanState): GanState {
  if (hasMoments(network, optimizer, state)) return state;
  const fresh = new Map(state);
  for (const { name, shape, trainable } of networkParameters(network)) {
    if (!trainable) continue;
    for (const slot of optimizerSlots(optimizer.kind)) {
      const zeros: StateTensor = { shape, data: new Float32Array(shape.reduce((a, b) => a * b, 1)) };
      fresh.set(`${name}.${slot}`, zeros);
    }
  }
  return fresh.set(stepName(network.name), { shape: [], data: new Int32Array(1) });
}
