import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type CheckpointFile,
  type CheckpointTensor,
  decodeCheckpoint,
  encodeCheckpoint,
  InvalidCheckpointError,
} from '../../src/export/checkpoint-file.js';
import { hash32 } from '../support/hash.js';

const tensor = (name: string, shape: readonly number[], ...data: number[]): CheckpointTensor => ({
  name,
  shape,
  data: Float32Array.from(data),
});

const byName = (...tensors: CheckpointTensor[]): Map<string, CheckpointTensor> =>
  new Map(tensors.map((t) => [t.name, t]));

const EMPTY: CheckpointFile = {
  trainable: [],
  frozen: [],
  integers: new Map(),
  floats: new Map(),
  strings: new Map(),
};

/** A checkpoint with something of everything. */
const FULL: CheckpointFile = {
  trainable: [tensor('w', [2, 3], 1, -0, Infinity, Number.NaN, 1e-45, -2.5), tensor('scale', [], 7)],
  frozen: [tensor('größe', [0, 4]), tensor('mean', [1, 1, 2], 3, 4)],
  optimizer: {
    step: 2 ** 53 - 1,
    initialLearningRate: Math.fround(2e-4),
    states: new Map([
      ['w', byName(tensor('momentum0', [1], 0.5), tensor('momentum1', [1], 0.25), tensor('third', [], 9))],
      ['scale', byName()],
    ]),
  },
  integers: new Map([
    ['epoch', 0],
    ['least', -(2 ** 53 - 1)],
  ]),
  floats: new Map([
    ['half', 0.5],
    ['minus zero', -0],
  ]),
  strings: new Map([
    ['naïve 😀', '\ufeff\u0000\n'],
    ['', ''],
  ]),
};

/** The error of reading `bytes`; anything but an InvalidCheckpointError of one line fails the test. */
function refusal(bytes: Uint8Array): string {
  try {
    decodeCheckpoint(bytes);
  } catch (error) {
    return messageOf(error);
  }
  return 'accepted';
}

function messageOf(error: unknown): string {
  expect(error).toBeInstanceOf(InvalidCheckpointError);
  const { message } = error as Error;
  expect(message).not.toMatch(/\n/);
  expect(message.length).toBeLessThan(300);
  return message;
}

// ---- a second writer of flatbuffers, front to back, for files that encodeCheckpoint would never write ---------------

/** Something that a slot refers to: writes itself at the end of the file and returns where. Used twice, it is shared. */
type Part = (file: HandWritten) => number;
/** Bytes that stand in the table itself, aligned to their number. */
type Inline = Uint8Array;

const inline = (size: number, set: (view: DataView) => void): Inline => {
  const bytes = new Uint8Array(size);
  set(new DataView(bytes.buffer));
  return bytes;
};
const int32 = (value: number): Inline => inline(4, (view) => view.setInt32(0, value, true));
const int64 = (value: bigint): Inline => inline(8, (view) => view.setBigInt64(0, value, true));
const yes = Uint8Array.of(1);

class HandWritten {
  readonly bytes: number[] = [];
  private readonly references: { at: number; part: Part }[] = [];
  private readonly places = new Map<Part, number>();

  push(bytes: Iterable<number>): number {
    const at = this.bytes.length;
    for (const byte of bytes) this.bytes.push(byte);
    return at;
  }

  /** Pads until the place `ahead` bytes on is a multiple of `size`. */
  align(size: number, ahead = 0): void {
    while ((this.bytes.length + ahead) % size !== 0) this.bytes.push(0);
  }

  set(at: number, bytes: Uint8Array): void {
    for (const [i, byte] of bytes.entries()) this.bytes[at + i] = byte;
  }

  /** Makes the four bytes at `at` refer to a part, which is written when all before it are. */
  refer(at: number, part: Part): void {
    this.references.push({ at, part });
  }

  /** Writes the parts that are referred to, each once; offsets only lead onwards. */
  finish(): Uint8Array {
    for (const { at, part } of this.references) {
      const place = this.places.get(part) ?? part(this);
      this.places.set(part, place);
      this.set(at, int32(place - at));
    }
    return Uint8Array.from(this.bytes);
  }
}

