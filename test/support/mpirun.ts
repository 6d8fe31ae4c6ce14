/** Starts the built command under the MPI launchers of this machine. */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import type { MpiFamily } from '../../src/parallel/launcher.js';
import type { CommandResult } from './cli.js';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** Names that a family's launcher may have, and what its version says. */
const LAUNCHERS: Readonly<
  Record<MpiFamily, { names: readonly string[]; says: RegExp; flags: readonly string[] }>
> = {
  mpich: { names: ['mpirun.mpich', 'mpiexec.hydra', 'mpirun'], says: /HYDRA/, flags: [] },
  openmpi: {
    names: ['mpirun.openmpi', 'mpirun'],
    says: /Open MPI/,
    flags: ['--oversubscribe', '--bind-to', 'none'],
  },
};

function find(family: MpiFamily): string | undefined {
  const { names, says } = LAUNCHERS[family];
  return names.find((name) => {
    try {
      return says.test(execFileSync(name, ['--version'], { encoding: 'utf8', env: ENV, stdio: 'pipe' }));
    } catch {
      return false;
    }
  });
}

/** Open MPI does not start for root, as who CI often runs, unless told twice. */
const ENV = { ...process.env, OMPI_ALLOW_RUN_AS_ROOT: '1', OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: '1' };

/** The launcher of each family, where it is installed. */
export const MPIRUN: Readonly<Record<MpiFamily, string | undefined>> = {
  mpich: find('mpich'),
  openmpi: find('openmpi'),
};

export const FAMILIES = Object.keys(LAUNCHERS) as MpiFamily[];

for (const family of FAMILIES) {
  if (MPIRUN[family] === undefined) console.warn(`no launcher of ${family}: its tests are skipped`);
}

export interface MpiJob {
  child: ChildProcess;
  done: Promise<CommandResult>;
  /** What it has printed on stderr so far. */
  stderr(): string;
}

export interface LaunchOptions {
  /** What the launcher is started by. */
  before?: readonly string[];
  /** Flags of the launcher. */
  flags?: readonly string[];
  env?: Readonly<Record<string, string>>;
  /** What gan-onnx is started by, in the folder of the repository; the built command itself if left out. */
  command?: readonly string[];
}

/**
 * Starts ranks with the same arguments, or with those of each. The job is ended with the test.
 *
 * @param ranks how many, or the arguments of each
 */
export function startRanks(
  family: MpiFamily,
  ranks: number | readonly (readonly string[])[],
  args: readonly string[] = [],
  { before = [], flags = [], env = {}, command = [process.execPath, MAIN] }: LaunchOptions = {},
): MpiJob {
  const parts =
    typeof ranks === 'number'
      ? ['-n', String(ranks), ...command, ...args]
      : ranks.flatMap((own, i) => [...(i > 0 ? [':'] : []), '-n', '1', ...command, ...own]);
  const [program, ...rest] = [...before, MPIRUN[family]!, ...LAUNCHERS[family].flags, ...flags, ...parts];
  const child = spawn(program!, rest, { env: { ...ENV, ...env } });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  const done = new Promise<CommandResult>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
  onTestFinished(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGTERM');
    setTimeout(() => child.kill('SIGKILL'), 5000).unref();
    await done;
  });
  return { child, done, stderr: () => stderr };
}

/** Variables by which launchers tell a process its rank. */
const RANK_VARIABLES = ['PMI_RANK', 'OMPI_COMM_WORLD_RANK'];

function childrenOf(pid: number): number[] {
  try {
    const text = execFileSync('pgrep', ['-P', String(pid)], { encoding: 'utf8' });
    return text.trim().split('\n').map(Number);
  } catch {
    return [];
  }
}

function rankOf(pid: number): number | undefined {
  const variables = readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0');
  const found = variables.find((line) => RANK_VARIABLES.includes(line.split('=')[0]!));
  return found === undefined ? undefined : Number(found.split('=')[1]);
}

/** Process id of a rank of a job, below its launcher. */
export function pidOfRank(job: MpiJob, rank: number): number {
  const pending = childrenOf(job.child.pid!);
  for (let pid = pending.shift(); pid !== undefined; pid = pending.shift()) {
    try {
      if (rankOf(pid) === rank) return pid;
    } catch {
      continue;
    }
    pending.push(...childrenOf(pid));
  }
  throw new Error(`no process of rank ${rank} below ${job.child.pid}`);
}

/** The process that started another one. */
export function parentOf(pid: number): number {
  return Number(execFileSync('ps', ['-o', 'ppid=', '-p', String(pid)], { encoding: 'utf8' }));
}
