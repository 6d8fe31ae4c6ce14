/**
 * Shapes with symbolic dimensions. A dimension is a number, or a name such as `N` for one that is known only when
 * the graph runs, or `49*N` for a multiple of it; two dimensions are the same when their names are.
 */

export type Dim = number | string;
export type Shape = readonly Dim[];

export function formatShape(shape: Shape): string {
  return `[${shape.join(', ')}]`;
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dim, i) => dim === b[i]);
}

/**
 * The shape that two shapes broadcast to by ONNX's (NumPy's) rules.
 *
 * @throws RangeError naming `op` and both shapes when they do not broadcast
 */
export function broadcastShapes(op: string, a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const left = a[i - rank + a.length] ?? 1;
    const right = b[i - rank + b.length] ?? 1;
    if (left === right || right === 1) return left;
    if (left === 1) return right;
    throw new RangeError(`${op}: shapes ${formatShape(a)} and ${formatShape(b)} do not broadcast`);
  });
}

/**
 * Axes as indices in 0 .. rank - 1, from indices that may count from the end.
 *
 * @throws RangeError naming `op` when an axis does not exist or is named twice
 */
export function normaliseAxes(op: string, axes: readonly number[], rank: number): number[] {
  const result = axes.map((axis) => {
    const index = axis < 0 ? axis + rank : axis;
    if (!Number.isInteger(axis) || index < 0 || index >= rank) {
      throw new RangeError(`${op}: axis ${axis} does not exist in rank ${rank}`);
    }
    return index;
  });
  if (new Set(result).size !== result.length)
    throw new RangeError(`${op}: an axis of ${axes} is named twice`);
  return result;
}

/** `factor` times a dimension. */
export function multiple(factor: number, dim: Dim): Dim {
  if (typeof dim === 'number') return factor * dim;
  const { factor: inner, symbols } = elementCount([dim]);
  return factor * inner === 1 ? dim : `${factor * inner}*${symbols.join('*')}`;
}

/** The number of elements as a known factor and the sorted symbols that multiply it. */
export function elementCount(shape: Shape): { factor: number; symbols: readonly string[] } {
  let factor = 1;
  const symbols: string[] = [];
  for (const dim of shape) {
    if (typeof dim === 'number') {
      factor *= dim;
      continue;
    }
    const [, times, symbol] = /^(\d+)\*([^+]+)$/.exec(dim) ?? [];
    factor *= Number(times ?? 1);
    symbols.push(symbol ?? dim);
  }
  return { factor, symbols: symbols.sort() };
}

/** Whether two shapes hold the same number of elements whatever their symbols stand for. */
export function sameElementCount(a: Shape, b: Shape): boolean {
  const left = elementCount(a);
  const right = elementCount(b);
  return left.factor === right.factor && left.symbols.join() === right.symbols.join();
}
