/** Runs in the live view's page: asks for the state of the run and shows it. */

import type { LiveState } from './state.js';

/** Milliseconds between two questions. */
const INTERVAL = 2000;

const element = <T extends HTMLElement>(id: string): T => document.getElementById(id) as T;

function showFigures(figures: LiveState['figures']): void {
  const items = figures.map(([name, value]) => {
    const item = document.createElement('div');
    const [term, text] = [document.createElement('dt'), document.createElement('dd')];
    term.textContent = name;
    text.textContent = value;
    item.append(term, text);
    return item;
  });
  element('figures').replaceChildren(...items);
}

let shownNotes = '';

/** Only changes are written: a screen reader reads all of what is. */
function showNotes(notes: LiveState['notes']): void {
  const text = JSON.stringify(notes);
  if (text === shownNotes) return;
  shownNotes = text;
  element('no-notes').hidden = notes.length > 0;
  const list = element('notes');
  list.hidden = notes.length === 0;
  const items = notes.map((note) => {
    const item = document.createElement('li');
    const title = document.createElement('strong');
    title.textContent = `${note.title}: `;
    item.append(title, note.text);
    return item;
  });
  list.replaceChildren(...items);
}

function showImage(id: string, address: string, alt: string): void {
  const image = element<HTMLImageElement>(id);
  image.alt = alt;
  if (image.getAttribute('src') !== address) image.src = address;
}

function show(state: LiveState): void {
  document.title = state.steps === 0 ? state.title : `${state.step}/${state.steps} ${state.title}`;
  element('title').textContent = state.title;
  element('path').textContent = state.path;
  const status = element('status');
  if (status.textContent !== state.status) status.textContent = state.status;
  status.className = state.phase === 'failed' ? 'failed' : '';
  const progress = element<HTMLProgressElement>('progress');
  progress.max = Math.max(1, state.steps);
  progress.value = state.step;
  showFigures(state.figures);
  showNotes(state.notes);
  for (const [name, label] of Object.entries(state.charts)) {
    element(`chart-${name}`).hidden = false;
    showImage(name, `${name}.svg?${state.drawing}`, label);
  }
  if (state.picture === undefined) return;
  element('samples-section').hidden = false;
  showImage('samples', `samples.png?${state.picture}`, `Samples after ${state.picture} steps`);
  element('samples-caption').textContent = `step ${state.picture}`;
}

/** Asks until the run has ended, or its server is gone. */
async function follow(): Promise<void> {
  try {
    const response = await fetch('state.json');
    if (!response.ok) throw new Error(response.statusText);
    const state = (await response.json()) as LiveState;
    show(state);
    if (state.phase === 'ended' || state.phase === 'failed') return;
    setTimeout(follow, INTERVAL);
  } catch {
    element('status').textContent =
      'The run no longer answers: it has ended, or was ended. Its folder has report.html.';
  }
}

await follow();
