/**
 * Gather by a table of positions, and its transpose, which is a Gather by the inverse table and a sum: no two numbers
 * are added in place, so it is as fast and as deterministic on a GPU as on the CPU, and closed under differentiation.
 */

import type { Value } from './value.js';

/** Rows of axis 1 by a table in which the row after the last one stands for zeros. */
export function gatherRows(rows: Value, table: Value): Value {
  const needsZeros = table.integers!.includes(rows.shape[1] as number);
  if (!needsZeros) return rows.gather(table, 1);
  const none = rows.shape.map(() => 0);
  const padded = rows.pad(none, none.with(1, 1));
  return rows.graph.node('Gather', [padded, table], { axis: 1, zeroRow: 1 })[0]!;
}

/**
 * Each of `count` rows of `axis` as the sum of what was gathered from it.
 *
 * @param gathered has the axes of the table in the place of `axis`
 */
export function spreadRows(gathered: Value, table: Value, axis: number, count: number): Value {
  const positions = table.integers!;
  const places = Array.from({ length: count }, (): number[] => []);
  for (const [at, row] of positions.entries()) places[row < 0 ? row + count : row]?.push(at);
  const most = places.reduce((max, { length }) => Math.max(max, length), 1);
  const inverse = gathered.graph.table(`inverse of ${table.name}, ${count} rows`, [count, most], () =>
    Int32Array.from({ length: count * most }, (_, i) => {
      return places[Math.floor(i / most)]![i % most] ?? positions.length;
    }),
  );
  const { shape } = gathered;
  const flat = gathered.reshape([
    ...shape.slice(0, axis),
    positions.length,
    ...shape.slice(axis + table.shape.length),
  ]);
  const none = flat.shape.map(() => 0);
  const gap = inverse.integers!.includes(positions.length);
  const padded = gap ? flat.pad(none, none.with(axis, 1)) : flat;
  const spread = gathered.graph.node('Gather', [padded, inverse], { axis, ...(gap ? { zeroRow: 1 } : {}) });
  return spread[0]!.sum([axis + 1]);
}
