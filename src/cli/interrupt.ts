/** Ctrl-C (and SIGTERM): once asks for a clean end, twice ends at once. */

/** Ends a command early; its exit code is 128 plus the signal's number, as shells have it. */
export class InterruptedError extends Error {
  override readonly name = 'InterruptedError';

  constructor(readonly exitCode: number = SIGNALS.SIGINT) {
    super('interrupted');
  }
}

/** Exit code of each signal. */
const SIGNALS = { SIGINT: 130, SIGTERM: 143 } as const;

/**
 * Runs `work` with an abort signal; the first Ctrl-C aborts it with an InterruptedError, the second ends the process.
 *
 * @param announce says what happens after the first one
 */
export async function interruptible<T>(
  work: (signal: AbortSignal) => Promise<T>,
  announce: () => void,
): Promise<T> {
  const controller = new AbortController();
  const listeners = Object.entries(SIGNALS).map(([name, code]) => {
    const listener = (): void => {
      if (controller.signal.aborted) process.exit(code);
      controller.abort(new InterruptedError(code));
      announce();
    };
    return [name as NodeJS.Signals, listener] as const;
  });
  for (const [name, listener] of listeners) process.on(name, listener);
  try {
    return await work(controller.signal);
  } finally {
    for (const [name, listener] of listeners) process.off(name, listener);
  }
}
