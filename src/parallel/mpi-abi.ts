/**
 * What differs between MPI libraries below their common functions: MPICH's handles (and those of its relatives, which
 * share its binary interface) are integers that mpi.h defines; Open MPI's are addresses of symbols that it exports.
 */

import type { MpiFamily } from './launcher.js';

/** Values of the constants that are used here, as handles or, with Open MPI, as names of symbols. */
interface Abi {
  /** How its version text begins. */
  says: RegExp;
  /** Names of the library to try, by platform. */
  files: Readonly<Record<'linux' | 'darwin', readonly string[]>>;
  /** Debian's package, for advice. */
  package: string;
  /** C type of a handle. */
  handle: 'int' | 'void *';
  handles: Readonly<Record<HandleName, number | string>>;
  inPlace: bigint;
  statusIgnore: bigint;
}

export type HandleName = 'world' | 'float' | 'byte' | 'sum' | 'errorsReturn';

/** MPI_THREAD_MULTIPLE, the same in both. */
export const THREAD_MULTIPLE = 3;

/** Bytes that MPI_Get_library_version may write. */
export const MAX_VERSION = 8192;

export const ABIS: Readonly<Record<MpiFamily, Abi>> = {
  mpich: {
    says: /MPICH|Intel\(R\) MPI|MVAPICH/,
    files: {
      linux: ['libmpich.so.12', 'libmpi.so.12', 'libmpi_cray.so.12'],
      darwin: ['libmpi.12.dylib', 'libmpich.12.dylib'],
    },
    package: 'mpich',
    handle: 'int',
    handles: {
      world: 0x44000000,
      float: 0x4c00040a,
      byte: 0x4c00010d,
      sum: 0x58000003,
      errorsReturn: 0x54000001,
    },
    inPlace: -1n,
    statusIgnore: 1n,
  },
  openmpi: {
    says: /Open MPI/,
    files: {
      linux: ['libmpi.so.40', 'libmpi.so'],
      darwin: ['libmpi.40.dylib', 'libmpi.dylib'],
    },
    package: 'openmpi-bin',
    handle: 'void *',
    handles: {
      world: 'ompi_mpi_comm_world',
      float: 'ompi_mpi_float',
      byte: 'ompi_mpi_byte',
      sum: 'ompi_mpi_op_sum',
      errorsReturn: 'ompi_mpi_errors_return',
    },
    inPlace: 1n,
    statusIgnore: 0n,
  },
};
