import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildStepGraph, GANS } from '../../src/export/index.js';
import {
  DATA_TYPES,
  decodeModel,
  encodeModel,
  InvalidModelError,
  type ModelProto,
  modelMetadata,
  type TensorProto,
  tensorProto,
} from '../../src/onnx/index.js';
import { hash32 } from '../support/hash.js';

/** A model with something in every kind of field. */
const MODEL: ModelProto = {
  ir_version: 8,
  producer_name: 'test',
  producer_version: '1',
  domain: 'd',
  model_version: 3,
  doc_string: 'größe',
  graph: {
    node: [
      {
        input: ['x', ''],
        output: ['y'],
        name: 'n',
        op_type: 'If',
        domain: 'custom',
        overload: 'o',
        attribute: [
          { name: 'f', f: -0.5, type: 1 },
          { name: 'i', i: -(2 ** 40), type: 2 },
          { name: 's', s: Uint8Array.of(0, 255), type: 3 },
          { name: 't', t: tensorProto('t', 'int64', [2], BigInt64Array.of(1n, -1n)), type: 4 },
          { name: 'g', g: { name: 'inner', node: [{ op_type: 'Identity' }] }, type: 5 },
          { name: 'fs', floats: [1, 2.5], type: 6 },
          { name: 'is', ints: [0, -1, 2 ** 53 - 1], type: 7 },
          { name: 'ss', strings: [Uint8Array.of(1), new Uint8Array(0)], type: 8 },
          { name: 'ts', tensors: [tensorProto('a', 'bool', [1], Uint8Array.of(1))], type: 9 },
          { name: 'gs', graphs: [{ name: 'inner' }], type: 10 },
          { name: 'sparse', sparse_tensors: [{ dims: [4] }], type: 12 },
        ],
      },
    ],
    name: 'g',
    initializer: [
      tensorProto('w', 'float32', [2, 2], Float32Array.of(1, 2, 3, 4)),
      { dims: [2], data_type: DATA_TYPES.float32, float_data: [1, 2], name: 'typed' },
      { dims: [1], data_type: DATA_TYPES.float64, double_data: [0.1], name: 'double' },
      { dims: [1], data_type: DATA_TYPES.int64, int64_data: [-5], name: 'long' },
      { dims: [], data_type: DATA_TYPES.bool, int32_data: [1], name: 'scalar' },
      { dims: [1], data_type: DATA_TYPES.uint64, uint64_data: [2 ** 40], name: 'unsigned' },
      { dims: [1], data_type: DATA_TYPES.string, string_data: [Uint8Array.of(65)], name: 'text' },
    ],
    input: [
      {
        name: 'x',
        type: { tensor_type: { elem_type: 1, shape: { dim: [{ dim_param: 'N' }, { dim_value: 3 }] } } },
      },
    ],
    output: [{ name: 'y', type: { sequence_type: { elem_type: { tensor_type: { elem_type: 1 } } } } }],
  },
  opset_import: [{ domain: '', version: 18 }],
  metadata_props: [
    { key: 'a', value: '1' },
    { key: 'b', value: 'ü' },
  ],
  functions: [
    {
      name: 'F',
      domain: 'custom',
      overload: 'o',
      attribute: ['v'],
      output: ['y'],
      node: [
        {
          op_type: 'Constant',
          output: ['y'],
          attribute: [{ name: 'value_int', type: 2, ref_attr_name: 'v' }],
        },
      ],
    },
  ],
};

/** Without keys whose value is an empty list, which the wire format does not tell from absent ones. */
function withoutEmptyLists(value: unknown): unknown {
  if (value instanceof Uint8Array || typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(withoutEmptyLists);
  const kept = Object.entries(value).filter(([, v]) => !(Array.isArray(v) && v.length === 0));
  return Object.fromEntries(kept.map(([key, v]) => [key, withoutEmptyLists(v)]));
}

/** The smallest model around a graph. */
const around = (graph: ModelProto['graph']): Uint8Array =>
  encodeModel({ ir_version: 8, opset_import: [{ version: 18 }], ...(graph === undefined ? {} : { graph }) });

const withTensor = (tensor: TensorProto): Uint8Array => around({ initializer: [tensor] });

/** The error of reading `bytes`; anything but an InvalidModelError fails the test. */
function refusal(bytes: Uint8Array): string {
  try {
    decodeModel(bytes);
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidModelError);
    return (error as Error).message;
  }
  return 'accepted';
}

