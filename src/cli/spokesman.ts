/** Which of a launcher's processes says what all of them would say, before or without a group. */

import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { launchOf } from '../parallel/launcher.js';
import { printable } from '../system/printable.js';
import { UserError } from '../system/user-error.js';
import { exitCodeOf, ToldError } from './report.js';

/** Milliseconds that other ranks leave rank 0 to say what happened: launchers end all once one process has failed. */
export const DEFERENCE = 2000;

/** Whether this process says what all would say: rank 0 does, and a process alone. */
export function isSpokesman(): boolean {
  return (launchOf()?.rank ?? 0) === 0;
}

/** What a process ends with when another one prints its error. */
export async function toldElsewhere(exitCode?: number): Promise<ToldError> {
  await sleep(DEFERENCE);
  return new ToldError(exitCode);
}

/** A line that names a rank. */
export function named(rank: number, message: string): string {
  return `rank ${rank} on ${printable(hostname())}: ${message}`;
}

/** Where work comes to the same on all processes of a launcher: on all, on those of one machine, or nowhere. */
export type Likeness = 'all' | 'machine' | 'none';

/**
 * Work of one of the processes of a launcher, which cannot tell each other how it went.
 *
 * @throws what it throws, with the rank's name but for rank 0; a ToldError where another process throws the same
 */
export async function asRank<T>(likeness: Likeness, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const launch = launchOf();
    if (launch === undefined || launch.rank === 0) throw error;
    const near = likeness === 'machine' ? launch.onMachine : undefined;
    if (likeness === 'all' || (near !== undefined && near.rank > 0)) {
      throw await toldElsewhere(exitCodeOf(error));
    }
    throw error instanceof UserError ? new UserError(named(launch.rank, error.message)) : error;
  }
}
