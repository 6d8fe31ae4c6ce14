/** `gan-onnx playground`: a page that trains a GAN in the visitor's own browser. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { UserError } from '../system/user-error.js';
import { integerOption } from './arguments.js';
import { playgroundSite } from './playground-site.js';
import { serveUntilInterrupted } from './serve.js';

async function playground({ port }: { port: number }): Promise<void> {
  const { folder, options } = playgroundSite(fileURLToPath(new URL('..', import.meta.url)));
  if (!existsSync(join(folder, 'index.html')))
    throw new UserError(`${folder} has no index.html, the playground's page: npm ci, or npm run build`);
  await serveUntilInterrupted(folder, { ...options, port });
}

export function playgroundCommand(): Command {
  return new Command('playground')
    .description('Serves a page on 127.0.0.1 in which GANs are trained and watched, by the browser itself.')
    .addOption(
      integerOption('--port <n>', 'port to listen on; 0 is any that is free', {
        min: 0,
        max: 65_535,
      }).default(0),
    )
    .action(playground);
}