function table(slots: Readonly<Record<number, Inline | Part>>): Part {
  return (file) => {
    const entries = Object.entries(slots).map(([slot, value]) => ({ slot: Number(slot), value }));
    const offsets = new Map<number, number>();
    let size = 4;
    for (const { slot, value } of entries) {
      const length = value instanceof Uint8Array ? value.length : 4;
      const offset = length * Math.ceil(size / length);
      offsets.set(slot, offset);
      size = offset + length;
    }
    const count = 1 + Math.max(-1, ...offsets.keys());
    const vtable = Uint16Array.from({ length: 2 + count }, (_, i) => offsets.get(i - 2) ?? 0);
    vtable.set([2 * vtable.length, size]);
    file.align(2);
    const vtableAt = file.push(new Uint8Array(vtable.buffer));
    file.align(8);
    const at = file.push(new Uint8Array(size));
    file.set(at, int32(at - vtableAt));
    for (const { slot, value } of entries) {
      const field = at + offsets.get(slot)!;
      if (value instanceof Uint8Array) file.set(field, value);
      else file.refer(field, value);
    }
    return at;
  };
}

/** A vector's length, then its elements, which begin at a multiple of `alignment` plus `shift`. */
function vector(elements: Uint8Array, length: number, alignment: number, shift = 0): Part {
  return (file) => {
    file.align(alignment, 4 - shift);
    const at = file.push(int32(length));
    file.push(elements);
    return at;
  };
}

const bytes = (content: Uint8Array): Part => vector(content, content.length, 4);
const text = (content: string | Uint8Array): Part => {
  const utf8 = typeof content === 'string' ? new TextEncoder().encode(content) : content;
  return vector(Uint8Array.from([...utf8, 0]), utf8.length, 4);
};
const int64s = (...values: bigint[]): Part =>
  vector(new Uint8Array(BigInt64Array.from(values).buffer), values.length, 8);
const listOf = (parts: readonly Part[]): Part => {
  return (file) => {
    const at = vector(new Uint8Array(4 * parts.length), parts.length, 4)(file);
    for (const [i, part] of parts.entries()) file.refer(at + 4 + 4 * i, part);
    return at;
  };
};
const list = (...parts: Part[]): Part => listOf(parts);

/** Bytes as they are, `shift` bytes after a multiple of four. */
const raw = (content: Iterable<number>, shift = 0): Part => {
  return (file) => {
    file.align(4, -shift);
    return file.push(content);
  };
};

function handWritten(root: Part, identifier = 'ODTC'): Uint8Array {
  const file = new HandWritten();
  file.push([0, 0, 0, 0, ...new TextEncoder().encode(identifier)]);
  file.refer(0, root);
  return file.finish();
}

type Slots = Readonly<Record<number, Inline | Part>>;

// Each of these is sound as it is; `slots` puts something else into it.
const aTensor = (name: string, slots: Slots = {}): Part =>
  table({ 0: text(name), 2: int64s(1n), 3: int32(1), 4: bytes(Uint8Array.of(0, 0, 0x80, 0x3f)), ...slots });
const aGroup = (slots: Slots = {}): Part => table({ 0: text('group0'), 1: int64(1n), 3: list(), ...slots });
const aParameterState = (name: string, ...tensors: Part[]): Part =>
  table({ 0: text(name), 1: list(...tensors) });
const aCheckpoint = (slots: Slots): Uint8Array => handWritten(table({ 0: int32(2), ...slots }));
const withModule = (slots: Slots): Uint8Array =>
  aCheckpoint({ 1: table({ 0: list(), 1: list(), ...slots }) });
const withTensors = (...tensors: Part[]): Uint8Array => withModule({ 0: list(...tensors) });
const withGroups = (...groups: Part[]): Uint8Array => aCheckpoint({ 2: list(...groups) });
const withProperties = (slots: Slots): Uint8Array => aCheckpoint({ 3: table(slots) });
const aProperty = (name: string, value: Inline | Part): Part => table({ 0: text(name), 1: value });

