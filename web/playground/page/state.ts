/** What the page shows: the run as far as it is known here, and what is said of it. */

import type { ExplorerInfo, Look, RunInfo } from '../protocol.js';
import { type Course, emptyCourse } from './course.js';
import type { Message } from './messages.js';
import { counted } from './numbers.js';

export type Phase =
  /** A run is being opened, or something else is awaited that stops all buttons. */
  | 'busy'
  | 'paused'
  | 'playing'
  /** The worker is gone, or there is no run. */
  | 'dead';

export interface PlaygroundState {
  phase: Phase;
  /** A run of an earlier visit is open, and nothing was done with it yet. */
  offered: boolean;
  info: RunInfo | undefined;
  step: number;
  stepsPerSecond: number;
  /** Changed in place. */
  course: Course;
  looks: readonly Look[];
  explorer: ExplorerInfo | undefined;
  progress: { message: string; done?: number; total?: number } | undefined;
  /** Milliseconds of training in the run; infinite for one of another visit; what was brought along is a file already. */
  trainedMs: number;
  /** Step of the last save. */
  saved: number | undefined;
  messages: readonly Message[];
}

export function initialState(): PlaygroundState {
  return {
    phase: 'busy',
    offered: false,
    info: undefined,
    step: 0,
    stepsPerSecond: 0,
    course: emptyCourse(),
    looks: [],
    explorer: undefined,
    progress: { message: 'Opening' },
    trainedMs: 0,
    saved: undefined,
    messages: [],
  };
}

/** Files that were left out, in one line. */
export function skippedLine(skipped: RunInfo['skipped']): string {
  const some = skipped.slice(0, 3).map(({ name, reason }) => `${name} (${reason})`);
  const more = skipped.length > 3 ? `, and ${counted(skipped.length - 3)} more` : '';
  return `Left out: ${some.join(', ')}${more}.`;
}
