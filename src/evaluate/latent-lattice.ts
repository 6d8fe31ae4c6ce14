/** Latents without chance: what p_g is measured with. */

import type { Distribution } from '../random/index.js';
import { quantile } from '../random/index.js';
import { cellCentres } from './cells.js';

/**
 * Latents in the middles of cells that are equally probable, so that p_g has no noise of sampling.
 *
 * @param latent how many components latents have, and how they are distributed
 * @param count about how many; perAxis ** size of them come back
 * @returns float32 [rows, size]
 */
export function latentLattice(
  { size, distribution }: { size: number; distribution: Distribution },
  count: number,
): Float32Array {
  const perAxis = Math.round(count ** (1 / size));
  const probabilities = cellCentres({ dimension: size, range: [0, 1], perAxis });
  return probabilities.map((p) => quantile(distribution, p));
}
