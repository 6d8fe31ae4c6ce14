import { expect, it } from 'vitest';
import { createParallelEngine } from '../../src/train/parallel-engine.js';
import { comparePytorch, latents, PARITY, pixels, type Results } from '../support/gan-parity.js';
import { inProcessGroup } from '../support/in-process-group.js';
import { readGolden } from '../support/numbers.js';

const golden = readGolden<Results & { ranks: number }>('gan-parity-ranks.json');

it('gan.py on two processes is DistributedDataParallel: statistics of each, running ones of rank 0', async () => {
  const size = PARITY.batch / golden.ranks;
  const worst = await comparePytorch(golden.steps.length, {
    golden,
    async train(request) {
      const groups = inProcessGroup(golden.ranks);
      const engines = await Promise.all(
        groups.map((group) => createParallelEngine({ ...request, group, threads: 1 })),
      );
      return {
        async step(t) {
          const results = engines.map((engine, rank) => {
            const part = <A extends Uint8Array | Float32Array>(all: A) => {
              const each = all.length / golden.ranks;
              return all.subarray(rank * each, (rank + 1) * each) as A;
            };
            return engine.run('joint', {
              batchSize: size,
              whole: { size: PARITY.batch, first: rank * size },
              real: part(pixels(t)),
              noise: { z: part(latents(t)) },
            });
          });
          return (await Promise.all(results))[0]!.metrics;
        },
        readState: () => engines[0]!.readState(),
        async close() {
          for (const engine of engines) await engine.close();
        },
      };
    },
  });
  // As for one process.
  expect(worst.metrics).toBeLessThan(2e-5);
  expect(worst.norm).toBeLessThan(1e-4);
  expect(worst.slice).toBeLessThan(1e-3);
  expect(worst.moved).toBeLessThan(5e-4);
  expect(worst.runningMeanMinusBias).toBeLessThan(2e-3);
  expect(worst.runningVariance).toBeLessThan(1e-4);
});
