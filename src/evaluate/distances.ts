/**
 * Squared Euclidean distances between points and centres, as matrix products of ONNX Runtime. In float64 on the CPU:
 * |x|^2 - 2 x c + |c|^2 cancels most of its digits, and density estimates divide what is left by small variances.
 */

import type { InferenceSession, Tensor } from 'onnxruntime-common';
import { Graph } from '../export/index.js';
import type { OrtModule } from '../train/ort.js';

/** Values of rows that are compared at once, at most: 64 MB of doubles. */
const MAX_VALUES = 2 ** 23;

/** How many rows of `size` values to compare at once: `most`, or fewer when they are long. */
export function rowsAtOnce(size: number, most: number): number {
  return Math.max(1, Math.min(most, Math.floor(MAX_VALUES / size)));
}

/** Centres in the form in which the product takes them. */
export interface Centres {
  readonly count: number;
  readonly feeds: Readonly<Record<'scaled' | 'squares', Tensor>>;
}

export interface Distances {
  /** Values of a point. */
  readonly size: number;
  /**
   * Prepares centres, to be compared with points many times.
   *
   * @param rows [count, size], at least one row
   */
  centres(rows: ArrayLike<number>): Centres;
  /**
   * Squared distances of every point to every centre.
   *
   * @param points float64 [n, size], at least one row
   * @returns float64 [n, centres], none below 0
   */
  squared(points: Float64Array, centres: Centres): Promise<Float64Array>;
  /** Frees the session. */
  release(): Promise<void>;
}

/**
 * The graph of the product: inputs `points` [P, size], `scaled` [C, size] (centres times -2) and `squares` [C] (squared
 * norms of the centres); output `distances` [P, C]; all float64.
 */
export function buildDistanceGraph(size: number): Uint8Array {
  const graph = new Graph('distances');
  const points = graph.input('points', 'float64', ['P', size]);
  const scaled = graph.input('scaled', 'float64', ['C', size]);
  const squares = graph.input('squares', 'float64', ['C']);
  const norms = points.mul(points).sum([1], true);
  const product = points.gemm(scaled, { transB: true, bias: squares });
  // A point's distance to itself may come out a rounding below 0.
  graph.output('distances', product.add(norms).max(0));
  return graph.toBytes();
}

/**
 * Opens the product for points of `size` values.
 *
 * @param size at least 1
 * @throws RangeError when `size` is no whole number of at least 1; `centres` and `squared` too, when rows are incomplete
 *   or there is none
 */
export async function openDistances(ort: OrtModule, size: number): Promise<Distances> {
  if (!Number.isSafeInteger(size) || size < 1) {
    throw new RangeError(`points have ${size} values: expected a whole number of at least 1`);
  }
  const rowsOf = (what: string, { length }: ArrayLike<number>): number => {
    const rows = length / size;
    if (Number.isSafeInteger(rows) && rows > 0) return rows;
    throw new RangeError(
      `${what} have ${length} values: expected a multiple of ${size}, and at least one row`,
    );
  };
  const session: InferenceSession = await ort.InferenceSession.create(buildDistanceGraph(size), {
    executionProviders: ['cpu'],
    graphOptimizationLevel: 'all',
    logSeverityLevel: 4,
  });
  return {
    size,
    centres(rows) {
      const count = rowsOf('centres', rows);
      const scaled = new Float64Array(rows);
      const squares = new Float64Array(count);
      for (let i = 0, at = 0; i < count; i++) {
        let sum = 0;
        for (const end = at + size; at < end; at++) {
          sum += scaled[at]! * scaled[at]!;
          scaled[at] = -2 * scaled[at]!;
        }
        squares[i] = sum;
      }
      return {
        count,
        feeds: {
          scaled: new ort.Tensor('float64', scaled, [count, size]),
          squares: new ort.Tensor('float64', squares, [count]),
        },
      };
    },
    async squared(points, { feeds }) {
      const count = rowsOf('points', points);
      const tensor = new ort.Tensor('float64', points, [count, size]);
      const { distances } = await session.run({ points: tensor, ...feeds });
      return distances!.data as Float64Array;
    },
    release: () => session.release(),
  };
}
