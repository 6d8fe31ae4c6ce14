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
void playground.open();
