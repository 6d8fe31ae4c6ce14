/** How many steps go into one call of an engine: enough to make up for what a call costs, few enough to be interrupted. */

export interface CallLimits {
  /** The most steps in a call, at least 1. */
  most: number;
  /** About how long a call may take, in milliseconds; as long as it takes by default. */
  ms?: number;
}

export interface CallLength {
  /** Steps that the next call may have. */
  readonly steps: number;
  /** Learns from a call: how many steps it had and how long it took, in milliseconds. */
  learn(steps: number, ms: number): void;
}

/**
 * Without a limit of time always the most; else it begins with one step and doubles while twice as many would still be
 * in time.
 */
export function callLength({ most, ms: limit }: CallLimits): CallLength {
  if (limit === undefined) return { steps: most, learn: () => {} };
  let steps = 1;
  return {
    get steps() {
      return steps;
    },
    learn(done, ms) {
      const each = ms / done;
      if (done >= steps && 2 * steps * each <= limit) steps = Math.min(2 * steps, most);
      else if (steps * each > 2 * limit) steps = Math.max(1, Math.floor(steps / 2));
    },
  };
}
