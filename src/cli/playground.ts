/** `gan-onnx playground`: a page that trains a GAN in the visitor's own browser. */

import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { UserError } from '../system/user-error.js';
import { integerOption } from './arguments.js';
import { serveUntilInterrupted } from './serve.js';

/** All that the page needs: its own files, WebAssembly, and pictures that it makes itself. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self'",
  "connect-src 'self'",
  "style-src 'self'",
  "img-src 'self' data: blob:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** Folder of a package's main file, where its builds for pages lie; undefined where it is not installed. */
function buildsOf(name: string): string | undefined {
  try {
    return dirname(createRequire(import.meta.url).resolve(name));
  } catch {
    return undefined;
  }
}

/** What the page loads beside its own files, by the name below which it finds them. */
function mounts(): Record<string, string> {
  const found = {
    ort: buildsOf('onnxruntime-web'),
    'ort-training': buildsOf('onnxruntime-training'),
    page: fileURLToPath(new URL('../page/', import.meta.url)),
  };
  return Object.fromEntries(Object.entries(found).filter((entry): entry is [string, string] => !!entry[1]));
}

async function playground({ port }: { port: number }): Promise<void> {
  const folder = fileURLToPath(new URL('../playground/', import.meta.url));
  if (!existsSync(join(folder, 'index.html')))
    throw new UserError(`${folder} has no index.html, the playground's page: npm ci, or npm run build`);
  await serveUntilInterrupted(folder, {
    port,
    headers: { 'Content-Security-Policy': POLICY },
    mounts: mounts(),
  });
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
