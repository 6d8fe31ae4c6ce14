/**
 * Mutations of an ONNX model that keep the file well formed, so that what is wrong with it is met by the checks of
 * the model and, past them, by ONNX Runtime: sizes, types, names, operators, attributes, the order of nodes, subgraphs.
 */

import { ATTRIBUTE_TYPES, DATA_TYPES, tensorProto } from '../../dist/onnx/index.js';
import { OPERATORS, RUNNABLE } from './operators.mjs';

const STRINGS = {
  string: [
    '',
    'constant',
    'reflect',
    'sum',
    'mean',
    'none',
    'add',
    'mul',
    'tanh',
    'Relu',
    'bidirectional',
    'zeros',
    '\n',
  ],
  auto: ['NOTSET', 'SAME_UPPER', 'SAME_LOWER', 'VALID'],
  direction: ['LEFT', 'RIGHT', 'forward', 'reverse', 'bidirectional'],
  depth: ['DCR', 'CRD'],
  equation: ['ij,jk->ik', 'ij,kl->ijkl', 'ii->i', '...ij,...jk->...ik', 'i,j', '->', 'ij,ij->', 'a'],
  resize: ['nearest', 'linear', 'cubic', 'bilinear', 'bicubic'],
  coordinates: ['half_pixel', 'asymmetric', 'align_corners', 'tf_crop_and_resize', 'pytorch_half_pixel'],
  pad: ['constant', 'edge', 'reflect', 'wrap'],
  modes: ['BRANCH_LEQ', 'LEAF', 'BRANCH_EQ', 'x'],
};

const TYPED = {
  float32: Float32Array,
  float64: Float64Array,
  int64: BigInt64Array,
  int32: Int32Array,
  uint8: Uint8Array,
  bool: Uint8Array,
};

const text = (value) => new TextEncoder().encode(value);
const product = (dims) => dims.reduce((a, b) => a * b, 1);
const list = (random, low, high, make) => Array.from({ length: random.between(low, high) }, () => make());
const small = (random) => (random.chance(0.15) ? random.edge() : random.between(-2, 5));

/** Something like `value`, or far from it. */
const near = (random, value) => (random.chance(0.6) ? value + random.pick([-2, -1, 1, 2]) : small(random));

function number(random) {
  const special = [
    0,
    -1,
    1e-30,
    1e30,
    1e38,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    64,
    1e6,
  ];
  return random.chance(0.2) ? random.pick(special) : random.between(-40, 40) / 10;
}

function shape(random) {
  const dims = list(random, 0, 5, () => random.pick([0, 1, 1, 2, 3, 4, 8]));
  return product(dims) > 4096 ? dims.slice(0, 3) : dims;
}

/** A constant tensor with values of `make`. */
function constant(graph, dataType, dims, make) {
  const name = `fuzz.${graph.initializer.length}`;
  const values = TYPED[dataType].from({ length: product(dims) }, make);
  graph.initializer.push(tensorProto(name, dataType, dims, values));
  return name;
}

/** Names of all values of a graph that exist before node `at`. */
function valuesBefore(graph, at) {
  const outputs = graph.node.slice(0, at).flatMap((node) => node.output ?? []);
  return [...graph.input.map(({ name }) => name), ...graph.initializer.map(({ name }) => name), ...outputs];
}

/** How to make an input of each kind; `x` is any value that exists already. */
const INPUTS = {
  ints: (random, graph) =>
    constant(graph, 'int64', random.chance(0.1) ? shape(random) : [random.below(6)], () =>
      BigInt(small(random)),
    ),
  int: (random, graph) => constant(graph, 'int64', random.pick([[], [1]]), () => BigInt(small(random))),
  i32s: (random, graph) => constant(graph, 'int32', shape(random), () => small(random)),
  u8s: (random, graph) => constant(graph, 'uint8', shape(random), () => random.bits()),
  bool: (random, graph) => constant(graph, 'bool', [], () => random.below(2)),
  bools: (random, graph) => constant(graph, 'bool', shape(random), () => random.below(2)),
  float: (random, graph) => constant(graph, 'float32', random.pick([[], [1]]), () => number(random)),
  floats: (random, graph) =>
    constant(graph, 'float32', [random.pick([0, 1, 2, 4, 8, 64, 512])], () => number(random)),
  weights: (random, graph) => constant(graph, 'float32', shape(random), () => number(random)),
  strings: (random, graph) => {
    const name = `fuzz.${graph.initializer.length}`;
    const strings = list(random, 0, 3, () => text(random.pick(STRINGS.string)));
    graph.initializer.push({
      name,
      data_type: DATA_TYPES.string,
      dims: [strings.length],
      string_data: strings,
    });
    return name;
  },
};