describe('a model that is written and read again', () => {
  it('is the same in every field', () => {
    expect(withoutEmptyLists(decodeModel(encodeModel(MODEL)))).toEqual(withoutEmptyLists(MODEL));
  });

  it('gives the same bytes when written once more', () => {
    const bytes = encodeModel(MODEL);
    expect(encodeModel(decodeModel(bytes))).toEqual(bytes);
  });

  it('the training step of gan.py survives it byte for byte', () => {
    const { bytes } = buildStepGraph('joint', {
      gan: GANS['pytorch-gan']({ image: [1, 28, 28], latentSize: 100 }),
      optimizer: {
        kind: 'adam',
        learningRate: { kind: 'constant', value: 1e-3 },
        b1: 0.5,
        b2: 0.999,
        eps: 1e-8,
      },
      generatorLoss: 'nonsaturating',
    });
    expect(encodeModel(decodeModel(bytes))).toEqual(bytes);
  });

  it('metadata reads as a map', () => {
    expect([...modelMetadata(decodeModel(encodeModel(MODEL)))]).toEqual([
      ['a', '1'],
      ['b', 'ü'],
    ]);
  });

  it('fields that this project does not know are skipped', () => {
    // Field 100 as a varint, field 101 as bytes, field 102 as a group.
    const unknown = [0xa0, 0x06, 5, 0xaa, 0x06, 2, 1, 2, 0xb3, 0x06, 0xb4, 0x06];
    const bytes = Uint8Array.of(...unknown, ...encodeModel(MODEL));
    expect(decodeModel(bytes)).toEqual(decodeModel(encodeModel(MODEL)));
  });
});

describe('tensorProto', () => {
  it('refuses data that does not fill the shape, naming the tensor', () => {
    expect(() => tensorProto('w', 'float32', [2, 2], Float32Array.of(1, 2, 3))).toThrow(
      'tensor w: 12 bytes of data for float32 [2, 2], which takes 16',
    );
  });
});

describe('decodeModel on bytes that are not a model', () => {
  it('refuses a file cut short, at every byte but those between two fields of the model', () => {
    const bytes = encodeModel(MODEL);
    const whole = new Set<number>();
    for (let length = 0; length < bytes.length; length++) {
      if (refusal(bytes.subarray(0, length)) === 'accepted') whole.add(length);
    }
    // Cut after the operator sets, and after each of the metadata: those are models.
    expect(whole.size).toBe(3);
  });

  it('refuses random bytes, or reads them without any other error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(refusal(bytes)).not.toBe('accepted');
      }),
      { seed: 1, numRuns: 2000 },
    );
  });

  it('survives any change of single bytes', () => {
    const bytes = encodeModel(MODEL);
    for (let k = 0; k < 5000; k++) {
      const damaged = bytes.slice();
      for (let change = 0; change <= k % 3; change++) {
        damaged[hash32(k, change) % bytes.length] = hash32(k, change + 10);
      }
      refusal(damaged);
    }
  });

  it('refuses messages that nest without end, as messages and as groups', () => {
    let nested: Uint8Array = Uint8Array.of();
    const wrap = (field: number): void => {
      const length: number[] = [];
      for (let n = nested.length; ; n >>>= 7) {
        length.push(n > 127 ? (n & 127) | 128 : n);
        if (n <= 127) break;
      }
      const next = new Uint8Array(1 + length.length + nested.length);
      next.set([(field << 3) | 2, ...length]);
      next.set(nested, 1 + length.length);
      nested = next;
    };
    for (let i = 0; i < 1000; i++) {
      // A graph in an attribute of a node of a graph ...
      wrap(6);
      wrap(5);
      wrap(1);
    }
    wrap(7);
    expect(refusal(nested)).toMatch(/nest deeper than 64 levels/);
    expect(refusal(new Uint8Array(1_000_000).fill((100 << 3) | 3))).toMatch(/damaged/);
  });

  it.each([
    ['longer than the file', [0x3a, 0xff, 0xff, 0xff, 0xff, 0x0f]],
    ['longer than its message', [0x3a, 2, 0x12, 100]],
    ['of more than 64 bits', [0x08, ...Array<number>(12).fill(0xff)]],
    ['of a wrong wire type', [0x0d, 0, 0, 0, 0]],
    ['of field number 0', [0x02, 0]],
  ])('refuses a field %s', (_, bytes) => {
    expect(refusal(Uint8Array.from(bytes))).toMatch(/damaged/);
  });

  it.each([
    ['nothing', Uint8Array.of()],
    ['no graph', around(undefined)],
    ['no IR version', encodeModel({ graph: {}, opset_import: [{ version: 18 }] })],
    ['no operator set', encodeModel({ ir_version: 8, graph: {} })],
  ])('refuses a file with %s', (_, bytes) => {
    expect(refusal(bytes)).toMatch(/no graph, IR version or operator set/);
  });

  it('refuses a second graph, which ONNX Runtime would merge into the first', () => {
    const twice = Uint8Array.of(...around({ name: 'a' }), ...around({ name: 'b' }));
    expect(refusal(twice)).toMatch(/ModelProto.graph occurs twice/);
  });

  it('refuses inputs and outputs without a name', () => {
    expect(refusal(around({ input: [{ type: {} }] }))).toMatch(/no name/);
    expect(refusal(around({ output: [{ name: '' }] }))).toMatch(/no name/);
  });

  it('is quick about it', () => {
    const started = performance.now();
    const bytes = new Uint8Array(4_000_000).map((_, i) => hash32(i, 3));
    for (let offset = 0; offset < 100; offset++) refusal(bytes.subarray(offset));
    expect(performance.now() - started).toBeLessThan(10_000);
  });
});

