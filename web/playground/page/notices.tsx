/** What the visitor is told: problems, notes, and what is under way. */

import type { Message } from './messages.js';
import { counted } from './numbers.js';
import type { PlaygroundState } from './state.js';

function Line({ message, onDismiss }: { message: Message; onDismiss: (id: number) => void }) {
  return (
    <div class={`message ${message.kind}`}>
      <p>
        <b>{message.kind === 'problem' ? 'Problem: ' : 'Note: '}</b>
        {message.text}
      </p>
      <button
        type="button"
        aria-label={`Dismiss: ${message.text.slice(0, 60)}`}
        onClick={() => onDismiss(message.id)}
      >
        <span aria-hidden="true">×</span>
      </button>
    </div>
  );
}

export interface NoticesProps {
  state: PlaygroundState;
  onDismiss: (id: number) => void;
}

export function Notices({ state, onDismiss }: NoticesProps) {
  const of = (kind: Message['kind']) =>
    state.messages
      .filter((message) => message.kind === kind)
      .map((message) => <Line key={message.id} message={message} onDismiss={onDismiss} />);
  return (
    <div class="notices">
      <div role="alert">{of('problem')}</div>
      <div role="status">{of('note')}</div>
    </div>
  );
}

/** What is under way, with how far it is where that is known. */
export function ProgressLine({ progress }: Pick<PlaygroundState, 'progress'>) {
  if (progress === undefined) return null;
  const { message, done, total } = progress;
  const counts = done !== undefined && total !== undefined;
  return (
    <div class="progress">
      <span>
        {message.charAt(0).toUpperCase() + message.slice(1)} …
        {counts ? ` ${counted(done)} of ${counted(total)}` : ''}
      </span>
      {counts ? (
        <progress value={done} max={total} aria-label={message} />
      ) : (
        <progress aria-label={message} />
      )}
    </div>
  );
}