// ---------------------------------------------------------------------------------------------------------------------

describe('a checkpoint that is written and read again', () => {
  it.each([
    ['with something of everything', FULL],
    ['with nothing in it', EMPTY],
    ['without moments', { ...EMPTY, optimizer: { step: 0, initialLearningRate: 0, states: new Map() } }],
  ])('is the same: one %s', (_, file) => {
    const read = decodeCheckpoint(encodeCheckpoint(file));
    expect(read).toStrictEqual(file);
    for (const key of ['integers', 'floats', 'strings'] as const)
      expect([...read[key]]).toEqual([...file[key]]);
  });

  it('is the same, whatever it is', () => {
    const name = fc.string({ unit: 'grapheme', maxLength: 9 });
    const tensors = fc.uniqueArray(
      fc
        .tuple(name, fc.array(fc.nat(3), { maxLength: 3 }), fc.float())
        .map(([n, shape, x]) => tensor(n, shape, ...Array(shape.reduce((a, b) => a * b, 1)).fill(x))),
      { selector: (t) => t.name, maxLength: 4 },
    );
    const properties = <T>(prefix: string, value: fc.Arbitrary<T>): fc.Arbitrary<Map<string, T>> =>
      fc
        .array(
          fc.tuple(
            name.map((n) => prefix + n),
            value,
          ),
          { maxLength: 3 },
        )
        .map((entries) => new Map(entries));
    const checkpoints: fc.Arbitrary<CheckpointFile> = fc.record(
      {
        trainable: tensors.map((ts) => ts.map((t) => ({ ...t, name: `t${t.name}` }))),
        frozen: tensors.map((ts) => ts.map((t) => ({ ...t, name: `f${t.name}` }))),
        optimizer: fc.record({
          step: fc.maxSafeNat(),
          initialLearningRate: fc.float(),
          states: properties(
            '',
            tensors.map((ts) => byName(...ts)),
          ),
        }),
        integers: properties('i', fc.maxSafeInteger()),
        floats: properties('f', fc.float()),
        strings: properties('s', name),
      },
      { requiredKeys: ['trainable', 'frozen', 'integers', 'floats', 'strings'] },
    );
    fc.assert(
      fc.property(checkpoints, (file) => {
        expect(decodeCheckpoint(encodeCheckpoint(file))).toEqual(file);
      }),
      { seed: 1, numRuns: 300 },
    );
  });

  it('gives the same bytes when written once more', () => {
    const written = encodeCheckpoint(FULL);
    expect(encodeCheckpoint(FULL)).toEqual(written);
    expect(encodeCheckpoint(decodeCheckpoint(written))).toEqual(written);
  });

  it('keeps floats as float32', () => {
    const { floats } = decodeCheckpoint(encodeCheckpoint({ ...EMPTY, floats: new Map([['third', 1 / 3]]) }));
    expect(floats.get('third')).toBe(Math.fround(1 / 3));
  });

  it('is written into memory of its size, which never had to grow', () => {
    const large: CheckpointFile = {
      ...EMPTY,
      trainable: [
        { name: 'w', shape: [1000, 500], data: new Float32Array(500_000) },
        tensor('many dimensions', Array(200_000).fill(1), 1),
      ],
      strings: new Map([['three bytes each', '€'.repeat(300_000)]]),
    };
    const written = encodeCheckpoint(large);
    expect(written.buffer.byteLength - written.length).toBeLessThan(2048);
  });

  it('reads tensors in place, and copies those that are not aligned', () => {
    const written = encodeCheckpoint(FULL);
    expect(decodeCheckpoint(written).trainable[0]!.data.buffer).toBe(written.buffer);
    for (let shift = 0; shift < 8; shift++) {
      // A Buffer: its slice() does not copy.
      const moved = Buffer.alloc(written.length + shift).subarray(shift);
      moved.set(written);
      const read = decodeCheckpoint(moved);
      expect(read).toEqual(FULL);
      expect(read.trainable[0]!.data.buffer === moved.buffer).toBe(moved.byteOffset % 4 === 0);
    }
  });
});

