/** How a group begins: all get ready, all say what they have, and either all go on or all end with the same line. */

import { hostname } from 'node:os';
import { printable } from '../system/printable.js';
import { UserError } from '../system/user-error.js';
import type { Communicator } from './communicator.js';

/** What must be the same on all ranks, by what it is called. */
export type Facts = Readonly<Record<string, string>>;

/** What a rank tells the others. */
interface Word {
  host: string;
  /** What went wrong. */
  error?: string;
  facts?: Facts;
}

/** Bytes of a word: JSON, filled up with zeros. */
const WORD = 8192;
const MAX_ERROR = 2000;

/** What ends all ranks and is known to all; its cause, on a rank where it happened, is what was thrown there. */
export class GroupError extends UserError {}

async function exchange(group: Communicator, word: Word): Promise<Word[]> {
  const own = new Uint8Array(WORD);
  const text = new TextEncoder().encode(JSON.stringify(word));
  if (text.length > WORD)
    throw new RangeError(`a rank's word has ${text.length} bytes, expected at most ${WORD}`);
  own.set(text);
  const all = await group.gather(own);
  return all.map((bytes) => {
    const end = bytes.indexOf(0);
    return JSON.parse(new TextDecoder().decode(bytes.subarray(0, end === -1 ? WORD : end))) as Word;
  });
}

const shown = (value: string | undefined): string => (value === undefined ? 'not set' : printable(value));

const whoIs = (rank: number, { host }: Word): string => `rank ${rank} on ${printable(host)}`;

/** @throws GroupError when any of them failed */
function requireNoError(words: readonly Word[], thrown: unknown): void {
  const failed = words.findIndex(({ error }) => error !== undefined);
  if (failed === -1) return;
  const { error } = words[failed]!;
  // Where all of them say the same, it is not about one of them.
  const all = words.every((word) => word.error === error);
  const line = failed === 0 || all ? error! : `${whoIs(failed, words[failed]!)}: ${error}`;
  throw new GroupError(line, { cause: thrown });
}

function requireSameFacts(words: readonly Word[]): void {
  const [first] = words;
  for (const [rank, word] of words.entries()) {
    for (const name of Object.keys({ ...first!.facts, ...word.facts })) {
      const [value, other] = [first, word].map((of) => of!.facts?.[name]);
      if (other === value) continue;
      throw new GroupError(
        `${whoIs(rank, word)} has ${name} ${shown(other)}, and ${whoIs(0, first!)} has ${shown(value)}: ` +
          'start all ranks with the same flags, data and version',
      );
    }
  }
}

/** What a rank's work came to. */
interface Outcome<T> {
  word: Word;
  value?: T;
  thrown?: unknown;
}

async function attempt<T>(work: () => Promise<T>, facts: (value: T) => Facts): Promise<Outcome<T>> {
  const host = hostname().slice(0, 255);
  try {
    const value = await work();
    return { value, word: { host, facts: facts(value) } };
  } catch (thrown) {
    const { message } = thrown instanceof Error ? thrown : new Error(String(thrown));
    const text = thrown instanceof UserError ? message : `unexpected error: ${message}`;
    return { thrown, word: { host, error: text.slice(0, MAX_ERROR) } };
  }
}

/**
 * Lets all ranks get ready, rank 0 before the others: what it leaves in caches or downloads, they find. What goes wrong on
 * any rank ends all.
 *
 * @param facts of what a rank's work delivered: all must have rank 0's
 * @throws GroupError, on all ranks
 */
export async function beginTogether<T>(
  group: Communicator,
  work: () => Promise<T>,
  facts: (value: T) => Facts,
): Promise<T> {
  const first = group.rank === 0 ? await attempt(work, facts) : undefined;
  const [leader] = await exchange(group, first?.word ?? { host: '' });
  const mine = leader!.error === undefined ? (first ?? (await attempt(work, facts))) : first;
  const words = leader!.error === undefined ? await exchange(group, mine!.word) : [leader!];
  requireNoError(words, mine?.thrown);
  requireSameFacts(words);
  return mine!.value as T;
}

/** Bytes of a text that rank 0 gives to all. */
const MAX_TEXT = 16384;

/** Rank 0's text, on all ranks; what exceeds 16 KiB in UTF-8 is cut off. */
export async function textOfRankZero(group: Communicator, text: string): Promise<string> {
  const bytes = new Uint8Array(MAX_TEXT);
  new TextEncoder().encodeInto(text, bytes);
  await group.broadcast(bytes);
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(bytes.subarray(0, end === -1 ? MAX_TEXT : end));
}

/**
 * Meets all ranks, which must have come with the same text.
 *
 * @param what it is, for the message
 * @throws GroupError, on all ranks
 */
export async function meetWith(group: Communicator, what: string, text: string): Promise<void> {
  requireSameFacts(await exchange(group, { host: hostname().slice(0, 255), facts: { [what]: text } }));
}
