/** Where data that were downloaded or decoded are kept between runs. */

import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

/**
 * The user's cache folder for this project: `gan-onnx` below $XDG_CACHE_HOME, or below ~/.cache when that is no absolute
 * path.
 *
 * @param env the environment variables to look at
 */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  const xdg = env.XDG_CACHE_HOME ?? '';
  return join(isAbsolute(xdg) ? xdg : join(homedir(), '.cache'), 'gan-onnx');
}
