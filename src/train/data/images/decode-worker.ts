/** A thread that reads and decodes image files, so that neither slow nor hostile ones hold up the rest. */

import { parentPort } from 'node:worker_threads';
import { doJob, type Job } from './decode-job.js';

// The TIFF decoder prints as it goes.
console.log = () => {};

parentPort?.on('message', async (job: Job) => {
  const results = await doJob(job);
  const images = results.flatMap((result) => ('image' in result ? [result.image.buffer as ArrayBuffer] : []));
  parentPort?.postMessage(results, images);
});
