/**
 * The quantities of the 2014 paper's section 4, on distributions that are given as masses over cells: the optimal
 * discriminator, the value of the game, and the Jensen-Shannon divergence that the two have in common.
 */

/** Masses of a distribution over cells: non-negative, 1 in sum where the cells hold everything. */
export type Masses = ArrayLike<number>;

/** The value V(D, G) at the game's end, where p_g = p_data and D = 1/2: -log 4. */
export const FINAL_VALUE = -Math.log(4);

function requireAlike(what: string, ...sets: readonly Masses[]): void {
  if (sets.every(({ length }) => length === sets[0]!.length)) return;
  throw new RangeError(
    `${what}: ${sets.map(({ length }) => length).join(', ')} cells, expected as many in each`,
  );
}

/**
 * The best discriminator against a generator, D*(x) = p_data(x) / (p_data(x) + p_g(x)) (Proposition 1), in each cell; 1/2
 * where neither has mass.
 *
 * @param data masses, or densities at the same points
 * @throws RangeError when the numbers of cells differ
 */
export function optimalDiscriminator(data: Masses, generator: Masses): Float64Array {
  requireAlike('optimal discriminator', data, generator);
  return Float64Array.from(data, (p, i) => (p + generator[i]! > 0 ? p / (p + generator[i]!) : 0.5));
}

/** x log y, which is 0 where x is. */
function xLogY(x: number, y: number): number {
  return x === 0 ? 0 : x * Math.log(y);
}

/**
 * V(D, G) = E_data[log D] + E_g[log(1 - D)] (equation 1), in nats; -Infinity when D is certain and wrong.
 *
 * @param discriminator D in each cell, in [0, 1]
 * @throws RangeError when the numbers of cells differ
 */
export function gameValue(data: Masses, generator: Masses, discriminator: ArrayLike<number>): number {
  requireAlike('value of the game', data, generator, discriminator);
  let value = 0;
  for (let i = 0; i < data.length; i++) {
    value += xLogY(data[i]!, discriminator[i]!) + xLogY(generator[i]!, 1 - discriminator[i]!);
  }
  return value;
}

/**
 * The Jensen-Shannon divergence, in nats, from 0 (equal) to log 2 (apart): the mean of the two Kullback-Leibler
 * divergences to the mixture. max_D V(D, G) = -log 4 + 2 JSD (Theorem 1).
 *
 * @throws RangeError when the numbers of cells differ
 */
export function jensenShannon(a: Masses, b: Masses): number {
  requireAlike('Jensen-Shannon divergence', a, b);
  let sum = 0;
  for (let i = 0; i < a.length; i++) {
    const [p, q] = [a[i]!, b[i]!];
    const mean = (p + q) / 2;
    sum += xLogY(p, p / mean) + xLogY(q, q / mean);
  }
  return sum / 2;
}
