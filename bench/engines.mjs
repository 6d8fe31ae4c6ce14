/**
 * Times gan.py's training step on every engine, in short alternating rounds; the last lines are ratios to the session
 * engine, the median over rounds.
 *
 *   npm run bench:engines -- [--batch-size 64] [--threads 2] [--rounds 15] [--steps 10]
 */

import { parseArgs } from 'node:util';
import { chooseEngine, createTrainer, DEFAULT_CONFIG, ENGINES, openDataset } from '../dist/train/index.js';

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

const median = (times) => times.toSorted((a, b) => a - b)[times.length >> 1];

const dataset = await openDataset('digits', { imageSize: 28, channels: 1 });
const config = { ...DEFAULT_CONFIG, batchSize };
const sides = [];
for (const [name, { description }] of Object.entries(ENGINES)) {
  const { create, target } = chooseEngine(name, config.optimizer, { threads });
  const trainer = await createTrainer({ config, dataset, engine: create, target });
  for (let i = 0; i < WARMUP; i++) await trainer.step();
  sides.push({ name, description, trainer, rounds: [] });
}
for (let round = 0; round < rounds; round++) {
  for (const side of sides) {
    const times = [];
    for (let i = 0; i < steps; i++) {
      const began = performance.now();
      await side.trainer.step();
      times.push(performance.now() - began);
    }
    side.rounds.push(median(times));
  }
}
console.log(`gan.py's step, batch ${batchSize}, over ${rounds} alternating rounds of ${steps} steps`);
for (const { name, rounds: found } of sides) console.log(`${name.padEnd(16)} ${median(found).toFixed(2)} ms`);
const [session, ...others] = sides;
for (const { name, rounds: found } of others) {
  const ratio = median(found.map((time, i) => time / session.rounds[i]));
  console.log(`ratio of ${name} to session: ${ratio.toFixed(2)}`);
}
for (const { trainer } of sides) await trainer.close();