describe("a checkpoint that ONNX Runtime's training API saved", () => {
  const golden = (name: string): Buffer => readFileSync(new URL(`../golden/${name}`, import.meta.url));
  const saved = golden('ort-checkpoint');
  const expected = JSON.parse(golden('ort-checkpoint.json').toString());
  const read = decodeCheckpoint(saved);

  it.each(['trainable', 'frozen'] as const)('has the %s parameters that it reported', (kind) => {
    const values = read[kind].map(({ name, shape, data }) => [name, { shape, values: [...data] }]);
    expect(Object.fromEntries(values)).toEqual(expected[kind]);
  });

  it('has the moments that follow from the gradients that it reported', () => {
    expect(read.optimizer).toMatchObject({ step: expected.step, initialLearningRate: Math.fround(1e-3) });
    expect([...read.optimizer!.states.keys()].sort()).toEqual(Object.keys(expected.moments).sort());
    for (const [parameter, states] of read.optimizer!.states) {
      expect([...states.keys()]).toEqual(['momentum0', 'momentum1']);
      for (const [i, { shape, data }] of [...states.values()].entries()) {
        const moment = expected.moments[parameter][i];
        expect(shape).toEqual(moment.shape);
        for (const [k, value] of data.entries()) expect(value / moment.values[k]).toBeCloseTo(1, 6);
      }
    }
  });

  it('has its properties', () => {
    const { third, ...others } = expected.properties;
    expect(Object.fromEntries([...read.integers, ...read.strings])).toEqual(others);
    expect([...read.floats]).toEqual([['third', Math.fround(third)]]);
  });

  it('is the same after this project has written it', () => {
    expect(decodeCheckpoint(encodeCheckpoint(read))).toEqual(read);
  });
});

describe('a checkpoint that is written by hand', () => {
  it('reads as what its slots say', () => {
    const written = aCheckpoint({
      1: table({ 0: list(aTensor('w')), 1: list(aTensor('m', { 1: text('doc'), 6: int64(-1n) })) }),
      2: list(
        aGroup({
          2: inline(4, (view) => view.setFloat32(0, 0.5, true)),
          3: list(aParameterState('w', aTensor('momentum0'))),
        }),
      ),
      3: table({ 0: list(aProperty('i', int64(-3n))), 2: list(aProperty('s', text('value'))) }),
    });
    expect(decodeCheckpoint(written)).toStrictEqual({
      trainable: [tensor('w', [1], 1)],
      frozen: [tensor('m', [1], 1)],
      optimizer: {
        step: 1,
        initialLearningRate: 0.5,
        states: new Map([['w', byName(tensor('momentum0', [1], 1))]]),
      },
      integers: new Map([['i', -3]]),
      floats: new Map(),
      strings: new Map([['s', 'value']]),
    });
  });

  it('may leave out what has its default value', () => {
    const withoutValues = withProperties({
      0: list(table({ 0: text('i') })),
      1: list(table({ 0: text('f') })),
    });
    expect(decodeCheckpoint(withoutValues)).toEqual({
      ...EMPTY,
      integers: new Map([['i', 0]]),
      floats: new Map([['f', 0]]),
    });
    const withoutState = withGroups(table({ 0: text('group0') }));
    expect(decodeCheckpoint(withoutState).optimizer).toEqual({
      step: 0,
      initialLearningRate: 0,
      states: new Map(),
    });
    expect(decodeCheckpoint(aCheckpoint({}))).toStrictEqual(EMPTY);
  });

  it('may share strings', () => {
    const name = text('a name as long as the rest of what is said of such a tensor: two lines');
    const shared = Array.from({ length: 9 }, (_, i) =>
      aParameterState(`p${i}`, table({ 0: name, 2: int64s(), 3: int32(1), 4: bytes(new Uint8Array(4)) })),
    );
    expect(decodeCheckpoint(withGroups(aGroup({ 3: list(...shared) }))).optimizer!.states.size).toBe(9);
  });
});

