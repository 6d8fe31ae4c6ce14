/** Runs on disk, compared with each other. */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readRunCheckpoint } from '../../src/train/resume.js';
import { idxFolder } from './cli.js';
import type { MpiJob } from './mpirun.js';
import { norm } from './numbers.js';

/** Flags of a run of 50 steps on `count` images of 8 x 8, in batches of 24. */
export function fiftySteps(count: number, ...more: string[]): string[] {
  return [
    ...[
      'train',
      '--dataset',
      'mnist',
      '--data-dir',
      idxFolder(count),
      '--img-size',
      '8',
      '--latent-dim',
      '8',
    ],
    ...['--batch-size', '24', '--max-steps', '50', '--sample-interval', '1000', '--threads', '1'],
    ...more,
  ];
}

/** Networks without BatchNorm: fully connected, with maxout and dropout in D. */
export const PLAIN = ['--network', 'goodfellow-mnist'];

interface Losses {
  d_loss: number;
  g_loss: number;
}

function losses(run: string): Losses[] {
  const lines = readFileSync(join(run, 'metrics.jsonl'), 'utf8').trim().split('\n');
  return lines.map((line) => JSON.parse(line) as Losses);
}

/** How far two runs are from each other. */
export interface Difference {
  /** Steps of both. */
  steps: readonly [number, number];
  /** Norm of the difference of all parameters, relative to their norm. */
  parameters: number;
  /** Largest difference of a loss of any step. */
  losses: number;
}

export async function compareRuns(a: string, b: string): Promise<Difference> {
  const [one, other] = await Promise.all([readRunCheckpoint(a), readRunCheckpoint(b)]);
  const names = [...one.state.keys()].filter((name) => /\.(weight|bias)$/.test(name));
  const total = (of: (name: string) => ArrayLike<number>) =>
    Math.hypot(...names.map((name) => norm(of(name))));
  const difference = total((name) => {
    const { data } = other.state.get(name)!;
    return Float64Array.from(one.state.get(name)!.data, (value, i) => value - data[i]!);
  });
  const [found, reference] = [losses(a), losses(b)];
  const apart = reference.flatMap(({ d_loss, g_loss }, i) => [
    Math.abs(found[i]!.d_loss - d_loss),
    Math.abs(found[i]!.g_loss - g_loss),
  ]);
  return {
    steps: [found.length, reference.length],
    parameters: difference / total((name) => other.state.get(name)!.data),
    losses: Math.max(...apart),
  };
}

/** Waits until a run that is going on has a checkpoint. */
export async function untilCheckpoint(run: string, job: MpiJob): Promise<void> {
  const folder = join(run, 'checkpoints');
  for (;;) {
    if (existsSync(folder) && readdirSync(folder).some((name) => /^\d+$/.test(name))) return;
    const ended = await Promise.race([job.done, new Promise((resolve) => setTimeout(resolve, 50))]);
    if (ended !== undefined) throw new Error(`ended too early: ${job.stderr()}`);
  }
}
