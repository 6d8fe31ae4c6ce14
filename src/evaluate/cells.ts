/** A line or a plane cut into equal cells, and how much of a distribution lies in each. */

/** Equal cells over `range` along each of `dimension` axes; the last coordinate runs fastest. */
export interface Cells {
  dimension: number;
  range: readonly [low: number, high: number];
  /** Cells along an axis. */
  perAxis: number;
}

export function cellCount({ dimension, perAxis }: Cells): number {
  return perAxis ** dimension;
}

export function cellWidth({ range: [low, high], perAxis }: Cells): number {
  return (high - low) / perAxis;
}

/** The middles of all cells, float32 [cells, dimension]. */
export function cellCentres(cells: Cells): Float32Array {
  const { dimension, range, perAxis } = cells;
  const width = cellWidth(cells);
  const centres = new Float32Array(cellCount(cells) * dimension);
  for (let cell = 0; cell < cellCount(cells); cell++) {
    for (let axis = dimension - 1, rest = cell; axis >= 0; axis--) {
      centres[cell * dimension + axis] = range[0] + ((rest % perAxis) + 0.5) * width;
      rest = Math.floor(rest / perAxis);
    }
  }
  return centres;
}

/** Points along each axis of a cell at which a density is read; the error falls with the cell's width to the 6th power. */
const GAUSS = { nodes: [-Math.sqrt(0.6) / 2, 0, Math.sqrt(0.6) / 2], weights: [5 / 18, 8 / 18, 5 / 18] };

/** The mass of a density in each cell, by Gauss-Legendre quadrature with three nodes an axis. */
export function massesOfDensity(cells: Cells, density: (point: ArrayLike<number>) => number): Float64Array {
  const { dimension } = cells;
  const width = cellWidth(cells);
  const centres = cellCentres(cells);
  const nodes = GAUSS.nodes.length ** dimension;
  const point = new Float64Array(dimension);
  return Float64Array.from({ length: cellCount(cells) }, (_, cell) => {
    let mass = 0;
    for (let node = 0; node < nodes; node++) {
      let weight = 1;
      for (let axis = 0, rest = node; axis < dimension; axis++) {
        const i = rest % GAUSS.nodes.length;
        rest = Math.floor(rest / GAUSS.nodes.length);
        weight *= GAUSS.weights[i]! * width;
        point[axis] = centres[cell * dimension + axis]! + GAUSS.nodes[i]! * width;
      }
      mass += weight * density(point);
    }
    return mass;
  });
}

/**
 * The fraction of points in each cell. Points beyond the range count for the cell at the border, so that nothing is lost.
 *
 * @param points float32 [n, dimension]
 */
export function massesOfPoints(cells: Cells, points: Float32Array): Float64Array {
  const { dimension, range, perAxis } = cells;
  const width = cellWidth(cells);
  const masses = new Float64Array(cellCount(cells));
  const count = points.length / dimension;
  for (let row = 0; row < count; row++) {
    let cell = 0;
    for (let axis = 0; axis < dimension; axis++) {
      const i = Math.floor((points[row * dimension + axis]! - range[0]) / width);
      cell = cell * perAxis + Math.min(Math.max(i, 0), perAxis - 1);
    }
    masses[cell]! += 1 / count;
  }
  return masses;
}
