/**
 * ONNX Runtime's on-device-training checkpoint, a flatbuffer: the file in which every engine keeps the state of one
 * network. No other file uses the flatbuffers package, of which only the writer is fit for use here.
 */

import { Builder, type Offset } from 'flatbuffers';
import { DATA_TYPES, dataTypeName, shortName } from '../onnx/index.js';
import {
  hasIdentifier,
  InvalidFlatbufferError,
  isList,
  type Leaf,
  MAX_STRING_BYTES,
  MAX_TABLES,
  type Message,
  readFlatbuffer,
  type TableSpec,
} from './flatbuffer-reader.js';

/** A named float32 tensor, row-major: as many elements as `shape` says, one if it is [] (a scalar). */
export interface CheckpointTensor {
  name: string;
  shape: readonly number[];
  data: Float32Array;
}

/** The checkpoint of one network. Names and strings have at most 1 MiB. */
export interface CheckpointFile {
  /** Parameters that the optimiser updates. */
  trainable: readonly CheckpointTensor[];
  /** Parameters that it does not (running statistics); none is named like a trainable one. */
  frozen: readonly CheckpointTensor[];
  /** State of the optimiser; absent when the file has none. */
  optimizer?: {
    /** Updates made so far, an integer in [0, 2^53). */
    step: number;
    /** Kept as float32. */
    initialLearningRate: number;
    /** For each parameter by name its state tensors by name (momentum0, momentum1, ...); empty when there are none. */
    states: ReadonlyMap<string, ReadonlyMap<string, CheckpointTensor>>;
  };
  /** Properties that are safe integers. No name occurs in two of the three maps of properties. */
  integers: ReadonlyMap<string, number>;
  /** Properties that are kept as float32. */
  floats: ReadonlyMap<string, number>;
  strings: ReadonlyMap<string, string>;
}

/** Thrown for what is not a usable checkpoint; the message says why in one line, without the file's name. */
export class InvalidCheckpointError extends Error {
  override readonly name = 'InvalidCheckpointError';
}

const IDENTIFIER = 'ODTC';
const VERSION = 2;
/** ONNX Runtime knows one group of parameters, of this name. */
const GROUP = 'group0';
/** ONNX Runtime keeps a checkpoint's size in a C int. */
const MAX_FILE_BYTES = 2 ** 31 - 1;

// The tables of ONNX Runtime's ort_training_checkpoint.fbs, and of ort.fbs (Tensor): fields as [slot, type].

const TENSOR = {
  name: [0, 'string'],
  dims: [2, 'int64s'],
  data_type: [3, 'int32'],
  raw_data: [4, 'bytes'],
  external_data_offset: [6, 'int64'],
} as const;

const MODULE_STATE = {
  requires_grad_params: [0, [TENSOR]],
  frozen_params: [1, [TENSOR]],
  is_nominal_state: [2, 'bool'],
  has_external_data: [3, 'bool'],
} as const;

const PARAMETER_OPTIMIZER_STATE = { param_name: [0, 'string'], momentums: [1, [TENSOR]] } as const;

const OPTIMIZER_GROUP = {
  group_name: [0, 'string'],
  step: [1, 'int64'],
  initial_learning_rate: [2, 'float32'],
  optimizer_states: [3, [PARAMETER_OPTIMIZER_STATE]],
} as const;

const PROPERTY_BAG = {
  ints: [0, [{ name: [0, 'string'], value: [1, 'int64'] }]],
  floats: [1, [{ name: [0, 'string'], value: [1, 'float32'] }]],
  strings: [2, [{ name: [0, 'string'], value: [1, 'string'] }]],
} as const;

const CHECKPOINT = {
  version: [0, 'int32'],
  module_state: [1, MODULE_STATE],
  optimizer_groups: [2, [OPTIMIZER_GROUP]],
  property_bag: [3, PROPERTY_BAG],
} as const;

function fail(message: string): never {
  throw new InvalidCheckpointError(message);
}

/** A name for a message: on one line, and short enough for one. */
function quote(name: string): string {
  return `"${shortName(name)}"`;
}

// ---- what must hold for every checkpoint, written or read -----------------------------------------------------------