describe('decodeModel on tensors', () => {
  const raw = (length: number): Uint8Array => new Uint8Array(length);

  it.each([
    [
      'too few bytes',
      { dims: [2, 2], data_type: 1, raw_data: raw(15) },
      /holds 15 bytes .* \[2, 2\] takes 16/,
    ],
    ['too many bytes', { dims: [], data_type: 7, raw_data: raw(16) }, /holds 16 bytes .* takes 8/],
    ['a negative dimension', { dims: [-1], data_type: 1, raw_data: raw(4) }, /has a dimension of -1/],
    [
      'a product of dimensions past all bounds',
      { dims: [2 ** 52, 2 ** 52, 0, 2 ** 52], data_type: 1, raw_data: raw(4) },
      /holds 4 bytes/,
    ],
  ])('refuses %s, naming the tensor', (_, tensor, message) => {
    expect(refusal(withTensor({ name: 'w', ...tensor }))).toMatch(message);
    expect(refusal(withTensor({ name: 'w', ...tensor }))).toMatch(/tensor "w"/);
  });

  // ONNX Runtime follows such paths from the working directory in each of these places, also from bytes.
  it('refuses data in another file, wherever a model can hold a tensor', () => {
    const outside: TensorProto = {
      name: 'w',
      dims: [1],
      data_type: 1,
      data_location: 1,
      external_data: [{ key: 'location', value: '../../etc/passwd' }],
    };
    const graph = { initializer: [outside] };
    const attributes = [
      { t: outside },
      { tensors: [outside] },
      { g: graph },
      { graphs: [graph] },
      { sparse_tensor: { values: outside } },
      { sparse_tensors: [{ indices: outside }] },
    ];
    const inFunction = (body: object): Uint8Array =>
      encodeModel({ ir_version: 8, opset_import: [{ version: 18 }], graph: {}, functions: [body] });
    for (const bytes of [
      withTensor(outside),
      withTensor({ name: 'w', external_data: outside.external_data! }),
      around({ sparse_initializer: [{ values: outside }] }),
      ...attributes.map((attribute) => around({ node: [{ attribute: [attribute] }] })),
      ...attributes.map((attribute) => inFunction({ node: [{ attribute: [attribute] }] })),
      ...attributes.map((attribute) => inFunction({ attribute_proto: [attribute] })),
    ]) {
      expect(refusal(bytes)).toBe('tensor "w" keeps its data in another file, which is not supported');
    }
  });
});
