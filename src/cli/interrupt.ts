/** Ctrl-C: once asks for a clean end, twice ends at once. */

/** Ends a command with exit code 130. */
export class InterruptedError extends Error {
  override readonly name = 'InterruptedError';
}

/**
 * Runs `work` with a signal that the first Ctrl-C aborts; the second ends the process.
 *
 * @param announce says what happens after the first one
 */
export async function interruptible<T>(
  work: (signal: AbortSignal) => Promise<T>,
  announce: () => void,
): Promise<T> {
  const controller = new AbortController();
  const onInterrupt = (): void => {
    if (controller.signal.aborted) process.exit(130);
    controller.abort();
    announce();
  };
  process.on('SIGINT', onInterrupt);
  try {
    return await work(controller.signal);
  } finally {
    process.off('SIGINT', onInterrupt);
  }
}
