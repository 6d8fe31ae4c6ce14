import { describe, expect, it } from 'vitest';
import {
  type AttributeProto,
  DATA_TYPES,
  decodeModel,
  encodeModel,
  type GraphProto,
  InvalidModelError,
  type ModelProto,
  type NodeProto,
  type TensorProto,
  tensorProto,
  type ValueInfoProto,
} from '../../src/onnx/index.js';

const model = (graph: GraphProto, more: Partial<ModelProto> = {}): ModelProto => ({
  ir_version: 8,
  opset_import: [{ version: 18 }],
  graph,
  ...more,
});

/** Why a model is refused; anything but an InvalidModelError fails the test. */
function refusal(graph: GraphProto, more: Partial<ModelProto> = {}): string {
  try {
    decodeModel(encodeModel(model(graph, more)));
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidModelError);
    return (error as Error).message;
  }
  return 'accepted';
}

const node = (input: string[], output: string[], more: NodeProto = {}): NodeProto => ({
  op_type: 'Op',
  input,
  output,
  ...more,
});
const values = (...names: string[]): ValueInfoProto[] => names.map((name) => ({ name }));
const scalar = (name: string): TensorProto => tensorProto(name, 'float32', [], Float32Array.of(1));
const branch = (graph: GraphProto): NodeProto => node(['x'], ['y'], { attribute: [{ name: 'g', g: graph }] });

describe('the nodes of a model', () => {
  const input = values('x');

  it('read what is there before them', () => {
    const chain = [node(['x', '', 'w'], ['a']), node(['a'], ['b', ''])];
    expect(refusal({ input, node: chain, initializer: [scalar('w')], output: values('b') })).toBe('accepted');
    expect(refusal({ input, node: [node(['nothing'], ['y'], { name: 'first' })] })).toBe(
      'node "first" (Op) reads "nothing", which nothing before it computes',
    );
  });

  it('are in the order of their use, and in no circle', () => {
    expect(refusal({ input, node: [node(['b'], ['a']), node(['x'], ['b'])] })).toMatch(/reads "b"/);
    expect(refusal({ input, node: [node(['a'], ['a'])] })).toMatch(/node "a" \(Op\) reads "a"/);
  });

  it('give each value once', () => {
    expect(refusal({ input, node: [node(['x'], ['a']), node(['x'], ['a'])] })).toBe(
      'two values are named "a"',
    );
    expect(refusal({ input, node: [node(['x'], ['a', 'a'])] })).toBe('two values are named "a"');
    expect(refusal({ input, node: [node(['x'], ['x'])] })).toBe('two values are named "x"');
    expect(refusal({ initializer: [scalar('w')], node: [node([], ['w'])] })).toBe('two values are named "w"');
    expect(refusal({ initializer: [scalar('w'), scalar('w')] })).toBe('two tensors are named "w"');
    expect(refusal({ input: values('x', 'x') })).toBe('two values are named "x"');
  });

  it('may have default values for inputs', () => {
    expect(refusal({ input, initializer: [scalar('x')] })).toBe('accepted');
  });

  it('give all outputs', () => {
    expect(refusal({ input, output: values('y') })).toBe('output "y" is not computed by any node');
    expect(refusal({ input, output: values('x') })).toBe('accepted');
  });

  it('see in a subgraph what is around it, and not the other way round', () => {
    const inner = (from: string): GraphProto => ({
      node: [node([from], ['inner'])],
      output: values('inner'),
    });
    expect(refusal({ input, node: [branch(inner('x'))] })).toBe('accepted');
    expect(refusal({ input, node: [branch(inner('y'))] })).toMatch(/reads "y"/);
    expect(refusal({ input, node: [branch(inner('x')), node(['inner'], ['z'])] })).toMatch(/reads "inner"/);
  });

  it('see in a function its inputs only', () => {
    const fn = (from: string, output: string) => [
      { name: 'F', input: ['a'], output: [output], node: [node([from], ['b'])] },
    ];
    expect(refusal({ input }, { functions: fn('a', 'b') })).toBe('accepted');
    expect(refusal({ input }, { functions: fn('x', 'b') })).toMatch(/reads "x"/);
    expect(refusal({ input }, { functions: fn('a', 'c') })).toBe(
      'output "c" of function "F" is not computed',
    );
  });

  it('have an operator, and are not too many', () => {
    expect(refusal({ node: [{ name: 'n' }] })).toBe('node "n" has no operator');
    const many = (count: number) => Array.from({ length: count }, () => node([], []));
    expect(refusal({ node: many(100_000) })).toBe('accepted');
    expect(refusal({ node: many(100_001) })).toBe('it has more than 100000 nodes');
    const both: GraphProto = { input, node: [branch({ node: many(50_000) }), ...many(50_000)] };
    expect(refusal(both)).toBe('it has more than 100000 nodes');
  });
});

