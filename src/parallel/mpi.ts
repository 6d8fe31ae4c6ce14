/**
 * A communicator over MPI: the library that the launcher belongs to, called through koffi, which is loaded here and nowhere
 * else. All calls are made by Node's own thread: an operation is begun, and asked again and again whether it is done, so that
 * the event loop goes on meanwhile.
 */

import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import type { LibraryHandle } from 'koffi';
import { UserError } from '../system/user-error.js';
import { type Communicator, PeerError } from './communicator.js';
import type { Farewell } from './farewell-guard.js';
import type { Launch, MpiFamily } from './launcher.js';
import { ABIS, type HandleName, MAX_VERSION, THREAD_MULTIPLE } from './mpi-abi.js';
import { requirePmiDescriptor } from './pmi-descriptor.js';

/** Version of koffi that this was written for, for advice. */
const KOFFI = 'koffi@3.3.4';

/** Names an MPI library's file, in the place of the usual ones. */
export const LIBRARY_VARIABLE = 'GAN_ONNX_MPI_LIBRARY';

/**
 * Milliseconds of asking at every turn of the event loop, after which it is asked once a millisecond. Where processes are
 * more than cores, one that asks all the time takes the core of one that works.
 */
const EAGER_MS = { alone: 1000, crowded: 1 } as const;

/** Milliseconds that the others wait at the end, at least, while rank 0 writes what the work came to. */
const FAREWELL_MS = 600_000;

/** Milliseconds that MPI's own end may take, after all that ranks had to say is said. */
const FINALIZE_MS = 60_000;

/** Milliseconds in which a launcher passes on what a process said last. */
const PASSING_ON_MS = 200;

/** Milliseconds that MPI_Abort may take to reach the launcher, whose machine may be the one that was lost. */
const ABORT_MS = 5000;

/** Bytes of one broadcast: counts are 32-bit integers. */
const MAX_BYTES = 2 ** 30;

type Koffi = typeof import('koffi');

/** @throws UserError when it is not installed */
export async function loadKoffi(): Promise<Koffi> {
  try {
    const loaded = (await import('koffi')) as Koffi & { default?: Koffi };
    return loaded.default ?? loaded;
  } catch {
    throw new UserError(
      `koffi, through which MPI is called, is not installed or has no build for this platform: npm install ${KOFFI}`,
    );
  }
}

export interface MpiLibrary {
  file: string;
  family: MpiFamily;
  /** First line of what it says of itself. */
  version: string;
  lib: LibraryHandle;
}

function nameOf(version: string): string {
  const [first = ''] = version.split('\n');
  return first
    .replace(/^(MPICH) Version:\s*/, '$1 ')
    .replace(/,.*$/, '')
    .trim();
}

/**
 * Loads an MPI library, without joining anything.
 *
 * @throws UserError when there is none, or it is of another family
 */
export function openLibrary(koffi: Koffi, family: MpiFamily, env = process.env): MpiLibrary {
  const { files, package: debian } = ABIS[family];
  const named = env[LIBRARY_VARIABLE];
  const candidates =
    named === undefined ? files[process.platform === 'darwin' ? 'darwin' : 'linux'] : [named];
  const problems: string[] = [];
  for (const file of candidates) {
    try {
      // Global, because Open MPI's plug-ins look for its symbols there.
      const lib = koffi.load(file, { global: true });
      const text = Buffer.alloc(MAX_VERSION);
      const length = Buffer.alloc(4);
      lib.func('MPI_Get_library_version', 'int', ['void *', 'void *'])(text, length);
      const version = text.toString('latin1', 0, length.readInt32LE(0));
      if (ABIS[family].says.test(version)) return { file, family, version: nameOf(version), lib };
      problems.push(`${file} is ${nameOf(version)}`);
    } catch {
      problems.push(`${file} cannot be loaded`);
    }
  }
  throw new UserError(
    `no MPI library of the kind of the launcher (${family}) was found (${problems.join(', ')}): install Debian's ` +
      `${debian} or the like on every machine, or name the file in ${LIBRARY_VARIABLE}`,
  );
}

