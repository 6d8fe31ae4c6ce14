/** Zips that the playground makes, and those of strangers. */

import { unzipSync, zipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { makeZip, readZip } from '../../web/playground/worker/zip.js';

const all = (): boolean => true;
const bytes = Uint8Array.from({ length: 5000 }, (_, i) => (i * i) % 251);

describe('makeZip', () => {
  it('makes what others read, the same bytes of the same files', () => {
    const files = new Map<string, Uint8Array | string>([
      ['run/a.bin', bytes],
      ['README.txt', 'how to go on'],
    ]);
    const zip = makeZip(files);
    const found = unzipSync(zip);
    expect(Object.keys(found)).toEqual(['run/a.bin', 'README.txt']);
    expect(found['run/a.bin']).toEqual(bytes);
    expect(makeZip(files)).toEqual(zip);
  });
});

describe('readZip', () => {
  it('reads wanted files, stored or compressed', () => {
    const zip = zipSync({ a: bytes, b: [bytes, { level: 0 }], c: bytes });
    const found = readZip(zip, (name) => name !== 'c', 1e6);
    expect([...found]).toEqual([
      ['a', bytes],
      ['b', bytes],
    ]);
  });

  it('stops a bomb when it has grown too large, whatever its header says', () => {
    const zip = zipSync({ a: new Uint8Array(5e6) }, { level: 9 });
    expect(() => readZip(zip, all, 1e6)).toThrow('it becomes larger than 1 MiB');
    // The size in the headers of the file and of the directory.
    const view = new DataView(zip.buffer);
    for (let at = 0; at < zip.length - 4; at++) {
      if (view.getUint32(at, true) === 5e6) view.setUint32(at, 10, true);
    }
    expect(() => readZip(zip, all, 1e6)).toThrow('it becomes larger than 1 MiB');
  });

  it('refuses what is cut off or damaged in one line', () => {
    const zip = zipSync({ a: bytes });
    for (const length of [0, 10, 40, 500, zip.length - 600]) {
      let found: Map<string, Uint8Array> | string;
      try {
        found = readZip(zip.subarray(0, length), all, 1e6);
      } catch (error) {
        found = (error as Error).message;
      }
      if (typeof found === 'string') expect(found).toMatch(/^it is (cut off|not a zip)[^\n]*$/);
      else expect(found.get('a') ?? bytes).toEqual(bytes);
    }
  });
});
