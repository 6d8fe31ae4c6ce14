/** Communicators of one process that are connected to each other: what MPI does, in a few lines, for tests of what is built on it. */

import type { Communicator } from '../../src/parallel/communicator.js';

/** Waits until `size` callers have come, and gives each what `combine` makes of what they brought. */
function meeting<T, R>(size: number, combine: (all: T[]) => R): (rank: number, thing: T) => Promise<R> {
  let brought: T[] = [];
  let waiting: ((result: R) => void)[] = [];
  return (rank, thing) => {
    brought[rank] = thing;
    return new Promise((resolve) => {
      waiting.push(resolve);
      if (waiting.length < size) return;
      const result = combine(brought);
      const all = waiting;
      [brought, waiting] = [[], []];
      for (const go of all) go(result);
    });
  };
}

function sumOf(arrays: Float32Array[]): Float32Array {
  const sum = arrays[0]!.slice();
  for (const other of arrays.slice(1)) for (let i = 0; i < sum.length; i++) sum[i]! += other[i]!;
  return sum;
}

/** @returns one communicator for each of `size` ranks, whose work the caller runs side by side */
export function inProcessGroup(size: number): Communicator[] {
  const sums = meeting(size, sumOf);
  const gathers = meeting(size, (all: Uint8Array[]) => all);
  return Array.from({ length: size }, (_, rank): Communicator => {
    const gather = (bytes: Uint8Array) => gathers(rank, bytes.slice());
    return {
      rank,
      size,
      library: 'none',
      async sum(values) {
        values.set(await sums(rank, values.slice()));
      },
      async broadcast(bytes) {
        bytes.set((await gather(bytes))[0]!);
      },
      gather,
      async barrier() {
        await gather(new Uint8Array());
      },
      limitWaits: () => {},
      finalize: async () => {},
    };
  });
}
