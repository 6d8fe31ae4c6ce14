/** Runs a command's work as one of the processes that an MPI launcher started; or alone, where none did. */

import { availableParallelism, cpus } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { GroupError } from '../parallel/agreement.js';
import { type Communicator, PeerError } from '../parallel/communicator.js';
import { type Launch, launchOf, threadsOf } from '../parallel/launcher.js';
import { UserError } from '../system/user-error.js';
import { InterruptedError } from './interrupt.js';
import { report, ToldError } from './report.js';
import { DEFERENCE, named, toldElsewhere } from './spokesman.js';

/** Milliseconds in which a process must end by itself once its work has failed: the others wait for it. */
const GRACE = 3000;

export interface Member {
  group: Communicator;
  /** Threads that it should use, unless told otherwise. */
  threads: number;
  /** How many there are on this machine; 1 where the launcher does not say. */
  onMachine: number;
  /** Whether it is the first one on its machine. */
  isFirstHere: boolean;
  /** A line that names it. */
  says(message: string): string;
}

async function join(launch: Launch): Promise<Communicator> {
  // Loaded for processes of a launcher alone.
  const { joinMpi } = await import('../parallel/mpi.js');
  try {
    return await joinMpi(launch);
  } catch (error) {
    // Nothing can be said to the others yet: one process of each machine speaks.
    if (launch.onMachine !== undefined && launch.onMachine.rank > 0) throw await toldElsewhere();
    throw error instanceof UserError && launch.rank > 0 ? said(launch.rank, error.message) : error;
  }
}

function said(rank: number, message: string): UserError {
  return new UserError(named(rank, message));
}

/** What a rank ends with, and whether it leaves the group in order first. */
async function leave(group: Communicator, error: unknown, advice: string): Promise<unknown> {
  if (error instanceof GroupError) {
    // Before the others leave: a launcher may end rank 0 as soon as one of them has failed.
    const told = group.rank === 0 ? new ToldError(report(error.cause ?? error)) : undefined;
    await group.finalize();
    if (told !== undefined) return told;
    return error.cause instanceof InterruptedError ? error.cause : new ToldError();
  }
  setTimeout(() => process.exit(1), GRACE + DEFERENCE).unref();
  if (error instanceof PeerError) {
    if (group.rank > 0) await sleep(DEFERENCE);
    return said(group.rank, `${error.message}: one of them hangs, is far slower, or was lost; ${advice}`);
  }
  if (group.rank === 0 || error instanceof InterruptedError) return error;
  return said(group.rank, error instanceof Error ? error.message : String(error));
}

/**
 * @param advice what to do when the run is ended by force
 * @throws what the work throws; a ToldError where rank 0 has printed what ended all ranks
 */
export async function inGroup<T>(
  work: (member: Member | undefined) => Promise<T>,
  advice: () => string,
): Promise<T> {
  const launch = launchOf();
  if (launch === undefined) return work(undefined);
  const group = await join(launch);
  try {
    const result = await work({
      group,
      threads: threadsOf(launch, availableParallelism(), cpus().length),
      onMachine: launch.onMachine?.size ?? 1,
      isFirstHere: (launch.onMachine ?? launch).rank === 0,
      says: (message) => named(group.rank, message),
    });
    await group.finalize();
    return result;
  } catch (error) {
    throw await leave(group, error, advice());
  }
}
