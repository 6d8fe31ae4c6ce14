/**
 * Times gan.py's training step on every engine, in short alternating rounds; the last lines are ratios to the session
 * engine, the median over rounds.
 *
 *   npm run bench:engines -- [--batch-size 64] [--threads 2] [--rounds 15] [--steps 10]
 */

import { parseArgs } from 'node:util';
import { ENGINES } from '../dist/train/index.js';
import { alternate, pairedRatio, summary } from './rounds.mjs';
import { benchConfig, startOurs } from './sides.mjs';

const { values } = parseArgs({
  options: {
    'batch-size': { type: 'string', default: '64' },
    threads: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '15' },
    steps: { type: 'string', default: '10' },
  },
});
const [batchSize, threads, rounds, steps] = ['batch-size', 'threads', 'rounds', 'steps'].map((name) =>
  Number(values[name]),
);
const WARMUP = 10;

const config = benchConfig('pytorch-gan', { batchSize });
const starting = [];
// A call of one step each: what the engines cost, and not what calls do.
for (const engine of Object.keys(ENGINES))
  starting.push(await startOurs(config, { engine, threads, stepsPerCall: 1, warmup: WARMUP }));
const sides = await alternate(starting, { rounds, repeat: steps });
console.log(`gan.py's step, batch ${batchSize}, over ${rounds} alternating rounds of ${steps} steps`);
for (const { name, times } of sides) console.log(`${name.padEnd(24)} ${summary(times).median.toFixed(2)} ms`);
const [session, ...others] = sides;
for (const other of others)
  console.log(`ratio of ${other.name} to session: ${pairedRatio(other, session).toFixed(2)}`);
for (const { stop } of sides) await stop();