/** The functions that are used, and the handles, of a library. */
class Mpi {
  readonly version: string;
  private readonly functions = new Map<string, ReturnType<LibraryHandle['func']>>();

  constructor(private readonly library: MpiLibrary) {
    this.version = library.version;
    const { handle } = ABIS[library.family];
    const pointer = 'void *';
    const declared: Readonly<Record<string, readonly string[]>> = {
      MPI_Init_thread: [pointer, pointer, 'int', pointer],
      MPI_Comm_rank: [handle, pointer],
      MPI_Comm_size: [handle, pointer],
      MPI_Comm_set_errhandler: [handle, handle],
      MPI_Iallreduce: ['intptr_t', pointer, 'int', handle, handle, handle, pointer],
      MPI_Ibcast: [pointer, 'int', handle, 'int', handle, pointer],
      MPI_Iallgather: [pointer, 'int', handle, pointer, 'int', handle, handle, pointer],
      MPI_Ibarrier: [handle, pointer],
      MPI_Test: [pointer, pointer, 'intptr_t'],
      MPI_Error_string: ['int', pointer, pointer],
      MPI_Abort: [handle, 'int'],
      MPI_Finalize: [],
    };
    for (const [name, types] of Object.entries(declared)) {
      this.functions.set(name, library.lib.func(name, 'int', [...types]));
    }
  }

  handle(name: HandleName): number | bigint {
    const value = ABIS[this.library.family].handles[name];
    return typeof value === 'number' ? value : this.library.lib.symbol(value);
  }

  get constants(): { inPlace: bigint; statusIgnore: bigint } {
    return ABIS[this.library.family];
  }

  /** @throws PeerError when MPI reports an error */
  call(name: string, ...args: unknown[]): void {
    const code = this.functions.get(name)!(...args) as number;
    if (code !== 0) throw new PeerError(`${name} failed: ${this.errorText(code)}`);
  }

  private errorText(code: number): string {
    const [text, length] = [Buffer.alloc(MAX_VERSION), Buffer.alloc(4)];
    this.functions.get('MPI_Error_string')!(code, text, length);
    return text.toString('latin1', 0, length.readInt32LE(0)).split('\n')[0]!.trim();
  }

  integer(name: string, handle: number | bigint): number {
    const out = Buffer.alloc(4);
    this.call(name, handle, out);
    return out.readInt32LE(0);
  }
}

function guardFarewell(workerData: Farewell): Worker {
  return new Worker(new URL('./farewell-guard.js', import.meta.url), { workerData });
}

class MpiCommunicator implements Communicator {
  readonly rank: number;
  readonly size: number;
  readonly library: string;
  private readonly world: number | bigint;
  private readonly floats: number | bigint;
  private readonly bytes: number | bigint;
  private readonly adding: number | bigint;
  private limit = Number.POSITIVE_INFINITY;
  private readonly request = Buffer.alloc(8);
  private readonly flag = Buffer.alloc(4);
  /** What MPI reads and writes at the moment: nothing else may keep it from being collected. */
  private readonly inUse = new Set<ArrayBufferView>();

  constructor(
    private readonly mpi: Mpi,
    private readonly eager: number,
    private readonly left: () => void,
  ) {
    this.world = mpi.handle('world');
    this.floats = mpi.handle('float');
    this.bytes = mpi.handle('byte');
    this.adding = mpi.handle('sum');
    // Errors become exceptions, rather than the end of the process.
    mpi.call('MPI_Comm_set_errhandler', this.world, mpi.handle('errorsReturn'));
    this.rank = mpi.integer('MPI_Comm_rank', this.world);
    this.size = mpi.integer('MPI_Comm_size', this.world);
    this.library = mpi.version;
  }

