/** Goes back to earlier looks, while the run goes on. */

import { useId } from 'preact/hooks';
import type { Look } from '../protocol.js';
import { counted } from './numbers.js';

export interface ScrubberProps {
  looks: readonly Look[];
  /** Step of the look that is shown; undefined for the newest, whatever it is. */
  at: number | undefined;
  onChange: (step: number | undefined) => void;
}

/** The look at a step or the last before it; looks are thinned out with time. */
export function lookAt(looks: readonly Look[], step: number | undefined): Look | undefined {
  if (step === undefined) return looks.at(-1);
  return looks.findLast((look) => look.step <= step) ?? looks[0];
}

export function Scrubber({ looks, at, onChange }: ScrubberProps) {
  const id = useId();
  const last = looks.length - 1;
  const look = lookAt(looks, at);
  const index = look === undefined ? last : looks.indexOf(look);
  const said =
    at === undefined ? `newest, step ${counted(look?.step ?? 0)}` : `step ${counted(look?.step ?? 0)}`;
  return (
    <div class="scrubber">
      <label for={id}>Look back</label>
      <input
        id={id}
        type="range"
        min={0}
        max={Math.max(0, last)}
        step={1}
        value={index}
        disabled={last < 1}
        aria-valuetext={said}
        aria-describedby={`${id}-hint`}
        onInput={(event) => {
          const chosen = event.currentTarget.valueAsNumber;
          onChange(chosen >= last ? undefined : looks[chosen]!.step);
        }}
      />
      <output for={id}>{said}</output>
      <p class="hint" id={`${id}-hint`}>
        The picture above at earlier steps; at the right end it follows the run.
      </p>
    </div>
  );
}
