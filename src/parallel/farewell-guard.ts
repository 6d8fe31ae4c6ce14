/**
 * A thread that ends the process when it is not ended itself in time: MPI_Finalize waits inside the library, where no timer
 * of the main thread runs.
 */

import { writeSync } from 'node:fs';
import { workerData } from 'node:worker_threads';

const { ms } = workerData as { ms: number };
setTimeout(() => {
  writeSync(2, `gan-onnx: MPI did not end within ${Math.round(ms / 1000)} s; all files are written\n`);
  process.kill(process.pid, 'SIGKILL');
}, ms);
