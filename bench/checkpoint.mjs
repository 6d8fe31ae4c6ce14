/**
 * Runs gan.py's networks with frequent checkpoints, as `gan-onnx train` does, and prints how long training pauses for
 * one, how long one takes until it is on the disk, and the peak memory of the process.
 *
 *   npm run bench:checkpoint -- [--data-dir path/to/mnist] [--steps 400] [--interval 40]
 */

import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { CheckpointStore } from '../dist/train/checkpoint-store.js';
import { DEFAULT_CONFIG, encodeRunCheckpoint, readRunCheckpoint, train } from '../dist/train/index.js';

const { values } = parseArgs({
  options: {
    'data-dir': { type: 'string' },
    steps: { type: 'string', default: '400' },
    interval: { type: 'string', default: '40' },
  },
});
const [maxSteps, checkpointInterval] = [Number(values.steps), Number(values.interval)];
const dataDir = values['data-dir'];

const median = (times) => times.toSorted((a, b) => a - b)[times.length >> 1];
const ms = (times) => `median ${median(times).toFixed(1)} ms, most ${Math.max(...times).toFixed(1)} ms`;

const folder = mkdtempSync(join(tmpdir(), 'gan-onnx-bench-'));
try {
  const out = join(folder, 'run');
  const steps = [];
  const pauses = [];
  let ended;
  await train({
    config: {
      ...DEFAULT_CONFIG,
      ...(dataDir === undefined ? {} : { dataset: 'mnist' }),
      maxSteps,
      checkpointInterval,
      sampleInterval: maxSteps + 1,
    },
    out,
    version: 'bench',
    ...(dataDir === undefined ? {} : { dataDir }),
    on: {
      step({ step }, took) {
        const now = performance.now();
        if (ended !== undefined && step % checkpointInterval === 0) pauses.push(now - took - ended);
        steps.push(took);
        ended = now;
      },
    },
  });
  const peak = process.resourceUsage().maxRSS / 1024;

  const checkpoint = await readRunCheckpoint(out);
  const store = new CheckpointStore(join(folder, 'store'));
  const saves = [];
  for (let i = 0; i < 10; i++) {
    const began = performance.now();
    await store.save(i, encodeRunCheckpoint(checkpoint), 2);
    saves.push(performance.now() - began);
  }
  const files = readdirSync(store.folder(9)).map((name) => statSync(join(store.folder(9), name)).size);
  const bytes = files.reduce((a, b) => a + b, 0);
  console.log(`step:                          ${ms(steps)}`);
  console.log(`pause of training for a save:  ${ms(pauses)} (${pauses.length} saves)`);
  console.log(
    `a save until it is on disk:    ${ms(saves)} (${(bytes / 1e6).toFixed(1)} MB, training at rest)`,
  );
  console.log(`peak memory of the run:        ${peak.toFixed(0)} MB`);
} finally {
  rmSync(folder, { recursive: true });
}
