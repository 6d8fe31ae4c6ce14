/** Asks before a long run is given up for another one. */

import { useEffect, useRef } from 'preact/hooks';
import { counted } from './numbers.js';

export interface GivingUpProps {
  /** Steps that would be lost. */
  step: number;
  /** `true` when the run is to be given up. */
  onAnswer: (givesUp: boolean) => void;
}

export function GivingUp({ step, onAnswer }: GivingUpProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} aria-labelledby="giving-up-title" onCancel={() => onAnswer(false)}>
      <h2 id="giving-up-title">Give this run up?</h2>
      <p>
        It is at step {counted(step)}, and another one takes its place. To keep it, save its checkpoint first:
        this page opens that again.
      </p>
      <div class="row">
        <button type="button" class="primary" onClick={() => onAnswer(false)}>
          Keep it
        </button>
        <button type="button" onClick={() => onAnswer(true)}>
          Give it up
        </button>
      </div>
    </dialog>
  );
}