function checkCheckpoint(file: CheckpointFile): void {
  const { trainable, frozen, optimizer, integers, floats, strings } = file;
  byName('parameter', named([...trainable, ...frozen]));
  byName(
    'property',
    [...integers.keys(), ...floats.keys(), ...strings.keys()].map((name) => [name, 0]),
  );
  for (const tensor of [...trainable, ...frozen]) checkTensor(tensor);
  for (const [name, value] of integers) {
    if (!Number.isSafeInteger(value))
      fail(`property ${quote(name)} is ${value}, which is not a safe integer`);
  }
  if (optimizer === undefined) return;
  const { step, states } = optimizer;
  if (!Number.isSafeInteger(step) || step < 0) fail(`optimizer step ${step}, expected one in [0, 2^53)`);
  for (const tensors of states.values()) {
    for (const [name, tensor] of tensors) {
      if (name !== tensor.name) fail(`state ${quote(name)} is a tensor named ${quote(tensor.name)}`);
      checkTensor(tensor);
    }
  }
}

function checkTensor({ name, shape, data }: CheckpointTensor): void {
  let expected = 1;
  for (const dim of shape) {
    if (!Number.isSafeInteger(dim) || dim < 0) fail(`tensor ${quote(name)} has a dimension of ${dim}`);
    expected *= dim;
  }
  if (data.length !== expected) {
    // A few dimensions are enough for the message, however many a damaged file has.
    const dims = shape.slice(0, 8).join(', ');
    fail(`tensor ${quote(name)} has ${data.length} elements where its shape [${dims}] has ${expected}`);
  }
}

/** The entries as a map, unless a name occurs twice; `what` and `where` say of what it is the name. */
function byName<T>(what: string, entries: readonly (readonly [string, T])[], where = ''): Map<string, T> {
  const map = new Map<string, T>();
  for (const [name, value] of entries) {
    if (map.has(name)) fail(`${what} ${quote(name)}${where} occurs twice`);
    map.set(name, value);
  }
  return map;
}

function named(tensors: readonly CheckpointTensor[]): (readonly [string, CheckpointTensor])[] {
  return tensors.map((tensor) => [tensor.name, tensor]);
}

// ---- writing --------------------------------------------------------------------------------------------------------

type Plain = Readonly<Record<string, unknown>>;

interface LeafWriter<V> {
  /** Upper bound of the bytes that the value takes outside its table. */
  bytes(value: V): number;
  /** Writes what lies outside the table, and returns how to add the field to the table. */
  write(builder: Builder, value: V): () => void;
}

const IN_TABLE = { bytes: () => 0 };

const WRITERS: { [T in keyof Leaf]: LeafWriter<Leaf[T]> } = {
  int32: { ...IN_TABLE, write: (builder, value) => () => builder.addInt32(value) },
  int64: { ...IN_TABLE, write: (builder, value) => () => builder.addInt64(value) },
  float32: { ...IN_TABLE, write: (builder, value) => () => builder.addFloat32(value) },
  bool: { ...IN_TABLE, write: (builder, value) => () => builder.addInt8(Number(value)) },
  string: {
    // A UTF-16 unit takes at most three bytes of UTF-8.
    bytes: (value) => 3 * value.length,
    write: (builder, value) => reference(builder, writeString(builder, value)),
  },
  bytes: {
    bytes: (value) => value.length,
    // The builder puts the first byte at a multiple of four.
    write: (builder, value) => reference(builder, builder.createByteVector(value)),
  },
  int64s: {
    bytes: (values) => 8 * values.length,
    write(builder, values) {
      builder.startVector(8, values.length, 8);
      for (const value of values.toReversed()) builder.addInt64(value);
      return reference(builder, builder.endVector());
    },
  },
};

function reference(builder: Builder, offset: Offset): () => void {
  return () => builder.addOffset(offset);
}

function writeString(builder: Builder, value: string): Offset {
  // As UTF-8 it would be another string.
  if (/\p{Surrogate}/u.test(value)) fail(`the string ${quote(value)} is not well-formed`);
  const utf8 = new TextEncoder().encode(value);
  if (utf8.length > MAX_STRING_BYTES) fail(`a string of ${utf8.length} bytes, more than ${MAX_STRING_BYTES}`);
  return builder.createString(utf8);
}

/** More than a table takes with its vtable, its padding and its place in a list, beside what its fields refer to. */
const TABLE_BYTES = 128;