describe('decodeCheckpoint refuses', () => {
  it.each([
    ['nothing', new Uint8Array(0)],
    ['another file', new TextEncoder().encode('{"step": 1}')],
    ['a flatbuffer of another kind', handWritten(table({ 0: int32(2) }), 'ORTM')],
  ])('%s', (_, file) => {
    expect(refusal(file)).toBe('not an ONNX Runtime training checkpoint');
  });

  const moments = (...tensors: Part[]): Uint8Array =>
    withGroups(aGroup({ 3: list(aParameterState('w', ...tensors)) }));

  it.each<[string, Uint8Array, string]>([
    ['version 3', aCheckpoint({ 0: int32(3) }), 'checkpoint version 3, expected 2'],
    [
      'version 1, whatever the rest',
      aCheckpoint({ 0: int32(1), 1: int32(7) }),
      'checkpoint version 1, expected 2',
    ],
    ['no version', handWritten(table({})), 'checkpoint version 0, expected 2'],
    ['nominal state', withModule({ 2: yes }), 'nominal checkpoint, without the values of its parameters'],
    ['external data', withModule({ 3: yes }), 'keeps its tensors in another file, which is not supported'],
    [
      'a tensor with external data',
      withTensors(aTensor('w', { 6: int64(0n) })),
      'tensor "w" keeps its data in another file, which is not supported',
    ],
    [
      'float64',
      withTensors(aTensor('w', { 3: int32(11) })),
      'tensor "w" is of type float64, expected float32',
    ],
    [
      'an unknown type',
      withTensors(aTensor('w', { 3: int32(99) })),
      'tensor "w" is of type 99, expected float32',
    ],
    [
      'a negative dimension',
      withTensors(aTensor('w', { 2: int64s(-1n, -1n) })),
      'tensor "w" has a dimension of -1',
    ],
    [
      'a dimension past the safe integers',
      withTensors(aTensor('w', { 2: int64s(0n, 2n ** 53n) })),
      'tensor "w" has a dimension of 9007199254740992',
    ],
    [
      'data that does not fill the shape',
      withTensors(aTensor('w', { 2: int64s(2n, 3n) })),
      'tensor "w" has 1 elements where its shape [2, 3] has 6',
    ],
    [
      'a shape whose product passes all bounds',
      withTensors(aTensor('w', { 2: int64s(...Array<bigint>(100).fill(2n ** 52n)) })),
      `tensor "w" has 1 elements where its shape [${Array(8)
        .fill(2 ** 52)
        .join(', ')}] has Infinity`,
    ],
    [
      'half an element',
      withTensors(aTensor('w', { 4: bytes(new Uint8Array(6)) })),
      'tensor "w" holds 6 bytes, which are not whole float32 elements',
    ],
    [
      'a tensor without a name',
      withTensors(table({ 3: int32(1) })),
      "damaged checkpoint (a tensor's name is missing)",
    ],
    [
      'a tensor without a shape',
      withTensors(table({ 0: text('w'), 3: int32(1) })),
      'damaged checkpoint (the shape of tensor "w" is missing)',
    ],
    [
      'a tensor without data',
      withTensors(table({ 0: text('w'), 2: int64s(0n), 3: int32(1) })),
      'damaged checkpoint (the data of tensor "w" is missing)',
    ],
    ['a parameter twice', withTensors(aTensor('w'), aTensor('w')), 'parameter "w" occurs twice'],
    [
      'a parameter that is trainable and frozen',
      withModule({ 0: list(aTensor('w')), 1: list(aTensor('w')) }),
      'parameter "w" occurs twice',
    ],
    ['two optimizer groups', withGroups(aGroup(), aGroup()), '2 optimizer groups, expected one'],
    [
      'an optimizer group of another name',
      withGroups(aGroup({ 0: text('a\nb') })),
      'optimizer group "a\ufffdb", expected "group0"',
    ],
    [
      'an optimizer group without a name',
      withGroups(table({ 1: int64(1n) })),
      "damaged checkpoint (the optimizer group's name is missing)",
    ],
    [
      'a negative step',
      withGroups(aGroup({ 1: int64(-1n) })),
      'optimizer step -1, expected one in [0, 2^53)',
    ],
    [
      'a step past the safe integers',
      withGroups(aGroup({ 1: int64(2n ** 53n) })),
      'optimizer step 9007199254740992, expected one in [0, 2^53)',
    ],
    [
      'the state of a parameter twice',
      withGroups(aGroup({ 3: list(aParameterState('w'), aParameterState('w')) })),
      'state of parameter "w" occurs twice',
    ],
    [
      'the state of no parameter',
      withGroups(aGroup({ 3: list(table({ 1: list() })) })),
      "damaged checkpoint (a parameter's name is missing)",
    ],
    [
      'a moment twice',
      moments(aTensor('momentum0'), aTensor('momentum0')),
      'state "momentum0" of parameter "w" occurs twice',
    ],
    [
      'a moment that does not fill its shape',
      moments(aTensor('momentum0', { 2: int64s() }), aTensor('momentum1', { 2: int64s(2n) })),
      'tensor "momentum1" has 1 elements where its shape [2] has 2',
    ],
    [
      'a property twice',
      withProperties({ 0: list(aProperty('p', int64(1n)), aProperty('p', int64(1n))) }),
      'property "p" occurs twice',
    ],
    [
      'a property of two types',
      withProperties({ 0: list(aProperty('p', int64(1n))), 2: list(aProperty('p', text('1'))) }),
      'property "p" occurs twice',
    ],
    [
      'an integer past the safe ones',
      withProperties({ 0: list(aProperty('p', int64(-(2n ** 53n)))) }),
      'property "p" is -9007199254740992, which is not a safe integer',
    ],
    [
      'a property without a name',
      withProperties({ 1: list(table({ 1: int32(0) })) }),
      "damaged checkpoint (a property's name is missing)",
    ],
    [
      'a string property without a value',
      withProperties({ 2: list(table({ 0: text('p') })) }),
      'damaged checkpoint (the value of property "p" is missing)',
    ],
    [
      'an endless name, naming its beginning',
      withTensors(aTensor('x'.repeat(5000), { 3: int32(6) })),
      `tensor "${'x'.repeat(80)}…" is of type int32, expected float32`,
    ],
  ])('%s', (_, file, message) => {
    expect(refusal(file)).toBe(message);
  });

  it.each<[string, Uint8Array, RegExp]>([
    [
      'a name that is not UTF-8',
      withTensors(table({ 0: text(Uint8Array.of(0xc3, 0x28)) })),
      /string at byte \d+ is not UTF-8/,
    ],
    [
      'a name longer than 1 MiB',
      withTensors(table({ 0: text('x'.repeat(2 ** 20 + 1)) })),
      /string of 1048577 bytes, more than 1048576/,
    ],
    [
      'a string that does not end',
      withTensors(table({ 0: vector(Uint8Array.of(65, 66, 67, 68), 3, 4) })),
      /string at byte \d+ does not end where it says/,
    ],
    [
      'a vector longer than the file',
      withTensors(aTensor('w', { 4: vector(new Uint8Array(4), 2 ** 31 - 1, 4) })),
      /vector at byte \d+ reaches outside the file/,
    ],
    [
      'a shape of more dimensions than the file has bytes',
      withTensors(aTensor('w', { 2: vector(new Uint8Array(8), 2 ** 29 + 1, 8) })),
      /vector at byte \d+ reaches outside the file/,
    ],
    [
      'a shape that is not aligned',
      withTensors(aTensor('w', { 2: vector(new Uint8Array(8), 1, 8, 4) })),
      /vector at byte \d+ is misaligned/,
    ],
    ['an offset that leads back', withTensors(() => 0), /table at byte \d+ reaches outside the file/],
    ['an offset to itself', withModule({ 0: int32(0) }), /offset at byte \d+ points to itself/],
    ['a table where the file ends', withModule({ 0: list(raw([])) }), /table at byte \d+ reaches outside/],
    [
      'a table that is not aligned',
      withModule({ 0: list(raw(new Uint8Array(64), 2)) }),
      /table at byte \d+ is misaligned/,
    ],
    [
      'a vtable before the file',
      withModule({ 0: list(raw(int32(2 ** 31 - 1))) }),
      /vtable at byte -\d+ reaches outside/,
    ],
    [
      'a vtable that ends outside the file',
      withModule({ 0: list(raw([252, 255, 255, 255, 255, 255, 8, 0])) }),
      /vtable at byte \d+ reaches outside/,
    ],
    [
      'a table that ends outside the file',
      withModule({ 0: list(raw([252, 255, 255, 255, 4, 0, 255, 255])) }),
      /table at byte \d+ reaches outside/,
    ],
    [
      'a field that is not aligned',
      withModule({ 0: list(raw([252, 255, 255, 255, 6, 0, 10, 0, 6, 0])) }),
      /field name at byte \d+ is misaligned/,
    ],
    [
      "a field in the place of its table's own offset",
      aCheckpoint({ 1: raw([252, 255, 255, 255, 10, 0, 14, 0, 0, 0, 0, 0, 1, 0]) }),
      /field is_nominal_state of the table at byte \d+ lies outside it/,
    ],
    [
      'a field outside its table',
      withModule({ 0: list(raw([252, 255, 255, 255, 6, 0, 4, 0, 4, 0])) }),
      /field name of the table at byte \d+ lies outside it/,
    ],
    [
      'the same tensor more often than the file is long',
      withModule({ 0: list(...Array<Part>(1000).fill(aTensor('w'))) }),
      /its parts overlap/,
    ],
    [
      'the same data for many tensors',
      (() => {
        const data = bytes(new Uint8Array(100_000));
        const tensors = Array.from({ length: 1000 }, (_, i) =>
          aTensor(`${i}`, { 2: int64s(25_000n), 4: data }),
        );
        return withTensors(...tensors);
      })(),
      /its parts overlap/,
    ],
    [
      'more tensors than it would ever have',
      withModule({ 0: listOf(Array.from({ length: 65_535 }, () => table({ 0: text('w') }))) }),
      /more than 65536 tables/,
    ],
  ])('%s, as damage', (_, file, message) => {
    const started = performance.now();
    expect(refusal(file)).toMatch(/^damaged checkpoint \(.*\)$/);
    expect(refusal(file)).toMatch(message);
    expect(performance.now() - started).toBeLessThan(10_000);
  });
});

