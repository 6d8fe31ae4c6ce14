/**
 * A thread that ends the process when it is not ended itself in time: MPI_Finalize and MPI_Abort wait inside the library,
 * where no timer of the main thread runs.
 */

import { writeSync } from 'node:fs';
import { workerData } from 'node:worker_threads';

export interface Farewell {
  /** Milliseconds that the process has left. */
  ms: number;
  /** What to print on stderr when they are over. */
  line: string;
}

const { ms, line } = workerData as Farewell;
setTimeout(() => {
  try {
    writeSync(2, `gan-onnx: ${line}\n`);
  } finally {
    process.kill(process.pid, 'SIGKILL');
  }
}, ms);