  /** Begins an operation and waits for its end. */
  private async complete(name: string, used: readonly ArrayBufferView[], ...args: unknown[]): Promise<void> {
    for (const memory of used) this.inUse.add(memory);
    this.mpi.call(name, ...args, this.request);
    const began = performance.now();
    for (;;) {
      this.mpi.call('MPI_Test', this.request, this.flag, this.mpi.constants.statusIgnore);
      if (this.flag.readInt32LE(0) !== 0) break;
      const waited = performance.now() - began;
      if (waited > this.limit) {
        throw new PeerError(`no answer from the other ranks within ${Math.round(waited / 1000)} s`);
      }
      await (waited < this.eager ? nextTurn() : sleep(1));
    }
    this.inUse.clear();
  }

  async sum(values: Float32Array): Promise<void> {
    const { floats, adding, world } = this;
    const { inPlace } = this.mpi.constants;
    await this.complete('MPI_Iallreduce', [values], inPlace, values, values.length, floats, adding, world);
  }

  async broadcast(bytes: Uint8Array): Promise<void> {
    for (let first = 0; first < bytes.length; first += MAX_BYTES) {
      const part = bytes.subarray(first, first + MAX_BYTES);
      await this.complete('MPI_Ibcast', [part], part, part.length, this.bytes, 0, this.world);
    }
  }

  async gather(bytes: Uint8Array): Promise<Uint8Array[]> {
    const { length } = bytes;
    const own = bytes.slice();
    const all = new Uint8Array(length * this.size);
    const kind = this.bytes;
    await this.complete('MPI_Iallgather', [own, all], own, length, kind, all, length, kind, this.world);
    return Array.from({ length: this.size }, (_, rank) => all.subarray(rank * length, (rank + 1) * length));
  }

  async barrier(): Promise<void> {
    await this.complete('MPI_Ibarrier', [], this.world);
  }

  limitWaits(ms: number): void {
    this.limit = ms;
  }

  async finalize(): Promise<void> {
    this.limitWaits(Math.max(this.limit, FAREWELL_MS));
    await this.barrier();
    const guard = guardFarewell({
      ms: FINALIZE_MS,
      line: `MPI did not end within ${FINALIZE_MS / 1000} s; all files are written`,
    });
    await once(guard, 'online');
    this.mpi.call('MPI_Finalize');
    this.left();
    await guard.terminate();
  }
}

/**
 * Joins the processes that the launcher started. A process that ends without `finalize`, for whatever reason, ends all of
 * them: MPI would take it for one that is done, and the others would wait for it.
 *
 * @throws UserError when koffi or the library is missing, or the launcher's descriptor was not handed on
 */
export async function joinMpi({ family, onMachine }: Launch): Promise<Communicator> {
  // Read when the library is loaded. UCX, to watch the heap, grows and shrinks it once when MPI begins; memory that another of
  // Node's threads takes between the two is lost under its feet (UCX 1.13: a segmentation fault in one job of forty).
  process.env.UCX_MEM_EVENTS ??= 'n';
  // A rank that another one reads from may be killed: UCX would print a page of its own stack before our line.
  process.env.UCX_HANDLE_ERRORS ??= 'none';
  const mpi = new Mpi(openLibrary(await loadKoffi(), family));
  if (family === 'mpich') requirePmiDescriptor();
  const provided = Buffer.alloc(4);
  mpi.call('MPI_Init_thread', null, null, THREAD_MULTIPLE, provided);
  const abort = (code: number): void => {
    // A launcher that hears that all is to end may pass on nothing more, not even what was said before.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PASSING_ON_MS);
    guardFarewell({
      ms: ABORT_MS,
      line: `the launcher did not take note within ${ABORT_MS / 1000} s that this process ends: it may be cut off; ended by force`,
    });
    mpi.call('MPI_Abort', mpi.handle('world'), code === 0 ? 1 : code);
  };
  process.on('exit', abort);
  const isCrowded = (onMachine?.size ?? 1) > availableParallelism();
  const eager = isCrowded ? EAGER_MS.crowded : EAGER_MS.alone;
  return new MpiCommunicator(mpi, eager, () => process.off('exit', abort));
}
