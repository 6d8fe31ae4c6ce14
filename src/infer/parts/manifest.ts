/**
 * A shard's manifest: what it sampled, and the checksum of each part. While the shard runs it is a file of lines that
 * grows part by part (`manifest-0-of-8.jsonl`); at the end it becomes `manifest-0-of-8.json`. It says nothing of the
 * moment or the machine: the same shard on the same device has the same manifest, byte for byte.
 */

import type { FileSum } from '../file-sum.js';
import { SAMPLE_FORMATS, type SampleFormat } from '../writers/index.js';
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

/** Whether a name is that of any shard's manifest, finished or not. */
export function isManifestName(name: string): boolean {
  return /^manifest-\d+-of-\d+\.jsonl?$/.test(name);
}

/** The finished manifest: a JSON object, its parts one a line. */
export function manifestText({ header, entries }: Manifest): string {
  const opened = JSON.stringify(header, null, 2).slice(0, -2);
  const lines = entries.map((entry) => `\n    ${JSON.stringify(entry)}`);
  return `${opened},\n  "parts": [${lines.join(',')}${lines.length > 0 ? '\n  ' : ''}]\n}\n`;
}

/** The unfinished one: a line with what the parts have in common, then one for each part. */
export function progressText({ header, entries }: Manifest): string {
  return [header, ...entries].map(progressLine).join('');
}

export function progressLine(line: ManifestHeader | PartEntry): string {
  return `${JSON.stringify(line)}\n`;
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

function isSum(value: unknown): value is FileSum {
  const { bytes, sha256 } = (value ?? {}) as Partial<FileSum>;
  return isCount(bytes) && typeof sha256 === 'string' && /^[0-9a-f]{64}$/.test(sha256);
}

function isEntry(value: unknown): value is PartEntry {
  const { name, start, count, latents } = (value ?? {}) as Partial<PartEntry>;
  const known = typeof name === 'string' && isCount(start) && isCount(count);
  return known && isSum(value) && (latents === undefined || isSum(latents));
}

/** What the texts of a header look like: messages show them, so they hold nothing that a terminal would obey. */
const TEXTS = {
  'gan-onnx': /^[\w.+-]{1,64}$/,
  model: /^[0-9a-f]{64}$/,
  options: /^[\x20-\x7e]{2,4096}$/,
  device: /^[\w-]{1,32}$/,
} as const;

function isHeader(value: unknown): value is ManifestHeader {
  const header = (value ?? {}) as Partial<ManifestHeader>;
  const textsFit = (Object.keys(TEXTS) as (keyof typeof TEXTS)[]).every(
    (name) => typeof header[name] === 'string' && TEXTS[name].test(header[name]),
  );
  const counts = [header.seed, header.start, header.count, header.partSize];
  if (!textsFit || !counts.every(isCount) || header.partSize === 0) return false;
  return Object.hasOwn(SAMPLE_FORMATS, header.format as SampleFormat);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Reads a finished manifest; undefined when the text is none. */
export function parseManifest(text: string): Manifest | undefined {
  const { parts, ...header } = (parseJson(text) ?? {}) as { parts?: unknown };
  return isHeader(header) && Array.isArray(parts) && parts.every(isEntry)
    ? { header, entries: parts }
    : undefined;
}

/** Reads an unfinished one; undefined when the text is none. Its last line may be cut short: it is left out. */
export function parseProgress(text: string): Manifest | undefined {
  const [first, ...rest] = text.split('\n').map(parseJson);
  return isHeader(first) ? { header: first, entries: rest.filter(isEntry) } : undefined;
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
