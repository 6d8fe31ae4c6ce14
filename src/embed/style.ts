/** How `<gan-sampler>` looks; a page changes it through `::part()` and custom properties. */

export const STYLE = `
:host { display: block; max-width: var(--gan-sampler-width, 32rem); font: inherit; }
:host([hidden]) { display: none; }
canvas { display: block; width: 100%; height: auto; image-rendering: pixelated; background: var(--gan-sampler-background, #000); }
[part='controls'] { display: grid; gap: 0.5rem; margin-top: 0.5rem; }
[part='controls']:empty, p:empty, canvas[hidden] { display: none; }
label { display: grid; grid-template-columns: 9em 1fr 3em; gap: 0.5rem; align-items: center; }
label output { text-align: end; font-variant-numeric: tabular-nums; }
input[type='range'] { width: 100%; min-width: 0; min-height: 24px; accent-color: currentColor; }
button { justify-self: start; font: inherit; min-height: 24px; padding: 0.4em 0.8em; }
p { margin: 0.5rem 0 0; overflow-wrap: anywhere; }
[part='error'] { border-inline-start: 0.25rem solid currentColor; padding-inline-start: 0.5rem; font-weight: bold; }
`;