describe('decodeCheckpoint on a damaged file', () => {
  const ort = readFileSync(new URL('../golden/ort-checkpoint', import.meta.url));
  const files = [
    ['of this project', encodeCheckpoint(FULL)],
    ['of ONNX Runtime', Uint8Array.from(ort)],
  ] as const;

  it.each(files)('refuses it cut short at every byte, if that loses anything: one %s', (_, file) => {
    const whole = encodeCheckpoint(decodeCheckpoint(file));
    for (let length = 0; length < file.length; length++) {
      const cut = file.slice(0, length);
      if (refusal(cut) === 'accepted') expect(encodeCheckpoint(decodeCheckpoint(cut))).toEqual(whole);
    }
    expect(refusal(file.slice(0, file.length - 8))).not.toBe('accepted');
  });

  it.each(files)('refuses or reads it with any bytes changed, at once: one %s', (_, file) => {
    let slowest = 0;
    let refused = 0;
    for (let k = 0; k < 2000; k++) {
      const damaged = file.slice();
      for (let change = 0; change <= k % 3; change++) {
        damaged[hash32(k, change) % file.length] = hash32(k, change + 10);
      }
      const started = performance.now();
      if (refusal(damaged) !== 'accepted') refused++;
      slowest = Math.max(slowest, performance.now() - started);
    }
    expect(refused).toBeGreaterThan(200);
    expect(refused).toBeLessThan(2000);
    expect(slowest).toBeLessThan(1000);
  });

  it.each(files)('refuses or reads it with any word changed to a likely one: one %s', (_, file) => {
    const words = [
      0,
      1,
      4,
      8,
      file.length,
      2 ** 16,
      2 ** 29,
      2 ** 30,
      2 ** 31 - 1,
      2 ** 31,
      2 ** 32 - 4,
      2 ** 32 - 1,
    ];
    for (let at = 0; at + 4 <= file.length; at += 2) {
      for (const word of words) {
        const damaged = file.slice();
        new DataView(damaged.buffer).setUint32(at, word, true);
        refusal(damaged);
      }
    }
  });

  it('refuses random bytes after its identifier', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (random) => {
        expect(refusal(Uint8Array.of(8, 0, 0, 0, 79, 68, 84, 67, ...random))).not.toBe('accepted');
      }),
      { seed: 1, numRuns: 1000 },
    );
  });
});

