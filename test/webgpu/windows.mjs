/**
 * Convolutions, pools and upsampling with their gradients, and gradients of gradients, on webgpu and on cpu; prints for each how far they
 * are apart, and which nodes webgpu left out.
 */

import { InferenceSession, Tensor } from 'onnxruntime-node';
import { Graph, gradients } from '../../dist/export/index.js';

const around = (n) => [n, n, n, n];
/** Shapes of the inputs, and what is made of them. */
const CASES = {
  conv: [[[3, 5, 4], [4, 3, 3, 3], [4]], (x, w, bias) => x.conv(w, { pads: around(1), bias })],
  'conv, few outputs': [
    [
      [4, 5, 5],
      [1, 4, 3, 3],
    ],
    (x, w) => x.conv(w, { pads: around(1) }),
  ],
  'conv, stride 2': [
    [[2, 7, 8], [3, 2, 3, 3], [3]],
    (x, w, bias) => x.conv(w, { strides: [2, 2], pads: around(1), bias }),
  ],
  'conv, stride 3': [
    [
      [2, 9, 7],
      [3, 2, 4, 2],
    ],
    (x, w) => x.conv(w, { strides: [3, 3], pads: around(1) }),
  ],
  ...Object.fromEntries(
    [
      [1, 1, 0],
      [2, 1, 1],
      [3, 0, 2],
      [4, 1, 3],
    ].map(([stride, pad, extra]) => [
      `convTranspose, stride ${stride}`,
      [
        [[3, 3, 4], [3, 2, 4, 3], [2]],
        (x, w, bias) =>
          x.convTranspose(w, {
            strides: [stride, stride],
            pads: around(pad),
            outputPadding: [extra, extra],
            bias,
          }),
      ],
    ]),
  ),
  'upsample and conv': [
    [
      [3, 3, 4],
      [2, 3, 3, 3],
    ],
    (x, w) => x.upsample(2).conv(w, { pads: around(1) }),
  ],
  upsample: [[[3, 3, 2]], (x) => x.upsample(2)],
  averagePool: [[[3, 4, 6]], (x) => x.averagePool(2)],
  'maxPool, overlapping, ceil': [
    [[2, 7, 9]],
    (x) => x.maxPool({ kernel: [4, 4], strides: [2, 2], ceil: true }),
  ],
  'maxPool, padded': [[[2, 5, 5]], (x) => x.maxPool({ kernel: [3, 3], strides: [2, 2], pads: around(1) })],
};

/** Distinct numbers in [-1, 1]. */
const numbers = (count, seed) =>
  Float32Array.from({ length: count }, (_, i) => Math.sin(12.9898 * (i + 1) + 78.233 * seed));

async function compare(shapes, build) {
  const graph = new Graph('case');
  const feeds = {};
  const inputs = shapes.map((shape, i) => {
    const full = i === 0 ? [2, ...shape] : shape;
    feeds[`x${i}`] = new Tensor(
      'float32',
      numbers(
        full.reduce((a, b) => a * b, 1),
        i,
      ),
      full,
    );
    return graph.input(`x${i}`, 'float32', i === 0 ? ['N', ...shape] : shape);
  });
  const y = build(...inputs);
  graph.output('y', y);
  const first = gradients(y.mul(y).mul(y).sum(), inputs);
  for (const [i, slope] of first.entries()) graph.output(`first${i}`, slope);
  const second = gradients(
    first.map((slope) => slope.mul(slope).sum()).reduce((a, b) => a.add(b)),
    inputs,
  );
  for (const [i, slope] of second.entries()) graph.output(`second${i}`, slope);
  const bytes = graph.toBytes();

  const cpu = await InferenceSession.create(bytes, { executionProviders: ['cpu'], intraOpNumThreads: 1 });
  let elsewhere = [];
  const gpu = await InferenceSession.create(bytes, {
    executionProviders: ['webgpu'],
    logSeverityLevel: 4,
    extra: { session: { disable_cpu_ep_fallback: '1' } },
  }).catch(async ({ message }) => {
    elsewhere = [message];
    return InferenceSession.create(bytes, { executionProviders: ['webgpu', 'cpu'], logSeverityLevel: 4 });
  });
  const expected = await cpu.run(feeds);
  const found = await gpu.run(feeds);
  let worst = 0;
  for (const [name, { data }] of Object.entries(expected)) {
    const scale = Math.max(...data.map(Math.abs));
    for (const [i, value] of data.entries()) {
      const error = Math.abs(value - found[name].data[i]) / scale;
      worst = Math.max(error, worst);
    }
  }
  await cpu.release();
  await gpu.release();
  return { elsewhere, worst };
}

const found = {};
for (const [name, [shapes, build]] of Object.entries(CASES)) found[name] = await compare(shapes, build);
console.log(JSON.stringify(found));
