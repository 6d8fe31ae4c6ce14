/** How the samples of a batch, or any other row of things, are divided among processes. */

/** A contiguous share. */
export interface Share {
  first: number;
  count: number;
}

/**
 * The share of one process: contiguous, in the order of ranks, of sizes that differ by one at most, the larger ones first.
 *
 * @param total how many there are, at least 0
 * @param smallest no share is smaller, but for those of 0: where there are too few, the last ranks get none. Batch
 * statistics need 2.
 */
export function shareOf(total: number, { rank, size }: { rank: number; size: number }, smallest = 1): Share {
  const busy = Math.max(1, Math.min(size, Math.floor(total / smallest)));
  if (rank >= busy) return { first: total, count: 0 };
  const [each, more] = [Math.floor(total / busy), total % busy];
  return { first: rank * each + Math.min(rank, more), count: each + (rank < more ? 1 : 0) };
}
