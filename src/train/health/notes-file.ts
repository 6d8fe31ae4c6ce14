/** notes.jsonl: what was found about a run, a line each, in the order in which it was found. */

import { appendFileSync, existsSync } from 'node:fs';
import { readBounded, writeFileAtomically } from '../../system/files.js';
import type { Note } from './doctor.js';
import { SIGNALS } from './signals.js';

/** The largest file that is read: thousands of notes. */
const MAX_BYTES = 2 ** 20;

function parseNote(line: string): Note | undefined {
  try {
    const { signal, step, seen, advice } = JSON.parse(line) as Record<string, unknown>;
    const isKnown =
      typeof signal === 'string' && (Object.hasOwn(SIGNALS, signal) || signal === 'not-a-number');
    if (!isKnown || typeof seen !== 'string' || typeof advice !== 'string') return undefined;
    if (!Number.isSafeInteger(step) || (step as number) < 0) return undefined;
    return { signal: signal as Note['signal'], step: step as number, seen, advice };
  } catch {
    return undefined;
  }
}

/**
 * The notes of a run; what is damaged is left out.
 *
 * @throws UserError when the file cannot be read, or is too large
 */
export async function readNotes(path: string): Promise<Note[]> {
  if (!existsSync(path)) return [];
  const text = new TextDecoder().decode(await readBounded(path, MAX_BYTES, 'the notes of a run'));
  return text.split('\n').flatMap((line) => parseNote(line) ?? []);
}

/** Writes one more note. */
export function appendNote(path: string, { signal, step, seen, advice }: Note): void {
  appendFileSync(path, `${JSON.stringify({ signal, step, seen, advice })}\n`);
}

/** Leaves away what was found after a step, which the run gives up; that it diverged there stays. */
export async function cutNotes(path: string, step: number): Promise<void> {
  const notes = await readNotes(path);
  const kept = notes.filter((note) => note.step <= step || note.signal === 'not-a-number');
  if (kept.length === notes.length) return;
  writeFileAtomically(path, kept.map((note) => `${JSON.stringify(note)}\n`).join(''));
}
