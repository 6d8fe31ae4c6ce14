/** A model's bytes over HTTP, with a bound and with progress; the same in Node and in a page. */

import { UserError } from '../system/user-error.js';
import { MAX_DOWNLOAD_BYTES } from './model-file.js';

export interface FetchOptions {
  /** Most bytes that a model may have; 512 MiB by default. */
  maxBytes?: number;
  /** Called as bytes arrive; `total` is undefined when the server does not say. */
  onProgress?: (loaded: number, total: number | undefined) => void;
  /** Ends the download early, with the signal's reason. */
  signal?: AbortSignal;
}

function tooLarge(url: string, maxBytes: number): UserError {
  return new UserError(`${url} is larger than ${maxBytes} bytes, expected a generator: see option maxBytes`);
}

/** Collects a body, whatever the server promised. */
async function readBody(
  response: Response,
  url: string,
  total: number | undefined,
  { maxBytes = MAX_DOWNLOAD_BYTES, onProgress }: FetchOptions,
): Promise<Uint8Array> {
  const reader = response.body?.getReader();
  const chunks: Uint8Array[] = [];
  let loaded = 0;
  while (reader !== undefined) {
    const { done, value } = await reader.read();
    if (done) break;
    loaded += value.length;
    if (loaded > maxBytes) {
      await reader.cancel();
      throw tooLarge(url, maxBytes);
    }
    chunks.push(value);
    onProgress?.(loaded, total);
  }
  const bytes = new Uint8Array(loaded);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

/**
 * Downloads a model.
 *
 * @throws UserError when it cannot be had or is too large; the signal's reason when that ended it
 */
export async function fetchModel(url: string, options: FetchOptions = {}): Promise<Uint8Array> {
  const { signal, maxBytes = MAX_DOWNLOAD_BYTES } = options;
  try {
    const response = await fetch(url, signal ? { signal } : {});
    if (!response.ok) {
      await response.body?.cancel();
      throw new UserError(`${url} cannot be loaded (HTTP ${response.status}): check the address`);
    }
    // What is compressed on its way is longer than it says.
    const encoded = response.headers.get('content-encoding') !== null;
    const length = Number(response.headers.get('content-length') ?? Number.NaN);
    const total = encoded || !Number.isFinite(length) ? undefined : length;
    if (total !== undefined && total > maxBytes) {
      await response.body?.cancel();
      throw tooLarge(url, maxBytes);
    }
    return await readBody(response, url, total, options);
  } catch (error) {
    if (error instanceof UserError) throw error;
    signal?.throwIfAborted();
    const { cause } = error as Error;
    const reason = cause instanceof Error ? cause.message : String((error as Error).message);
    throw new UserError(`${url} cannot be loaded (${reason}): check the address and the connection`);
  }
}
