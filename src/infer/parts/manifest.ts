/**
 * A shard's manifest: what it sampled, and the checksum of each part. While the shard runs it is a file of lines that
 * grows part by part (`manifest-0-of-8.jsonl`); at the end it becomes `manifest-0-of-8.json`. It says nothing of the
 * moment or the machine: the same shard on the same device has the same manifest, byte for byte.
 */

import type { FileSum } from '../file-sum.js';
import type { Part, SampleJob, Shard } from './job.js';

/** A finished part. */
export interface PartEntry extends FileSum {
  /** Its file; or its folder, whose checksum is that of the SHA256SUMS in it, and whose size that of its pictures. */
  name: string;
  /** Number of its first sample. */
  start: number;
  count: number;
  latents?: FileSum;
}

/** The entry of a part. */
export function partEntry(
  { name, start, count }: Part,
  { bytes, sha256 }: FileSum,
  latents: FileSum | undefined,
): PartEntry {
  const entry = { name, start, count, bytes, sha256 };
  if (latents === undefined) return entry;
  return { ...entry, latents: { bytes: latents.bytes, sha256: latents.sha256 } };
}

/** What all parts have in common. */
export interface ManifestHeader extends SampleJob {
  'gan-onnx': string;
  /** Where the generator ran: samples are the same bit for bit on one device of one machine. */
  device: string;
  /** [channels, height, width] */
  shape: readonly [number, number, number];
  shard: Shard;
}

export interface Manifest {
  header: ManifestHeader;
  entries: PartEntry[];
}

export function manifestName({ index, of }: Shard): string {
  return `manifest-${index}-of-${of}.json`;
}

/** Of a shard that has not ended. */
export function progressName(shard: Shard): string {
  return `${manifestName(shard)}l`;
}

/** The shard whose manifest, finished or not, has this name; undefined for other names. */
export function shardOfName(name: string): Shard | undefined {
  const [, index, of] = /^manifest-(\d{1,10})-of-(\d{1,10})\.jsonl?$/.exec(name) ?? [];
  return of === undefined ? undefined : { index: Number(index), of: Number(of) };
}

/** What stands between the header and the first part of a finished manifest, and after the last. */
export const PARTS = { begin: ',\n  "parts": [', end: ']\n}\n' } as const;

/** The finished manifest: a JSON object, its parts one a line. */
export function manifestText({ header, entries }: Manifest): string {
  const opened = JSON.stringify(header, null, 2).slice(0, -2);
  const lines = entries.map((entry) => `\n    ${JSON.stringify(entry)}`);
  return `${opened}${PARTS.begin}${lines.join(',')}${lines.length > 0 ? '\n  ' : ''}${PARTS.end}`;
}

/** The unfinished one: a line with what the parts have in common, then one for each part. */
export function progressText({ header, entries }: Manifest): string {
  return [header, ...entries].map(progressLine).join('');
}

export function progressLine(line: ManifestHeader | PartEntry): string {
  return `${JSON.stringify(line)}\n`;
}

/** What must agree between all that goes into one folder, and how messages name it. */
const SETTINGS = {
  model: (model) => `model ${String(model).slice(0, 12)}`,
  options: (options) => `options ${options}`,
  seed: (seed) => `seed ${seed}`,
  start: (start) => `start ${start}`,
  count: (count) => `count ${count}`,
  format: (format) => `format ${format}`,
  partSize: (size) => `part size ${size}`,
  latents: (latents) => (latents === true ? 'latents' : 'no latents'),
  device: (device) => `device ${device}`,
  'gan-onnx': (version) => `gan-onnx ${version}`,
} satisfies Partial<Record<keyof ManifestHeader, (value: unknown) => string>>;

export type Settings = Partial<Pick<ManifestHeader, keyof typeof SETTINGS>>;

/**
 * In which settings a manifest differs from what is wanted, in words; '' when in none. Settings that are not yet known
 * are not compared.
 */
export function differences(found: ManifestHeader, wanted: Settings): string {
  return (Object.keys(SETTINGS) as (keyof typeof SETTINGS)[])
    .filter((name) => wanted[name] !== undefined && wanted[name] !== found[name])
    .map((name) => `${SETTINGS[name](found[name])}, not ${SETTINGS[name](wanted[name])}`)
    .join('; ');
}
