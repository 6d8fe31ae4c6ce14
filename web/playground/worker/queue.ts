/** One thing at a time: an engine and a session must not be asked for two. */

export interface Queue {
  /** Does it after all that was asked for before. */
  run<T>(work: () => Promise<T>): Promise<T>;
}

export function createQueue(): Queue {
  let last: Promise<unknown> = Promise.resolve();
  return {
    run(work) {
      const next = last.then(work);
      last = next.catch(() => {});
      return next;
    },
  };
}
