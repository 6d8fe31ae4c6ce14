/** The page's end of the line to the training worker: requests as promises, events as they come, and its death. */

import type { NamedFile, PlaygroundEvent, Requests, ToPage } from '../protocol.js';

type Argument<Name extends keyof Requests> = Parameters<Requests[Name]>;
type Answer<Name extends keyof Requests> = ReturnType<Requests[Name]>;

export interface Connection {
  /**
   * @throws Error with one line for the visitor: the worker's, or that it has died
   */
  ask<Name extends keyof Requests>(request: Name, ...argument: Argument<Name>): Promise<Answer<Name>>;
  /** Ends the worker at once; what waits for an answer fails. */
  close(): void;
}

export interface ConnectionListeners {
  onEvent(event: PlaygroundEvent): void;
  /** The worker could not start, or ended by itself; it answers nothing any more. */
  onDeath(reason: string): void;
}

interface Waiting {
  resolve(answer: unknown): void;
  reject(error: Error): void;
}

/** Bytes are handed over instead of copied: checkpoints can be large. */
function transferable(argument: unknown): Transferable[] {
  const files = Array.isArray(argument) ? argument : [argument];
  return files.flatMap((file) =>
    (file as NamedFile | null)?.bytes ? [(file as NamedFile).bytes.buffer] : [],
  );
}

export function connect(worker: Worker, { onEvent, onDeath }: ConnectionListeners): Connection {
  const waiting = new Map<number, Waiting>();
  let next = 1;
  let ended = false;

  function end(reason: string): void {
    if (ended) return;
    ended = true;
    worker.terminate();
    for (const { reject } of waiting.values()) reject(new Error(reason));
    waiting.clear();
  }

  function die(reason: string): void {
    if (ended) return;
    end(reason);
    onDeath(reason);
  }

  worker.onmessage = ({ data }: MessageEvent<ToPage>) => {
    if ('event' in data) return onEvent(data.event);
    const asker = waiting.get(data.id);
    waiting.delete(data.id);
    if ('error' in data) asker?.reject(new Error(data.error));
    else asker?.resolve(data.answer);
  };
  worker.onerror = (event) => {
    event.preventDefault();
    const said = event.message?.replace(/^Uncaught (Error: )?/, '');
    die(said ? `The training worker has ended: ${said}` : 'The training worker could not start');
  };
  worker.onmessageerror = () => die('The training worker has sent something that cannot be read');

  return {
    ask: (request, ...[argument]) =>
      new Promise((resolve, reject) => {
        if (ended) return reject(new Error('The training worker has ended'));
        const id = next++;
        waiting.set(id, { resolve: resolve as Waiting['resolve'], reject });
        const hands = request === 'bring' || request === 'view';
        worker.postMessage({ id, request, argument }, hands ? transferable(argument) : []);
      }),
    close: () => end('the training worker was closed'),
  };
}
