/** Where the run stands, in one sentence for those who do not see the pictures; said now and then, not at every step. */

import { latest } from './course.js';
import { counted, shown } from './numbers.js';
import type { PlaygroundState } from './state.js';

const PHASES: Record<PlaygroundState['phase'], string> = {
  busy: 'One moment',
  paused: 'Paused',
  playing: 'Training',
  dead: 'Stopped',
};

export function summaryOf({ phase, step, course, looks }: PlaygroundState): string {
  const parts = [`${PHASES[phase]} at step ${counted(step)}`];
  if (course.steps.length > 0) {
    parts.push(`D(x) is ${shown(latest(course, 'dReal'))} and D(G(z)) is ${shown(latest(course, 'dFake'))}`);
  }
  const look = looks.at(-1);
  if (look !== undefined && look.kind !== 'images')
    parts.push(`the divergence is ${shown(look.divergence)} nats`);
  return `${parts.join(', ')}.`;
}
