/** metrics.jsonl, read line by line in bounded memory, however long a run was. */

import { closeSync, existsSync, openSync, readSync, truncateSync } from 'node:fs';

/** Bytes that are read at once; a longer line is none of ours. */
const PIECE = 2 ** 16;
const NEWLINE = 0x0a;

/** One line. */
export interface MetricsLine {
  step: number;
  text: string;
  /** Bytes of the file up to the line's end. */
  end: number;
}

/** The whole lines of a file from a byte on, each with the number of bytes up to its end. */
function* lines(path: string, from: number): Generator<{ text: string; end: number }> {
  const file = openSync(path, 'r');
  try {
    const buffer = Buffer.alloc(2 * PIECE);
    let held = 0;
    let end = from;
    let position = from;
    for (;;) {
      const read = readSync(file, buffer, held, PIECE, position);
      if (read === 0) return;
      position += read;
      held += read;
      let first = 0;
      for (let next = buffer.indexOf(NEWLINE); next !== -1 && next < held; ) {
        end += next + 1 - first;
        yield { text: buffer.toString('utf8', first, next), end };
        first = next + 1;
        next = buffer.indexOf(NEWLINE, first);
      }
      held -= first;
      if (held > PIECE) return;
      buffer.copyWithin(0, first, first + held);
    }
  } finally {
    closeSync(file);
  }
}

/**
 * The lines of metrics.jsonl up to the first that is damaged or out of order; none where there is no file.
 *
 * @param from byte at which a line begins
 */
export function* metricsLines(path: string, from = 0): Generator<MetricsLine> {
  if (!existsSync(path)) return;
  let last = -1;
  for (const { text, end } of lines(path, from)) {
    const [, number] = /^\{"step":(\d{1,16}),.*\}$/.exec(text) ?? [];
    const step = Number(number);
    if (number === undefined || step <= last) return;
    last = step;
    yield { step, text, end };
  }
}

/** Cuts metrics.jsonl after its last line of a step before `step`. */
export function cutMetrics(path: string, step: number): void {
  if (!existsSync(path)) return;
  let kept = 0;
  for (const line of metricsLines(path)) {
    if (line.step >= step) break;
    kept = line.end;
  }
  truncateSync(path, kept);
}
