/** Shows pages to the browsers of this machine for as long as the user wants. */

import { type ServeOptions, serveFolder } from '../system/static-server.js';
import { interruptible } from './interrupt.js';

/** Serves a folder, says where, and goes on until Ctrl-C. */
export async function serveUntilInterrupted(folder: string, options: ServeOptions): Promise<void> {
  const server = await serveFolder(folder, options);
  process.stdout.write(`${server.url} (Ctrl-C ends it)\n`);
  const ended = (signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => signal.addEventListener('abort', () => resolve()));
  await interruptible(ended, () => {});
  await server.close();
}
