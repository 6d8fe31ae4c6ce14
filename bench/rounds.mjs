/**
 * What side-by-side benches share: a peer process that runs on demand, alternating rounds, and ratios taken round by
 * round, so that a machine whose speed drifts slows both sides alike.
 */

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** Worker threads of both sides spin for a while when they run out of work; a pause keeps them off each other. */
const PAUSE_MS = 250;

const quantile = (sorted, q) => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];

/** Median and 10th and 90th percentile. */
export function summary(times) {
  const sorted = [...times].sort((a, b) => a - b);
  return { median: quantile(sorted, 0.5), low: quantile(sorted, 0.1), high: quantile(sorted, 0.9) };
}

/**
 * A peer in a process of its own: it prints a JSON line when it is ready, answers each line "<command> <count>" with
 * {"ms": [...]}, and ends at "quit".
 */
export async function peerProcess(child, name) {
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const read = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`${name} ended early`);
    return JSON.parse(value);
  };
  const about = await read();
  return {
    about,
    run: async (command, count) => {
      child.stdin.write(`${command} ${count}\n`);
      return (await read()).ms;
    },
    stop: () => child.stdin.end('quit\n'),
  };
}

/** A Python script of this folder as such a process. */
export function startPython(python, script, flags) {
  const path = fileURLToPath(new URL(script, import.meta.url));
  const child = spawn(python, [path, ...flags.map(String)], { stdio: ['pipe', 'pipe', 'inherit'] });
  return peerProcess(child, script);
}

/**
 * Lets the sides take turns.
 *
 * @param sides each with `run(count)`, which gives the milliseconds of `count` repetitions
 * @returns the sides with all their `times`, and the median of each round in `rounds`
 */
export async function alternate(sides, { rounds, repeat, warmup = 5 }) {
  const found = sides.map((side) => ({ ...side, times: [], rounds: [] }));
  for (let round = 0; round < rounds; round++) {
    for (const side of found) {
      await sleep(PAUSE_MS);
      await side.run(warmup);
      const times = await side.run(repeat);
      side.times.push(...times);
      side.rounds.push(summary(times).median);
    }
  }
  return found;
}

/** Median over rounds of what `ours` took by what `peer` took in the same round. */
export function pairedRatio(ours, peer) {
  return summary(ours.rounds.map((ms, round) => ms / peer.rounds[round])).median;
}
