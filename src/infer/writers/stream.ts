/** Writers of one file, and of the same bytes to a stream such as stdout. */

import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import type { Writable } from 'node:stream';
import { temporaryName } from '../../system/files.js';
import { onTarget, type SampleTarget } from './target.js';
import type { SampleEncoder, SampleWriter } from './writer.js';

/** Where the bytes of an encoder go. */
interface Sink {
  put(bytes: Uint8Array): Promise<unknown>;
  complete(): Promise<void>;
  commit(): Promise<void>;
  discard(): void;
}

async function writerTo(encoder: SampleEncoder, sink: Sink): Promise<SampleWriter> {
  const hash = createHash('sha256');
  let bytes = 0;
  const put = async (chunk: Uint8Array): Promise<void> => {
    if (chunk.length === 0) return;
    hash.update(chunk);
    bytes += chunk.length;
    await sink.put(chunk);
  };
  await put(encoder.begin());
  return {
    write: async (samples) => put(await encoder.encode(samples)),
    async complete() {
      await put(await encoder.end());
      await sink.complete();
      return { bytes, sha256: hash.digest('hex') };
    },
    commit: sink.commit,
    discard: sink.discard,
  };
}

/** Writes a file; its bytes are on the disk before it has its name. */
export async function fileWriter(target: SampleTarget, encoder: SampleEncoder): Promise<SampleWriter> {
  const temporary = temporaryName(target.path);
  const file = await onTarget(target, open(temporary, 'wx'));
  let isOpen = true;
  const sink: Sink = {
    put: (bytes) => onTarget(target, file.writeFile(bytes)),
    async complete() {
      isOpen = false;
      await onTarget(
        target,
        file.sync().finally(() => file.close()),
      );
    },
    commit: () => onTarget(target, rename(temporary, target.path)),
    discard() {
      if (isOpen) file.close().catch(() => {});
      isOpen = false;
      rmSync(temporary, { force: true });
    },
  };
  try {
    return await writerTo(encoder, sink);
  } catch (error) {
    sink.discard();
    throw error;
  }
}

/**
 * Writes to a stream as fast as its reader takes it; what is written cannot be taken back.
 *
 * @throws the stream's error; its code is EPIPE when the reader went away
 */
export function streamWriter(stream: Writable, encoder: SampleEncoder): Promise<SampleWriter> {
  return writerTo(encoder, {
    put: (bytes) =>
      new Promise<void>((resolve, reject) => {
        stream.write(bytes, (error) => (error ? reject(error) : resolve()));
      }),
    complete: async () => {},
    commit: async () => {},
    discard: () => {},
  });
}
