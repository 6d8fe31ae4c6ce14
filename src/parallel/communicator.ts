/**
 * Processes that work on one thing: what they say to each other. Every process of a group calls the same operations in the
 * same order, one after the other; each ends when all have called it.
 */

export interface Communicator {
  /** Number of this process, from 0. */
  readonly rank: number;
  /** How many processes there are, at least 1. */
  readonly size: number;
  /** What connects them, for messages: a library and its version. */
  readonly library: string;
  /**
   * Sums arrays of one length over all processes, element by element. Every process gets the same bits.
   *
   * @param values changed in place
   */
  sum(values: Float32Array): Promise<void>;
  /**
   * Gives rank 0's bytes to all.
   *
   * @param bytes of one length on all; overwritten on all others
   */
  broadcast(bytes: Uint8Array): Promise<void>;
  /**
   * Gives all processes what each of them has.
   *
   * @param bytes of one length on all
   * @returns those of each rank, in order
   */
  gather(bytes: Uint8Array): Promise<Uint8Array[]>;
  /** Returns once all processes have called it. */
  barrier(): Promise<void>;
  /** From now on, operations that take longer than so many milliseconds fail with a PeerError; until then none does. */
  limitWaits(ms: number): void;
  /** Leaves the group in order; nothing may be called afterwards. */
  finalize(): Promise<void>;
}

/** A peer that does not answer, or was lost: nothing can be said to the group any more. */
export class PeerError extends Error {
  override readonly name = 'PeerError';
}

/** A group of one, which needs no library. */
export function alone(): Communicator {
  return {
    rank: 0,
    size: 1,
    library: 'none',
    sum: async () => {},
    broadcast: async () => {},
    gather: async (bytes) => [bytes],
    barrier: async () => {},
    limitWaits: () => {},
    finalize: async () => {},
  };
}