/** An attribute of a kind of the table of operators. */
function attribute(random, name, kind) {
  const of = (type, value) => ({ name, type: ATTRIBUTE_TYPES[type], ...value });
  if (kind === 'int') return of('int', { i: small(random) });
  if (kind === 'type') return of('int', { i: random.below(25) });
  if (kind === 'ints') return of('ints', { ints: list(random, 0, 6, () => small(random)) });
  if (kind === 'float') return of('float', { f: number(random) });
  if (kind === 'floats') return of('floats', { floats: list(random, 0, 6, () => number(random)) });
  if (kind === 'tensor') {
    return of('tensor', { t: tensorProto('', 'float32', [1], Float32Array.of(number(random))) });
  }
  if (kind === 'modes') {
    return of('strings', { strings: list(random, 0, 6, () => text(random.pick(STRINGS.modes))) });
  }
  return of('string', { s: text(random.pick(STRINGS[kind])) });
}

/** A node of some operator, most often one that a model may have. */
function newNode(random, graph, at) {
  const { domain, op, inputs, attributes } = random.pick(random.chance(0.8) ? RUNNABLE : OPERATORS);
  const values = valuesBefore(graph, at);
  const count = random.chance(0.8) ? inputs.length : random.below(inputs.length + 1);
  const input = inputs.slice(0, count).map((kind) => {
    if (random.chance(0.05)) return '';
    return kind === 'x' || random.chance(0.03) ? random.pick(values) : INPUTS[kind](random, graph);
  });
  return {
    op_type: op,
    domain,
    input,
    output: list(random, 1, random.chance(0.1) ? 4 : 1, () => `fuzz.y${random.bits()}`),
    attribute: attributes
      .filter(() => random.chance(0.6))
      .map(([name, kind]) => attribute(random, name, kind)),
  };
}

/** Inserts a node; half of the time, what came from another node before now comes from this one. */
function insert(random, graph, at, node) {
  const later = graph.node.slice(at);
  graph.node.splice(at, 0, node);
  if (later.length === 0 || random.chance(0.5)) return;
  const reader = random.pick(later);
  if (reader.input?.length) reader.input[random.below(reader.input.length)] = node.output[0];
}

function dimensions(random, graph) {
  const values = [...graph.input, ...graph.output, ...(graph.value_info ?? [])];
  return random.pick(values)?.type?.tensor_type?.shape?.dim;
}

/** A graph of the outer graph's nodes from `at` on, for a subgraph. */
function bodyOf(random, graph, at) {
  const node = graph.node.slice(at, at + random.between(1, 4));
  const output = (node.at(-1)?.output ?? ['y']).map((name) => ({ name }));
  return { name: 'body', node, input: [], output, initializer: [] };
}

const graphAttribute = (name, g) => ({ name, g, type: ATTRIBUTE_TYPES.graph });

