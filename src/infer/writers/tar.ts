/** Samples as PNG files in a tar archive, named by their numbers; the same samples give the same bytes. */

import { once } from 'node:events';
import type { Pack } from 'tar-stream';
import type { PngPool } from '../png-pool.js';
import { pictureName, type SampleEncoder, type SamplePlan } from './writer.js';

/** What would tell one machine or moment from another. */
const OWNER = { mtime: new Date(0), mode: 0o644, uid: 0, gid: 0, type: 'file' } as const;

function addFile(archive: Pack, name: string, contents: Uint8Array): Promise<void> {
  const { buffer, byteOffset, length } = contents;
  return new Promise((resolve, reject) => {
    archive.entry({ name, size: length, ...OWNER }, Buffer.from(buffer, byteOffset, length), (error) =>
      error ? reject(error) : resolve(),
    );
  });
}

export async function tarEncoder({ start, digits }: SamplePlan, pool: PngPool): Promise<SampleEncoder> {
  // Only who writes an archive pays for loading it.
  const { pack } = await import('tar-stream');
  const archive = pack();
  const chunks: Uint8Array[] = [];
  archive.on('data', (chunk) => chunks.push(chunk as Uint8Array));
  let number = start;
  /** What has come out of the archive since the last time; the rest comes with the next. */
  const taken = (): Uint8Array => Buffer.concat(chunks.splice(0));
  return {
    begin: taken,
    async encode(samples) {
      for (const file of await pool.encode(samples)) {
        await addFile(archive, pictureName(number, digits), file);
        number++;
      }
      return taken();
    },
    async end() {
      const ended = once(archive, 'end');
      archive.finalize();
      await ended;
      return taken();
    },
  };
}
