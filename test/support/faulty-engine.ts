/** An engine for tests: the session engine, whose losses are no numbers at chosen runs of its step graph. */

import { onTestFinished } from 'vitest';
import { ENGINES, type EngineEntry, type EngineName } from '../../src/train/engines.js';

/**
 * Puts it into the table of engines for the length of the test.
 *
 * @param isFaulty told how many runs of all its engines came before
 */
export function faultyEngine(isFaulty: (run: number) => boolean): EngineName {
  let run = 0;
  const entry: EngineEntry = {
    ...ENGINES.session,
    async create(request, settings) {
      const engine = await ENGINES.session.create(request, settings);
      return {
        ...engine,
        async run(...args) {
          const result = await engine.run(...args);
          return isFaulty(run++) ? { ...result, metrics: { ...result.metrics, g_loss: Number.NaN } } : result;
        },
      };
    },
  };
  const table = ENGINES as Record<string, EngineEntry>;
  table.faulty = entry;
  onTestFinished(() => {
    delete table.faulty;
  });
  return 'faulty' as EngineName;
}