/** Each takes the random choices, a model to change, and another model to take from. */
export const MODEL_MUTATIONS = {
  insertNode(random, { graph }) {
    const at = random.below(graph.node.length + 1);
    insert(random, graph, at, newNode(random, graph, at));
  },
  insertNodes(random, model) {
    for (let i = random.between(2, 6); i > 0; i--) MODEL_MUTATIONS.insertNode(random, model);
  },
  transplantNode(random, { graph }, other) {
    const at = random.below(graph.node.length + 1);
    const values = valuesBefore(graph, at);
    const node = structuredClone(random.pick(other.graph.node));
    insert(random, graph, at, {
      ...node,
      input: (node.input ?? []).map((name) => (name === '' ? '' : random.pick(values))),
      output: (node.output ?? []).map(() => `fuzz.y${random.bits()}`),
    });
  },
  dimension(random, { graph }) {
    const dims = dimensions(random, graph);
    if (!dims?.length) return;
    const at = random.below(dims.length);
    if (random.chance(0.1)) dims.splice(at, 1);
    else
      dims[at] = random.pick([
        { dim_value: random.edge() },
        { dim_param: 'M' },
        { dim_value: 1, dim_param: 'N' },
        {},
      ]);
  },
  elementType(random, { graph }) {
    const { type } = random.pick([...graph.input, ...graph.output]);
    if (type?.tensor_type) type.tensor_type.elem_type = random.below(25);
  },
  valueInfo(random, { graph }) {
    const name = random.pick(graph.node).output?.[0] ?? 'x';
    const dim = list(random, 0, 5, () => ({ dim_value: Math.abs(random.edge()) }));
    graph.value_info = [{ name, type: { tensor_type: { elem_type: random.below(12), shape: { dim } } } }];
  },
  valueKind(random, { graph }) {
    const value = random.pick([...graph.input, ...graph.output]);
    value.type = random.pick([{}, { sequence_type: { elem_type: value.type ?? {} } }, { tensor_type: {} }]);
  },
  interface(random, { graph }) {
    const which = random.pick(['input', 'output']);
    const name = random.pick(valuesBefore(graph, graph.node.length));
    const action = random.below(4);
    if (action === 0) graph[which].splice(random.below(graph[which].length), 1);
    else if (action === 1) graph[which].push(random.pick(graph[which]));
    else if (action === 2) random.pick(graph[which]).name = random.pick([name, 'nothing', '']);
    else graph[which].push({ ...structuredClone(random.pick(graph[which])), name });
  },
  operator(random, { graph }) {
    const node = random.pick(graph.node);
    const { op, domain } = random.pick(OPERATORS);
    node.op_type = random.chance(0.1) ? 'Nothing' : op;
    if (domain !== '' || random.chance(0.05)) node.domain = random.pick([domain, 'com.microsoft', 'other']);
  },
  attribute(random, { graph }) {
    const node = random.pick(graph.node);
    node.attribute ??= [];
    const action = random.below(3);
    const existing = random.pick(node.attribute);
    if (existing === undefined || action === 0) {
      const [name, kind] = random.pick(random.pick(OPERATORS).attributes) ?? ['axis', 'int'];
      node.attribute.push(attribute(random, name, kind));
    } else if (action === 1) {
      node.attribute.splice(node.attribute.indexOf(existing), 1);
    } else {
      const kinds = ['int', 'ints', 'float', 'floats', 'string', 'tensor'];
      const same = { 1: 'float', 2: 'int', 3: 'string', 4: 'tensor', 6: 'floats', 7: 'ints' }[existing.type];
      const kind = random.chance(0.2) ? random.pick(kinds) : (same ?? 'int');
      node.attribute[node.attribute.indexOf(existing)] = attribute(random, existing.name, kind);
    }
  },
  /** One number of an attribute. */
  attributeNumber(random, { graph }) {
    const numeric = random
      .pick(graph.node)
      .attribute?.filter(({ i, ints }) => i !== undefined || ints?.length);
    if (!numeric?.length) return;
    const chosen = random.pick(numeric);
    if (chosen.i !== undefined) chosen.i = near(random, chosen.i);
    else {
      const at = random.below(chosen.ints.length);
      chosen.ints[at] = near(random, chosen.ints[at]);
    }
  },
  attributeType(random, { graph }) {
    const attributes = random.pick(graph.node).attribute ?? [];
    if (attributes.length > 0) random.pick(attributes).type = random.below(15);
  },
  rename(random, { graph }) {
    const node = random.pick(graph.node);
    const which = random.pick(['input', 'input', 'output']);
    const names = node[which] ?? [];
    if (names.length === 0) return;
    const all = valuesBefore(graph, graph.node.length);
    names[random.below(names.length)] = random.pick([
      random.pick(all),
      random.pick(all),
      'nothing',
      '',
      'a\nb',
    ]);
  },
  arity(random, { graph }) {
    const node = random.pick(graph.node);
    node.input ??= [];
    node.output ??= [];
    const names = random.chance(0.5) ? node.input : node.output;
    const action = random.below(3);
    if (action === 0) names.splice(random.below(names.length + 1), 1);
    else if (action === 1) names.push(random.pick(valuesBefore(graph, graph.node.length)));
    else names.push(...names);
  },
  nodes(random, { graph }) {
    const at = random.below(graph.node.length);
    const other = random.below(graph.node.length);
    const action = random.below(4);
    if (action === 0) graph.node.splice(at, 1);
    else if (action === 1) graph.node.push(graph.node[at]);
    else if (action === 2) [graph.node[at], graph.node[other]] = [graph.node[other], graph.node[at]];
    else graph.node.reverse();
  },
  tensorShape(random, { graph }) {
    if (graph.initializer.length === 0) return;
    const tensor = random.pick(graph.initializer);
    const dims = tensor.dims ?? [];
    const action = random.below(4);
    if (action === 0) dims[random.below(Math.max(dims.length, 1))] = random.edge();
    else if (action === 1) dims.push(1);
    else if (action === 2) dims.reverse();
    else dims.splice(0, dims.length, product(dims));
    tensor.dims = dims;
  },
  tensorType(random, { graph }) {
    if (graph.initializer.length > 0) random.pick(graph.initializer).data_type = random.below(25);
  },
  tensorData(random, { graph }) {
    if (graph.initializer.length === 0) return;
    const tensor = random.pick(graph.initializer);
    const count = Math.min(product(tensor.dims ?? []), 1000);
    const action = random.below(5);
    if (action === 0) tensor.raw_data = random.bytes(tensor.raw_data?.length ?? 4);
    else if (action === 1) tensor.raw_data = tensor.raw_data?.slice(0, random.below(16));
    else {
      delete tensor.raw_data;
      if (action === 2) tensor.float_data = list(random, 0, count, () => number(random));
      if (action === 3) tensor.int64_data = list(random, 0, count, () => small(random));
    }
  },
  /** Another dimension, with data to match. */
  tensorSize(random, { graph }) {
    const bytesOf = ({ dims, raw_data }) => (raw_data?.length ?? 0) / product(dims ?? []);
    const tensors = graph.initializer.filter(
      (tensor) => tensor.dims?.length && [1, 2, 4, 8].includes(bytesOf(tensor)),
    );
    if (tensors.length === 0) return;
    const tensor = random.pick(tensors);
    const bytes = bytesOf(tensor);
    const at = random.below(tensor.dims.length);
    tensor.dims[at] = Math.max(0, random.pick([0, 1, 2, tensor.dims[at] - 1, tensor.dims[at] + 1]));
    const raw = new Uint8Array(product(tensor.dims) * bytes);
    raw.set(tensor.raw_data.subarray(0, raw.length));
    tensor.raw_data = raw;
  },
  /** Constant integers are sizes, axes and the like. */
  integers(random, { graph }) {
    const tensors = graph.initializer.filter(
      ({ data_type, raw_data }) =>
        data_type === DATA_TYPES.int64 && raw_data?.length && raw_data.length % 8 === 0,
    );
    if (tensors.length === 0) return;
    const tensor = random.pick(tensors);
    const values = new BigInt64Array(tensor.raw_data.slice().buffer);
    const at = random.below(values.length);
    values[at] = BigInt(near(random, Number(values[at])));
    tensor.raw_data = new Uint8Array(values.buffer);
  },
  hugeTensor(random, { graph }) {
    const dims = list(random, 1, 4, () => Math.abs(random.edge()));
    graph.initializer.push({ name: 'fuzz.huge', data_type: random.between(1, 16), dims });
    random.pick(graph.node).input = ['fuzz.huge'];
  },
  sparseTensor(random, { graph }) {
    const values = tensorProto('fuzz.sparse', 'float32', [2], Float32Array.of(1, 2));
    const indices = tensorProto(
      '',
      'int64',
      [2],
      BigInt64Array.from([0, 1], () => BigInt(small(random))),
    );
    graph.sparse_initializer = [{ values, indices, dims: list(random, 1, 3, () => small(random)) }];
    const node = random.pick(graph.node);
    if (node.input?.length) node.input[random.below(node.input.length)] = 'fuzz.sparse';
  },
  branch(random, { graph }) {
    const at = random.below(graph.node.length);
    const condition = INPUTS[random.chance(0.9) ? 'bool' : 'float'](random, graph);
    const body = bodyOf(random, graph, at);
    const output = body.output.map(({ name }) => name);
    const attributes = ['then_branch', 'else_branch'].map((name) =>
      graphAttribute(name, structuredClone(body)),
    );
    graph.node.splice(at, body.node.length, {
      op_type: 'If',
      input: [condition],
      output,
      attribute: attributes,
    });
  },
  loop(random, { graph }) {
    const at = random.below(graph.node.length);
    const body = bodyOf(random, graph, at);
    const output = body.output.map(({ name }) => name);
    const boolean = { tensor_type: { elem_type: DATA_TYPES.bool, shape: {} } };
    const integer = { tensor_type: { elem_type: DATA_TYPES.int64, shape: {} } };
    body.input = [
      { name: 'fuzz.i', type: integer },
      { name: 'fuzz.on', type: boolean },
    ];
    body.output.unshift({ name: 'fuzz.on', type: boolean });
    const input = [
      random.chance(0.7) ? INPUTS.int(random, graph) : '',
      random.chance(0.5) ? INPUTS.bool(random, graph) : '',
    ];
    const loop = { op_type: random.pick(['Loop', 'Loop', 'Scan']), input, output };
    loop.attribute = [graphAttribute('body', body)];
    if (loop.op_type === 'Scan') loop.attribute.push({ name: 'num_scan_inputs', i: small(random), type: 2 });
    graph.node.splice(at, body.node.length, loop);
  },
  nest(random, { graph }) {
    const condition = INPUTS.bool(random, graph);
    let inner = { op_type: 'Identity', input: [condition], output: ['fuzz.deep'] };
    for (let depth = random.between(1, 40); depth > 0; depth--) {
      const branch = { name: 'b', node: [inner], output: [{ name: inner.output[0] }] };
      const attributes = ['then_branch', 'else_branch'].map((name) =>
        graphAttribute(name, name === 'then_branch' || depth > 30 ? branch : { ...branch, node: [] }),
      );
      inner = { op_type: 'If', input: [condition], output: ['fuzz.deep'], attribute: attributes };
      if (depth > 30) break;
    }
    graph.node.push(inner);
  },
  functions(random, model) {
    const names = ['F0', 'F1', 'F2', 'F3'];
    const domain = 'fuzz';
    const calls = (name) => ({ op_type: name, domain, input: ['x'], output: [`y${random.bits()}`] });
    model.functions = names.map((name, i) => {
      const callees = list(random, 0, 3, () => (random.chance(0.9) ? names.slice(0, i) : names)).flatMap(
        (from) => (from.length === 0 ? [] : [random.pick(from)]),
      );
      const node = [...callees.map(calls), { op_type: 'Tanh', input: ['x'], output: ['y'] }];
      return {
        name,
        domain,
        input: ['x'],
        output: ['y'],
        node,
        opset_import: [
          { domain: '', version: 18 },
          { domain, version: 1 },
        ],
      };
    });
    if (random.chance(0.9)) model.opset_import.push({ domain, version: 1 });
    const at = random.below(model.graph.node.length);
    const input = [random.pick(valuesBefore(model.graph, at))];
    insert(random, model.graph, at, { op_type: random.pick(names), domain, input, output: ['fuzz.f'] });
  },
  versions(random, model) {
    const action = random.below(3);
    if (action === 0) model.ir_version = random.chance(0.5) ? random.edge() : random.below(14);
    else if (action === 1)
      random.pick(model.opset_import).version = random.chance(0.3) ? random.edge() : random.below(26);
    else model.opset_import.push({ domain: random.pick(['', 'com.microsoft', 'x']), version: small(random) });
  },
  metadata(random, model) {
    const values = [
      '',
      '0',
      '-1',
      '1e400',
      'NaN',
      '{}',
      'null',
      '[]',
      '{"kind":"uniform","halfWidth":1e308}',
      '\0\n',
      '[0,1]',
    ];
    model.metadata_props ??= [];
    const properties = model.metadata_props;
    if (properties.length > 0 && random.chance(0.8)) random.pick(properties).value = random.pick(values);
    else properties.push({ key: 'latent.distribution', value: random.pick(values) });
  },
};

/** How often each is chosen; 2 unless it stands here. */
const WEIGHTS = {
  insertNode: 30,
  insertNodes: 10,
  transplantNode: 6,
  attribute: 6,
  attributeNumber: 10,
  operator: 6,
  rename: 4,
  tensorSize: 4,
  integers: 6,
};

/** Changes `model`, once or a few times, and returns the names of the mutations. */
export function mutateModel(random, model, other) {
  const weights = Object.fromEntries(Object.keys(MODEL_MUTATIONS).map((name) => [name, WEIGHTS[name] ?? 2]));
  const { graph } = model;
  for (const field of ['node', 'initializer', 'input', 'output']) graph[field] ??= [];
  const names = list(random, 1, random.chance(0.3) ? 4 : 1, () => random.weighted(weights));
  for (const name of names) {
    if (graph.node.length > 0 && graph.input.length > 0 && graph.output.length > 0) {
      MODEL_MUTATIONS[name](random, model, other);
    }
  }
  return names;
}
