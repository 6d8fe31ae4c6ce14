/** Charts as SVG files, drawn by Vega-Lite without a browser. */

import type { TopLevelSpec } from 'vega-lite';

export type { TopLevelSpec } from 'vega-lite';

/** What all charts of the project look like; labels for screen readers on every cell of a map would triple its size. */
export const CHART_STYLE = { background: 'white', config: { font: 'sans-serif', aria: false } } as const;

/** Draws a Vega-Lite specification. Vega is loaded here, so that commands without charts start without it. */
export async function chartSvg(spec: TopLevelSpec): Promise<string> {
  const [{ compile }, { parse, View }] = await Promise.all([import('vega-lite'), import('vega')]);
  const view = new View(parse(compile(spec).spec), { renderer: 'none' });
  try {
    return await view.toSVG();
  } finally {
    view.finalize();
  }
}
