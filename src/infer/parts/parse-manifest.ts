/**
 * Reads manifests that may be anything: line by line, so that neither memory nor time grows beyond what a job's manifest
 * takes.
 */

import type { FileSum } from '../file-sum.js';
import { SAMPLE_FORMATS, type SampleFormat } from '../writers/index.js';
import { MAX_PARTS, partCount, type SampleJob } from './job.js';
import { type ManifestHeader, PARTS, type PartEntry } from './manifest.js';

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
  const { seed, start, count, partSize, latents } = header;
  const whole = [seed, start, count, partSize].every(isCount) && partSize! > 0 && count! > 0;
  if (!textsFit || !whole || typeof latents !== 'boolean') return false;
  if (partCount({ count: count!, partSize: partSize! }) > MAX_PARTS) return false;
  return Object.hasOwn(SAMPLE_FORMATS, header.format as SampleFormat);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Bytes within which a manifest's header ends: its longest text is `options`. */
export const MAX_HEADER_BYTES = 16 * 1024;
/** Most bytes of a part's line, and of what its latents add. */
const MAX_LINE_BYTES = 400;

/** Most bytes of a manifest of a job, of all its parts. */
export function mostBytes(job: Pick<SampleJob, 'count' | 'partSize' | 'latents'>): number {
  return MAX_HEADER_BYTES + partCount(job) * MAX_LINE_BYTES * (job.latents ? 2 : 1);
}

/**
 * Reads the header of a manifest.
 *
 * @param head its first bytes, at most MAX_HEADER_BYTES
 * @param finished whether it is a finished one
 * @returns the header, and where in the file the entries begin; undefined when there is none
 */
export function parseHeader(
  head: Buffer,
  finished: boolean,
): { header: ManifestHeader; end: number } | undefined {
  const separator = finished ? PARTS.begin : '\n';
  const at = head.indexOf(separator);
  if (at < 0) return undefined;
  const header = parseJson(`${head.toString('utf8', 0, at)}${finished ? '}' : ''}`);
  return isHeader(header) ? { header, end: at + separator.length } : undefined;
}

/** The entry of a line; undefined when it is none. Long lines are not even looked at. */
function parseEntry(line: Buffer): PartEntry | undefined {
  const entry = line.length > 2 * MAX_LINE_BYTES ? undefined : parseJson(line.toString('utf8'));
  return isEntry(entry) ? entry : undefined;
}

/** The lines between two places, and where each ends. */
function* linesOf(bytes: Buffer, start: number): Iterable<{ line: Buffer; next: number }> {
  for (let first = start; first < bytes.length; ) {
    const end = bytes.indexOf(10, first);
    const next = end < 0 ? bytes.length : end + 1;
    yield { line: bytes.subarray(first, end < 0 ? next : end), next };
    first = next;
  }
}

/**
 * Reads the entries of a finished manifest, as `manifestText` writes them; undefined when they are not.
 *
 * @param start where they begin
 */
export function parseEntries(bytes: Buffer, start: number): PartEntry[] | undefined {
  const rest = (from: number): boolean => bytes.subarray(from).equals(Buffer.from(PARTS.end));
  if (rest(start)) return [];
  const entries: PartEntry[] = [];
  if (bytes[start] !== 10) return undefined;
  for (const { line, next } of linesOf(bytes, start + 1)) {
    const more = line.at(-1) === 44; // a comma
    const entry = parseEntry(more ? line.subarray(0, -1) : line);
    if (entry === undefined) return undefined;
    entries.push(entry);
    if (!more)
      return bytes.subarray(next, next + 2).equals(Buffer.from('  ')) && rest(next + 2) ? entries : undefined;
  }
  return undefined;
}

/** Reads those of an unfinished one up to the first line that is none: of a process that was killed, the last is cut. */
export function parseProgress(bytes: Buffer, start: number): PartEntry[] {
  const entries: PartEntry[] = [];
  for (const { line } of linesOf(bytes, start)) {
    const entry = parseEntry(line);
    if (entry === undefined) break;
    entries.push(entry);
  }
  return entries;
}
