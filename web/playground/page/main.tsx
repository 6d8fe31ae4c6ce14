/** Where the page begins. */

import { render } from 'preact';
import { App } from './app.js';
import { createPlayground } from './playground.js';

const calm = matchMedia('(prefers-reduced-motion: reduce)');
const openWorker = () => new Worker(new URL('../worker/index.ts', import.meta.url), { type: 'module' });
const playground = createPlayground(openWorker, () => !calm.matches);
const game = document.getElementById('game')!;
game.replaceChildren();
render(<App playground={playground} />, game);
void playground.open().then(() => {
  if (globalThis.crossOriginIsolated) return;
  playground.tell(
    'note',
    'This page is not cross-origin isolated, so WebAssembly has one thread; `gan-onnx playground` serves it as it should be.',
  );
});
