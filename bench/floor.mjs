/**
 * The least a training step can take on a machine: its products of matrices at the rate that ONNX Runtime reaches for a
 * large one, and what the optimiser must read and write at the rate of a copy. Nothing overlaps with anything.
 */

import { InferenceSession, Tensor } from 'onnxruntime-node';
import { buildStepGraph, Graph, ganState } from '../dist/export/index.js';
import { countFlops } from '../dist/onnx/flops.js';
import { decodeModel } from '../dist/onnx/index.js';
import { configGan } from '../dist/train/index.js';

const PRODUCTS = ['MatMul', 'Gemm'];
const SIZE = 1024;
/** Bytes that are copied at once: far more than caches hold. */
const COPIED = 64 * 2 ** 20;
const REPEATS = 12;

const least = async (work) => {
  const times = [];
  for (let i = 0; i < REPEATS; i++) {
    const began = performance.now();
    await work();
    times.push(performance.now() - began);
  }
  return Math.min(...times);
};

/** GFLOP/s of a product of two square matrices. */
async function productRate(threads) {
  const graph = new Graph('product');
  const a = graph.input('a', 'float32', [SIZE, SIZE]);
  const b = graph.input('b', 'float32', [SIZE, SIZE]);
  graph.output('c', a.matmul(b));
  const session = await InferenceSession.create(graph.toBytes(), { intraOpNumThreads: threads });
  const square = () => new Tensor('float32', new Float32Array(SIZE * SIZE).fill(0.5), [SIZE, SIZE]);
  const feeds = { a: square(), b: square() };
  const ms = await least(() => session.run(feeds));
  await session.release();
  return (2 * SIZE ** 3) / ms / 1e6;
}

/** GB/s that a copy reads and writes. */
async function copyRate() {
  const [from, to] = [new Float32Array(COPIED / 4).fill(1), new Float32Array(COPIED / 4)];
  const ms = await least(() => to.set(from));
  return (2 * COPIED) / ms / 1e6;
}

/** @returns ms of the floor, and what it is made of */
export async function measureFloor(config, threads) {
  const gan = configGan(config);
  const { bytes } = buildStepGraph('joint', { gan, optimizer: config.optimizer, generatorLoss: config.loss });
  const { byOperator } = countFlops(decodeModel(bytes));
  const gflop =
    PRODUCTS.reduce((sum, name) => {
      const { sample, run } = byOperator.get(name) ?? { sample: 0, run: 0 };
      return sum + sample * config.batchSize + run;
    }, 0) / 1e9;
  const numbers = ganState(gan, config.optimizer.kind)
    .filter(({ role }) => role === 'parameter' || role === 'optimizer slot')
    .reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
  const slots = ganState(gan, config.optimizer.kind)
    .filter(({ role }) => role === 'parameter')
    .reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
  // State is read and written, gradients are read.
  const megabytes = (4 * (2 * numbers + slots)) / 1e6;
  const [rate, copy] = [await productRate(threads), await copyRate()];
  return { ms: (gflop / rate) * 1e3 + megabytes / copy, gflop, rate, megabytes, copy };
}
