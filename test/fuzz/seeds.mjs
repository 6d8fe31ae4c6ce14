/** The sound files that the fuzzer damages: this project's own, at 8 x 8 pixels, and one as other tools write it. */

import { buildStepGraph, decodeCheckpoint } from '../../dist/export/index.js';
import { decodeModel, encodeModel, tensorProto } from '../../dist/onnx/index.js';
import {
  artifactFiles,
  configGan,
  DEFAULT_CONFIG,
  encodeRunCheckpoint,
  freshCheckpoint,
} from '../../dist/train/index.js';

const config = (gan) => ({ ...DEFAULT_CONFIG, gan, imageSize: 8, latentSize: 8, seed: 1 });

/** Parts of `bytes` outside of the large tensors whose data lie in it, as [start, end]. */
function structureOf(bytes, tensors) {
  const within = tensors.filter((data) => data.buffer === bytes.buffer && data.byteLength > 64);
  const parts = [];
  let at = 0;
  for (const data of within.sort((a, b) => a.byteOffset - b.byteOffset)) {
    const start = data.byteOffset - bytes.byteOffset;
    if (start > at) parts.push([at, start]);
    at = start + data.byteLength;
  }
  if (at < bytes.length) parts.push([at, bytes.length]);
  return parts;
}

function model(name, bytes) {
  const data = (decodeModel(bytes).graph.initializer ?? []).flatMap(({ raw_data }) => raw_data ?? []);
  return { kind: 'model', name, bytes, structure: structureOf(bytes, data) };
}

function checkpointFile(name, bytes) {
  const { trainable, frozen, optimizer } = decodeCheckpoint(bytes);
  const moments = [...(optimizer?.states.values() ?? [])].flatMap((tensors) => [...tensors.values()]);
  const data = [...trainable, ...frozen, ...moments].map((tensor) => tensor.data);
  return { name, bytes, structure: structureOf(bytes, data) };
}

/** A generator with convolutions, and shapes that it computes, as PyTorch's exporter writes them. */
function convolutional() {
  const float = (name, dims) =>
    tensorProto(name, 'float32', dims, new Float32Array(dims.reduce((a, b) => a * b, 1)).fill(0.1));
  const ints = (name, values) =>
    tensorProto(name, 'int64', [values.length], BigInt64Array.from(values, BigInt));
  const node = (op_type, input, output, attributes = {}) => ({
    op_type,
    name: `/${output}/${op_type}`,
    input,
    output: [output],
    attribute: Object.entries(attributes).map(([name, value]) =>
      Array.isArray(value) ? { name, ints: value, type: 7 } : { name, i: value, type: 2 },
    ),
  });
  const value = (name, dim) => ({ name, type: { tensor_type: { elem_type: 1, shape: { dim } } } });
  const size = (dim_value) => ({ dim_value });
  const batch = { dim_param: 'batch' };
  return encodeModel({
    ir_version: 7,
    producer_name: 'pytorch',
    opset_import: [{ domain: '', version: 17 }],
    graph: {
      name: 'main_graph',
      initializer: [
        float('l1.weight', [32, 8]),
        float('l1.bias', [32]),
        ...['weight', 'bias', 'mean', 'var'].map((name) => float(`norm.${name}`, [8])),
        float('up.weight', [8, 4, 4, 4]),
        float('up.bias', [4]),
        float('out.weight', [1, 4, 3, 3]),
        ints('zero', [0]),
        ints('tail', [8, 2, 2]),
        tensorProto('scales', 'float32', [4], Float32Array.of(1, 1, 2, 2)),
      ],
      input: [value('z', [batch, size(8)])],
      output: [value('image', [batch, size(1), size(8), size(8)])],
      node: [
        node('Gemm', ['z', 'l1.weight', 'l1.bias'], 'flat', { transB: 1 }),
        node('Shape', ['flat'], 'shape'),
        node('Gather', ['shape', 'zero'], 'count', { axis: 0 }),
        node('Concat', ['count', 'tail'], 'target', { axis: 0 }),
        node('Reshape', ['flat', 'target'], 'small', { allowzero: 0 }),
        node('BatchNormalization', ['small', 'norm.weight', 'norm.bias', 'norm.mean', 'norm.var'], 'normed'),
        node('Resize', ['normed', '', 'scales'], 'middle'),
        node('ConvTranspose', ['middle', 'up.weight', 'up.bias'], 'large', {
          kernel_shape: [4, 4],
          pads: [1, 1, 1, 1],
          strides: [2, 2],
          dilations: [1, 1],
          group: 1,
        }),
        node('LeakyRelu', ['large'], 'active'),
        node('Conv', ['active', 'out.weight'], 'pixels', {
          kernel_shape: [3, 3],
          pads: [1, 1, 1, 1],
          group: 1,
        }),
        node('Tanh', ['pixels'], 'image'),
      ],
    },
  });
}

/** A checkpoint's two files, of which a mutant has one damaged. */
function runCheckpoint(name, checkpoint) {
  const files = encodeRunCheckpoint(checkpoint);
  return { kind: 'checkpoint', name, files: [...files].map(([file, bytes]) => checkpointFile(file, bytes)) };
}

/** All seeds, each with how often it is chosen. */
export function seedFiles() {
  const seeds = [[30, model('convolutional generator', convolutional())]];
  for (const [gan, weight] of [
    ['mlp', 24],
    ['pytorch-gan', 6],
  ]) {
    const checkpoint = freshCheckpoint(config(gan), '0');
    for (const [path, bytes] of artifactFiles(checkpoint, '0')) {
      if (path.endsWith('.onnx'))
        seeds.push([path === 'generator.onnx' ? weight : 1, model(`${gan} ${path}`, bytes)]);
    }
    seeds.push([weight, runCheckpoint(`${gan} checkpoint`, checkpoint)]);
  }
  const { optimizer, loss: generatorLoss } = DEFAULT_CONFIG;
  const step = buildStepGraph('joint', { gan: configGan(config('mlp')), optimizer, generatorLoss });
  seeds.push([4, model('mlp joint step', step.bytes)]);
  return seeds;
}
