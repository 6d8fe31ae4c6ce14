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
const REPEATS = 4;

const least = async (work) => {
  const times = [];
  for (let i = 0; i < REPEATS; i++) {
    const began = performance.now();
    await work();
    times.push(performance.now() - began);
  }
  return Math.min(...times);
};

/** A product of two square matrices, to be timed. */
async function squareProduct(threads) {
  const graph = new Graph('product');
  const a = graph.input('a', 'float32', [SIZE, SIZE]);
  const b = graph.input('b', 'float32', [SIZE, SIZE]);
  graph.output('c', a.matmul(b));
  const session = await InferenceSession.create(graph.toBytes(), { intraOpNumThreads: threads });
  const square = () => new Tensor('float32', new Float32Array(SIZE * SIZE).fill(0.5), [SIZE, SIZE]);
  const feeds = { a: square(), b: square() };
  return { run: () => session.run(feeds), stop: () => session.release() };
}

/** What a step must do at least: GFLOP of products, and megabytes that the optimiser reads and writes. */
function leastWork(config) {
  const gan = configGan(config);
  const { bytes } = buildStepGraph('joint', { gan, optimizer: config.optimizer, generatorLoss: config.loss });
  const { byOperator } = countFlops(decodeModel(bytes));
  const gflop =
    PRODUCTS.reduce((sum, name) => {
      const { sample, run } = byOperator.get(name) ?? { sample: 0, run: 0 };
      return sum + sample * config.batchSize + run;
    }, 0) / 1e9;
  const numbersOf = (roles) =>
    ganState(gan, config.optimizer.kind)
      .filter(({ role }) => roles.includes(role))
      .reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
  // State is read and written, gradients are read.
  const numbers = 2 * numbersOf(['parameter', 'optimizer slot']) + numbersOf(['parameter']);
  return { gflop, megabytes: (4 * numbers) / 1e6 };
}

/** The floor as a side that takes turns with others: each of its times is the floor at the machine's rates of the moment. */
export async function startFloor(config, threads) {
  const { gflop, megabytes } = leastWork(config);
  const product = await squareProduct(threads);
  const [from, to] = [new Float32Array(COPIED / 4).fill(1), new Float32Array(COPIED / 4)];
  await product.run();
  /** GFLOP/s of a large product, and GB/s that a copy reads and writes, of each time. */
  const rates = [];
  const measure = async () => {
    const rate = (2 * SIZE ** 3) / (await least(product.run)) / 1e6;
    const copy = (2 * COPIED) / (await least(() => to.set(from))) / 1e6;
    rates.push({ rate, copy });
    return (gflop / rate) * 1e3 + megabytes / copy;
  };
  return {
    name: 'floor',
    run: async (count) => (count === 0 ? [] : [await measure()]),
    stop: product.stop,
    about() {
      const middle = (key) => rates.map((one) => one[key]).sort((a, b) => a - b)[rates.length >> 1];
      return { gflop, megabytes, rate: middle('rate'), copy: middle('copy') };
    },
  };
}