describe('names', () => {
  it.each<[string, GraphProto]>([
    ['node "a\u{fffd}b"', { node: [node([], [], { name: 'a\nb' })] }],
    ['operator "a\u{fffd}b"', { node: [node([], [], { op_type: 'a\u{1b}b' })] }],
    ['domain "a\u{fffd}b"', { node: [node([], [], { domain: 'a\u{9b}b' })] }],
    ['attribute "a\u{fffd}b"', { node: [node([], [], { attribute: [{ name: 'a\0b' }] })] }],
    ['value "a\u{fffd}b"', { node: [node([], ['a\tb'])] }],
    ['tensor "a\u{fffd}b"', { initializer: [scalar('a\u{7f}b')] }],
    ['input "a\u{fffd}b"', { input: values('a\nb') }],
    ['graph "a\u{fffd}b"', { name: 'a\nb' }],
  ])('%s is refused: ONNX Runtime would print it as it is', (what, graph) => {
    expect(refusal(graph)).toBe(`${what} has control characters in its name`);
  });

  it('of any language are accepted, and long ones shown in part', () => {
    expect(refusal({ input: values('größe 大小') })).toBe('accepted');
    const message = refusal({ node: [node(['x'.repeat(4000)], [])] });
    expect(message.length).toBeLessThan(200);
    expect(refusal({ input: values('x'.repeat(5000)) })).toMatch(
      /^input "x{80}…" has a name of 5000 characters$/,
    );
  });
});

describe('the type of a value', () => {
  const dim = (dim_value?: number, dim_param?: string) => ({
    ...(dim_value === undefined ? {} : { dim_value }),
    ...(dim_param === undefined ? {} : { dim_param }),
  });
  const typed = (...dims: ReturnType<typeof dim>[]): GraphProto => ({
    input: [{ name: 'x', type: { tensor_type: { elem_type: 1, shape: { dim: dims } } } }],
  });

  it('has dimensions that are numbers, names or unknown, and not two of these', () => {
    expect(refusal(typed(dim(3), dim(undefined, 'N'), dim()))).toBe('accepted');
    expect(refusal(typed(dim(3, 'N')))).toBe('value "x" has a dimension that is both 3 and "N"');
  });

  it('is a tensor or a sequence, and not both', () => {
    const type = { tensor_type: { elem_type: 1 }, sequence_type: { elem_type: {} } };
    expect(refusal({ input: [{ name: 'x', type }] })).toBe('value "x" is both a tensor and a sequence');
    expect(refusal({ input: [{ name: 'x', type: { sequence_type: { elem_type: type } } }] })).toMatch(/both/);
  });
});

describe('the data of a tensor', () => {
  const of = (tensor: TensorProto) => refusal({ initializer: [{ name: 'w', ...tensor }] });

  it.each<[string, TensorProto]>([
    ['float', { dims: [2], data_type: DATA_TYPES.float32, float_data: [1, 2] }],
    ['int32', { dims: [2], data_type: DATA_TYPES.bool, int32_data: [1, 0] }],
    ['int64', { dims: [2], data_type: DATA_TYPES.int64, int64_data: [1, 2] }],
    ['double', { dims: [2], data_type: DATA_TYPES.float64, double_data: [1, 2] }],
    ['uint64', { dims: [2], data_type: DATA_TYPES.uint32, uint64_data: [1, 2] }],
    [
      'string',
      { dims: [2], data_type: DATA_TYPES.string, string_data: [Uint8Array.of(65), Uint8Array.of()] },
    ],
    ['complex', { dims: [2], data_type: 14, float_data: [1, 2, 3, 4] }],
    ['four bits, in pairs', { dims: [3], data_type: 22, int32_data: [0x21, 3] }],
    ['four raw bits, in pairs', { dims: [3], data_type: 22, raw_data: Uint8Array.of(0x21, 3) }],
    ['bfloat16', { dims: [2], data_type: 16, raw_data: new Uint8Array(4) }],
    ['none, for none', { dims: [0, 3], data_type: DATA_TYPES.float32 }],
  ])('fills its shape: %s', (_, tensor) => {
    expect(of(tensor)).toBe('accepted');
    expect(of({ ...tensor, dims: [5, 1] })).toMatch(
      /tensor "w" holds \d (bytes|values) where its shape \[5, 1\] takes \d/,
    );
  });

  it('is not in the field of another type, and not missing', () => {
    expect(of({ dims: [2], data_type: DATA_TYPES.int64, float_data: [1, 2] })).toMatch(
      /holds 0 values .* takes 2/,
    );
    expect(of({ dims: [2 ** 40], data_type: DATA_TYPES.float32 })).toMatch(/holds 0 values/);
  });

  it('has no more axes than any real tensor', () => {
    const dims = Array<number>(33).fill(1);
    expect(of({ dims, data_type: 1, float_data: [1] })).toBe('tensor "w" has 33 axes');
  });

  it('is that of a reasonable number of tensors', () => {
    const many = (count: number) => Array.from({ length: count }, (_, i) => scalar(`w${i}`));
    expect(refusal({ initializer: many(20_000) })).toBe('accepted');
    expect(refusal({ initializer: many(20_001) })).toBe('it has more than 20000 tensors');
  });

  it('has a type that exists', () => {
    expect(of({ dims: [1], data_type: 99, raw_data: new Uint8Array(4) })).toBe(
      'tensor "w" has an unknown element type 99',
    );
    expect(of({ dims: [1], raw_data: new Uint8Array(4) })).toBe('tensor "w" has an unknown element type 0');
  });

  it('of a sparse tensor is no larger than it may be as a dense one', () => {
    const sparse = (...dims: number[]): GraphProto => ({
      sparse_initializer: [
        { values: scalar('w'), indices: tensorProto('', 'int64', [], BigInt64Array.of(0n)), dims },
      ],
    });
    expect(refusal(sparse(1000, 1000))).toBe('accepted');
    expect(refusal(sparse(2 ** 20, 2 ** 20))).toMatch(/^sparse tensor "w" would take \d+ bytes$/);
    expect(refusal(sparse(-1))).toBe('sparse tensor "w" has a dimension of -1');
  });
});

