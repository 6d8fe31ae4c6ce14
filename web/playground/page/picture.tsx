/** The frame of a picture: a title, the picture, its present values in words, and the sentence that explains it. */

import type { ComponentChildren } from 'preact';
import { Prose } from './prose.js';

export interface PictureProps {
  title: string;
  explanation: string;
  /** The values that the picture shows now, for those who do not see it, and for those who do. */
  reading?: string | undefined;
  class?: string;
  children: ComponentChildren;
}

export function Picture({ title, explanation, reading, class: name = '', children }: PictureProps) {
  return (
    <figure class={`picture ${name}`}>
      <h3>{title}</h3>
      {children}
      <figcaption>
        {reading === undefined ? null : <p class="reading">{reading}</p>}
        <p class="hint">
          <Prose text={explanation} />
        </p>
      </figcaption>
    </figure>
  );
}

/** How a line or mark is drawn; shape and dashes tell apart what colour alone would not. */
export type Mark = 'data' | 'g' | 'd' | 'best' | 'dot-data' | 'dot-g' | 'grid' | 'mean';

export interface LegendEntry {
  mark: Mark;
  text: string;
}

function Swatch({ mark }: { mark: Mark }) {
  return (
    <svg class={`swatch mark-${mark}`} viewBox="0 0 28 10" width="28" height="10" aria-hidden="true">
      {mark === 'dot-data' ? <circle cx="14" cy="5" r="3" /> : null}
      {mark === 'dot-g' ? <path d="M14 1l4.2 7.6H9.8z" /> : null}
      {mark.startsWith('dot') ? null : <path d="M1 5h26" />}
    </svg>
  );
}

export function Legend({ entries }: { entries: readonly LegendEntry[] }) {
  return (
    <ul class="legend">
      {entries.map(({ mark, text }) => (
        <li key={text}>
          <Swatch mark={mark} />
          <span>
            <Prose text={text} />
          </span>
        </li>
      ))}
    </ul>
  );
}