describe('encodeCheckpoint refuses', () => {
  const EIGHT_MILLION = new Float32Array(2 ** 23);

  it.each<[string, Partial<CheckpointFile>, string]>([
    [
      'data that does not fill its shape',
      { frozen: [tensor('w', [2, 2], 1, 2, 3)] },
      'tensor "w" has 3 elements where its shape [2, 2] has 4',
    ],
    ['a negative dimension', { trainable: [tensor('w', [-1, -1], 1)] }, 'tensor "w" has a dimension of -1'],
    ['a broken dimension', { trainable: [tensor('w', [0.5, 2], 1)] }, 'tensor "w" has a dimension of 0.5'],
    [
      'a parameter twice',
      { trainable: [tensor('w', [], 1)], frozen: [tensor('w', [], 1)] },
      'parameter "w" occurs twice',
    ],
    [
      'a property of two types',
      { integers: new Map([['p', 1]]), strings: new Map([['p', '1']]) },
      'property "p" occurs twice',
    ],
    [
      'a property that is no integer',
      { integers: new Map([['p', 0.5]]) },
      'property "p" is 0.5, which is not a safe integer',
    ],
    [
      'a step of less than none',
      { optimizer: { step: -1, initialLearningRate: 0, states: new Map() } },
      'optimizer step -1, expected one in [0, 2^53)',
    ],
    [
      'a moment under another name than its own',
      {
        optimizer: {
          step: 1,
          initialLearningRate: 0,
          states: new Map([['w', new Map([['momentum0', tensor('m', [], 1)]])]]),
        },
      },
      'state "momentum0" is a tensor named "m"',
    ],
    [
      'a string of more than 1 MiB',
      { strings: new Map([['p', 'ü'.repeat(2 ** 19 + 1)]]) },
      'a string of 1048578 bytes, more than 1048576',
    ],
    ['half a character', { strings: new Map([['p', '\ud83d']]) }, 'the string "\ufffd" is not well-formed'],
    [
      'more than ONNX Runtime can hold',
      {
        trainable: Array.from({ length: 64 }, (_, i) => ({
          name: `${i}`,
          shape: [2 ** 23],
          data: EIGHT_MILLION,
        })),
      },
      'more than 2147483647 bytes, too many for a checkpoint',
    ],
    [
      'more properties than it would read',
      { integers: new Map(Array.from({ length: 65_534 }, (_, i) => [`${i}`, i])) },
      '65537 tensors and properties, more than 65536',
    ],
  ])('%s', (_, parts, message) => {
    let thrown: unknown;
    try {
      encodeCheckpoint({ ...EMPTY, ...parts });
    } catch (error) {
      thrown = error;
    }
    expect(messageOf(thrown)).toBe(message);
  });

  it('nothing that it would read: strings of 1 MiB, and as many properties as there may be', () => {
    const most: CheckpointFile = {
      ...EMPTY,
      integers: new Map(Array.from({ length: 65_532 }, (_, i) => [`${i}`, i])),
      strings: new Map([['ü'.repeat(2 ** 19), 'x'.repeat(2 ** 20)]]),
    };
    expect(decodeCheckpoint(encodeCheckpoint(most))).toEqual(most);
  });
});