describe('what two readers may read differently is refused', () => {
  it('two attributes of one name', () => {
    const attribute = [
      { name: 'axis', i: 0, type: 2 },
      { name: 'axis', i: 1, type: 2 },
    ];
    expect(refusal({ node: [node([], ['y'], { attribute })] })).toBe(
      'node "y" (Op) has two attributes "axis"',
    );
  });

  it('an attribute with a value of another type than it says', () => {
    const of = (attribute: AttributeProto) => refusal({ node: [node([], [], { attribute: [attribute] })] });
    expect(of({ name: 'axis', i: 1, f: 1, type: 2 })).toBe(
      'attribute "axis" has a value of another type than it says',
    );
    expect(of({ name: 'axis', ints: [1], type: 2 })).toMatch(/another type/);
    expect(of({ name: 'axis', type: 2 })).toBe('accepted');
  });

  it('two versions of an operator set', () => {
    const versions = (...domains: string[]) =>
      refusal({}, { opset_import: domains.map((domain) => ({ domain, version: 18 })) });
    expect(versions('', 'com.microsoft')).toBe('accepted');
    expect(versions('', 'x', 'x')).toBe('it has two versions of the operator set "x"');
    expect(versions('', 'ai.onnx')).toBe('it has two versions of the operator set ""');
  });
});

describe('a file of very many small parts', () => {
  it('is refused before they take much more memory than the file', () => {
    // Three million empty nodes, of two bytes each, in a graph.
    const nodes = new Uint8Array(6_000_000).map((_, i) => (i % 2 === 0 ? 0x0a : 0));
    const length = [
      0x80 | (nodes.length & 127),
      0x80 | ((nodes.length >> 7) & 127),
      0x80 | ((nodes.length >> 14) & 127),
    ];
    const bytes = Uint8Array.from(Buffer.concat([Uint8Array.of(0x3a, ...length, nodes.length >> 21), nodes]));
    expect(() => decodeModel(bytes)).toThrow('not an ONNX model, or damaged (more than 2000000 parts)');
  });
});

describe('a file of very many numbers outside raw data', () => {
  const length = (bytes: number) =>
    [0, 7, 14, 21, 28].map((shift) => ((bytes >>> shift) & 127) | (shift < 28 ? 0x80 : 0));
  /** A tensor in a graph in a model, with a packed field of so many bytes. */
  const file = (field: number, bytes: number) => {
    const tags = [
      [8, 1],
      [0x3a, ...length(bytes + 12)],
      [0x2a, ...length(bytes + 6)],
      [field, ...length(bytes)],
    ];
    const head = Uint8Array.from(tags.flat());
    const whole = new Uint8Array(head.length + bytes);
    whole.set(head);
    return whole;
  };

  it.each([
    ['varints', 0x2a, 1],
    ['floats', 0x22, 4],
  ])('is refused before memory is taken for its %s', (_, field, width) => {
    const bytes = file(field, width * (2 ** 26 + 1));
    const before = process.memoryUsage().heapUsed;
    expect(() => decodeModel(bytes)).toThrow('or damaged (more than 67108864 numbers outside raw data)');
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(2 ** 26);
    expect(() => decodeModel(file(field, width * 100))).toThrow('not an ONNX model (no');
  });
});
