/** Lines for the visitor: what went wrong, and what one should know. */

import { printable } from '../../../src/system/printable.js';

export interface Message {
  id: number;
  kind: 'problem' | 'note';
  text: string;
}

/** More would hide the game. */
const MAX_MESSAGES = 4;
const MAX_LENGTH = 600;

function shortened(text: string): string {
  const line = text
    .split('\n')
    .map((part) => printable(part))
    .join(' ');
  return line.length <= MAX_LENGTH ? line : `${line.slice(0, MAX_LENGTH)} …`;
}

/** Adds a line at the end; one that is there already only moves. */
export function withMessage(
  messages: readonly Message[],
  kind: Message['kind'],
  given: string,
): readonly Message[] {
  const text = shortened(given);
  const id = Math.max(0, ...messages.map((message) => message.id)) + 1;
  const others = messages.filter((message) => message.text !== text);
  return [...others, { id, kind, text }].slice(-MAX_MESSAGES);
}