/** An upper bound of the bytes of a table with all that it refers to, and the number of tables in it. */
function measure(spec: TableSpec, message: Plain): { bytes: number; tables: number } {
  const total = { bytes: TABLE_BYTES, tables: 1 };
  for (const [name, [, type]] of Object.entries(spec)) {
    const value = message[name];
    if (value === undefined) continue;
    if (typeof type === 'string') {
      total.bytes += (WRITERS[type] as LeafWriter<unknown>).bytes(value);
      continue;
    }
    for (const child of isList(type) ? (value as readonly Plain[]) : [value as Plain]) {
      const { bytes, tables } = measure(isList(type) ? type[0] : type, child);
      total.bytes += bytes;
      total.tables += tables;
    }
  }
  return total;
}

function writeField(builder: Builder, type: TableSpec[string][1], value: unknown): () => void {
  if (typeof type === 'string') return (WRITERS[type] as LeafWriter<unknown>).write(builder, value);
  if (!isList(type)) return reference(builder, writeTable(builder, type, value as Plain));
  const tables = (value as readonly Plain[]).map((message) => writeTable(builder, type[0], message));
  builder.startVector(4, tables.length, 4);
  for (const table of tables.toReversed()) builder.addOffset(table);
  return reference(builder, builder.endVector());
}

/** Writes the fields that the message has: first what they refer to, as flatbuffers wants it, then the table. */
function writeTable(builder: Builder, spec: TableSpec, message: Plain): Offset {
  const fields = Object.entries(spec)
    .filter(([name]) => message[name] !== undefined)
    .map(([name, [slot, type]]) => ({ slot, add: writeField(builder, type, message[name]) }));
  builder.startObject(1 + Math.max(...fields.map(({ slot }) => slot)));
  for (const { slot, add } of fields) {
    add();
    builder.slot(slot);
  }
  return builder.endObject();
}

function tensorMessage({ name, shape, data }: CheckpointTensor): Message<typeof TENSOR> {
  const raw = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return { name, dims: BigInt64Array.from(shape, BigInt), data_type: DATA_TYPES.float32, raw_data: raw };
}

function checkpointMessage(file: CheckpointFile): Message<typeof CHECKPOINT> {
  const { trainable, frozen, optimizer, integers, floats, strings } = file;
  const group = optimizer && {
    group_name: GROUP,
    step: BigInt(optimizer.step),
    initial_learning_rate: optimizer.initialLearningRate,
    optimizer_states: Array.from(optimizer.states, ([parameter, tensors]) => ({
      param_name: parameter,
      momentums: Array.from(tensors.values(), tensorMessage),
    })),
  };
  return {
    version: VERSION,
    module_state: {
      // ONNX Runtime wants both lists, also when they are empty.
      requires_grad_params: trainable.map(tensorMessage),
      frozen_params: frozen.map(tensorMessage),
    },
    optimizer_groups: group ? [group] : [],
    property_bag: {
      ints: Array.from(integers, ([name, value]) => ({ name, value: BigInt(value) })),
      floats: Array.from(floats, ([name, value]) => ({ name, value })),
      strings: Array.from(strings, ([name, value]) => ({ name, value })),
    },
  };
}

/**
 * The bytes of a checkpoint file, every list in the order given; the same checkpoint gives the same bytes.
 *
 * @throws InvalidCheckpointError for a checkpoint that no file can hold: names that occur twice, data that does not
 *   fill its shape, numbers out of range, strings that are too long or not well-formed, more than 65,000 tensors and
 *   properties, or 2 GiB
 */
export function encodeCheckpoint(file: CheckpointFile): Uint8Array {
  checkCheckpoint(file);
  const message = checkpointMessage(file);
  const { bytes, tables } = measure(CHECKPOINT, message);
  if (tables > MAX_TABLES) fail(`${tables} tensors and properties, more than ${MAX_TABLES}`);
  if (bytes > MAX_FILE_BYTES) fail(`more than ${MAX_FILE_BYTES} bytes, too many for a checkpoint`);
  // Room for all, so that the builder need not grow and copy; in eights, so that the file is aligned in its memory.
  const builder = new Builder(8 * Math.ceil(bytes / 8));
  builder.finish(writeTable(builder, CHECKPOINT, message), IDENTIFIER);
  return builder.asUint8Array();
}

// ---- reading --------------------------------------------------------------------------------------------------------

function required<T>(value: T | undefined, what: string): T {
  return value ?? fail(`damaged checkpoint (${what} is missing)`);
}

