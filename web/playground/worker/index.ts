/** The training worker: takes the page's requests, answers each once, and tells what happens. */

import type { PlaygroundEvent, Requests, ToPage, ToWorker } from '../protocol.js';
import { oneLine } from './one-line.js';
import { createPlayground } from './playground.js';

/** What of a worker's global scope is used; TypeScript's types of it exclude those of a page. */
interface Scope {
  postMessage(message: ToPage, transfer?: Transferable[]): void;
  addEventListener(type: 'message', listener: (event: MessageEvent<ToWorker>) => void): void;
}
const scope = globalThis as unknown as Scope;

const playground = createPlayground((event: PlaygroundEvent) => scope.postMessage({ event }));

async function answer({ id, request, argument }: ToWorker): Promise<void> {
  try {
    if (!Object.hasOwn(playground, request)) throw new Error(`request ${String(request)} is unknown`);
    const handler = playground[request] as (
      argument: unknown,
    ) => Promise<ReturnType<Requests[typeof request]>>;
    scope.postMessage({ id, answer: await handler(argument) });
  } catch (error) {
    scope.postMessage({ id, error: oneLine(error) });
  }
}

scope.addEventListener('message', ({ data }) => void answer(data));
