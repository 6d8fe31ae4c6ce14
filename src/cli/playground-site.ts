/** What `gan-onnx playground` serves: the built page, ONNX Runtime's files beside it, and the policy that the page obeys. */

import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { ServeOptions } from '../system/static-server.js';

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

/**
 * The folder to serve, and how.
 *
 * @param dist the build of this package
 */
export function playgroundSite(dist: string): { folder: string; options: ServeOptions } {
  const beside = {
    ort: buildsOf('onnxruntime-web'),
    'ort-training': buildsOf('onnxruntime-training'),
    page: join(dist, 'page'),
  };
  const found = Object.entries(beside).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return {
    folder: join(dist, 'playground'),
    options: { headers: { 'Content-Security-Policy': POLICY }, mounts: Object.fromEntries(found) },
  };
}
