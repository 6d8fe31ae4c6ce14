/** Whether an MPI launcher started this process, by the environment that it sets. */

/** Implementations whose binary interfaces differ. */
export type MpiFamily = 'mpich' | 'openmpi';

export interface Launch {
  family: MpiFamily;
  /** Number of this process, from 0. */
  rank: number;
  /** How many processes were started. */
  size: number;
  /** How many of them are on this machine and which of those this is, where the launcher says so. */
  onMachine?: { rank: number; size: number };
}

interface Launcher {
  family: MpiFamily;
  rank: string;
  size: string;
  onMachine?: { rank: string; size: string };
}

/** What launchers set. Slurm's PMIx plugin says how many there are only as Slurm's own variable. */
const LAUNCHERS: readonly Launcher[] = [
  {
    family: 'openmpi',
    rank: 'OMPI_COMM_WORLD_RANK',
    size: 'OMPI_COMM_WORLD_SIZE',
    onMachine: { rank: 'OMPI_COMM_WORLD_LOCAL_RANK', size: 'OMPI_COMM_WORLD_LOCAL_SIZE' },
  },
  {
    family: 'mpich',
    rank: 'PMI_RANK',
    size: 'PMI_SIZE',
    onMachine: { rank: 'MPI_LOCALRANKID', size: 'MPI_LOCALNRANKS' },
  },
  { family: 'openmpi', rank: 'PMIX_RANK', size: 'SLURM_NTASKS' },
];

type Environment = Readonly<Record<string, string | undefined>>;

function count(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}

/** Number and size of a group in the environment. */
function place(
  env: Environment,
  names: { rank: string; size: string },
): { rank: number; size: number } | undefined {
  const [rank, size] = [count(env[names.rank]), count(env[names.size])];
  return rank !== undefined && size !== undefined && rank < size ? { rank, size } : undefined;
}

/** @returns undefined when none did, or it started this process alone */
export function launchOf(env: Environment = process.env): Launch | undefined {
  for (const launcher of LAUNCHERS) {
    const all = place(env, launcher);
    if (all === undefined) continue;
    if (all.size === 1) return undefined;
    const near = launcher.onMachine && place(env, launcher.onMachine);
    return { family: launcher.family, ...all, ...(near === undefined ? {} : { onMachine: near }) };
  }
  return undefined;
}

/**
 * Threads that each process should use, so that those of one machine do not get in each other's way.
 *
 * @param cores that this process may use; fewer than the machine's where the launcher bound it to some
 * @param machine cores of the machine
 */
export function threadsOf({ onMachine, size }: Launch, cores: number, machine: number): number {
  if (cores < machine) return cores;
  return Math.max(1, Math.floor(machine / (onMachine?.size ?? size)));
}