function tensorFrom(message: Message<typeof TENSOR>): CheckpointTensor {
  const name = required(message.name, "a tensor's name");
  const label = `tensor ${quote(name)}`;
  if ((message.external_data_offset ?? -1n) !== -1n) {
    fail(`${label} keeps its data in another file, which is not supported`);
  }
  const dataType = message.data_type ?? 0;
  if (dataType !== DATA_TYPES.float32) {
    fail(`${label} is of type ${dataTypeName(dataType) ?? dataType}, expected float32`);
  }
  const shape = Array.from(required(message.dims, `the shape of ${label}`), Number);
  const raw = required(message.raw_data, `the data of ${label}`);
  if (raw.length % 4 !== 0) fail(`${label} holds ${raw.length} bytes, which are not whole float32 elements`);
  const memory = raw.byteOffset % 4 === 0 ? raw : new Uint8Array(raw);
  return { name, shape, data: new Float32Array(memory.buffer, memory.byteOffset, memory.length / 4) };
}

function optimizerFrom(groups: Message<typeof CHECKPOINT>['optimizer_groups']): CheckpointFile['optimizer'] {
  const [group, ...others] = groups ?? [];
  if (group === undefined) return undefined;
  if (others.length > 0) fail(`${1 + others.length} optimizer groups, expected one`);
  const name = required(group.group_name, "the optimizer group's name");
  if (name !== GROUP) fail(`optimizer group ${quote(name)}, expected "${GROUP}"`);
  const states = (group.optimizer_states ?? []).map(({ param_name, momentums = [] }) => {
    const parameter = required(param_name, "a parameter's name");
    const tensors = named(momentums.map(tensorFrom));
    return [parameter, byName('state', tensors, ` of parameter ${quote(parameter)}`)] as const;
  });
  return {
    step: Number(group.step ?? 0n),
    initialLearningRate: group.initial_learning_rate ?? 0,
    states: byName('state of parameter', states),
  };
}

/** Properties by name; `value` is that of a property whose own is the default, which writers leave out. */
function propertiesFrom<T, U>(
  list: readonly { readonly name?: string; readonly value?: T }[] | undefined,
  value: (given: T | undefined, name: string) => U,
): Map<string, U> {
  const entries = (list ?? []).map((property) => {
    const name = required(property.name, "a property's name");
    return [name, value(property.value, name)] as const;
  });
  return byName('property', entries);
}

function checkpointFrom(message: Message<typeof CHECKPOINT>): CheckpointFile {
  const { module_state = {}, property_bag = {} } = message;
  if (module_state.is_nominal_state) fail('nominal checkpoint, without the values of its parameters');
  if (module_state.has_external_data) fail('keeps its tensors in another file, which is not supported');
  const optimizer = optimizerFrom(message.optimizer_groups);
  return {
    trainable: (module_state.requires_grad_params ?? []).map(tensorFrom),
    frozen: (module_state.frozen_params ?? []).map(tensorFrom),
    ...(optimizer && { optimizer }),
    integers: propertiesFrom(property_bag.ints, (value = 0n) => Number(value)),
    floats: propertiesFrom(property_bag.floats, (value = 0) => value),
    strings: propertiesFrom(property_bag.strings, (value, name) =>
      required(value, `the value of property ${quote(name)}`),
    ),
  };
}

/** Reads a table, whose damages are those of the checkpoint. */
function readMessage<S extends TableSpec>(bytes: Uint8Array, spec: S): Message<S> {
  try {
    return readFlatbuffer(bytes, spec);
  } catch (error) {
    if (!(error instanceof InvalidFlatbufferError)) throw error;
    throw new InvalidCheckpointError(`damaged checkpoint (${error.message})`);
  }
}

/**
 * Reads a checkpoint file of any origin, in time and memory of a small multiple of its size.
 *
 * @returns the checkpoint; its tensors are views into `bytes` where they are aligned there, else copies
 * @throws InvalidCheckpointError
 */
export function decodeCheckpoint(bytes: Uint8Array): CheckpointFile {
  if (!hasIdentifier(bytes, IDENTIFIER)) fail('not an ONNX Runtime training checkpoint');
  // The rest of another version may well look like damage.
  const { version = 0 } = readMessage(bytes, { version: CHECKPOINT.version });
  if (version !== VERSION) fail(`checkpoint version ${version}, expected ${VERSION}`);
  const file = checkpointFrom(readMessage(bytes, CHECKPOINT));
  checkCheckpoint(file);
  return file;
}
