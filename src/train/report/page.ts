/** A run's report as a page: one file, with its charts and pictures in it, and no script. */

import { createHash } from 'node:crypto';
import { escapeHtml } from '../../system/html.js';
import { type Note, noteTitle } from '../health/doctor.js';
import type { RunPicture } from './pictures.js';

/** What a report is made of. */
export interface RunReport {
  /** The run's folder. */
  path: string;
  title: string;
  /** How it ended, in a sentence. */
  ending: string;
  /** Whether it ended by an error. */
  failed: boolean;
  /** A few figures by name. */
  figures: readonly (readonly [string, string])[];
  /** SVG files, each with what it shows. */
  charts: readonly { title: string; label: string; svg: string }[];
  /** Whether anything is noted in the charts. */
  pictures: readonly RunPicture[];
  /** Samples of the last generator. */
  samples?: Omit<RunPicture, 'step'>;
  notes: readonly Note[];
  /** Commands, each with what it does. */
  commands: readonly (readonly [string, string])[];
  /** Settings by name. */
  settings: readonly (readonly [string, string])[];
  /** Who wrote it, and when. */
  written: string;
}

/** Of the report and of the live view. */
export const PAGE_STYLE = `
:root { color-scheme: light; font: 1rem/1.5 system-ui, sans-serif; color: #1b1b1b; background: #f4f5f7; }
body { max-width: 60rem; margin: 0 auto; padding: 1.5rem 1rem 3rem; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .25rem; overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; margin: 0 0 .75rem; }
section { background: #fff; border: 1px solid #dfe2e6; border-radius: .5rem; padding: 1rem 1.25rem; margin-top: 1rem; }
p { margin: 0 0 .5rem; overflow-wrap: anywhere; }
.failed { color: #a4161a; font-weight: 600; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .75rem 1.25rem; margin: 1rem 0 0; }
.figures div { min-width: 0; }
dt { color: #555; font-size: .85rem; }
dd { margin: 0; font-size: 1.15rem; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.chart { display: block; width: 100%; height: auto; }
figure { margin: 0; }
figcaption { color: #555; font-size: .85rem; }
.pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(9.5rem, 1fr)); gap: 1rem; }
.pictures img, .samples { width: 100%; height: auto; image-rendering: pixelated; display: block; background: #000; }
.samples { max-width: 32rem; }
ul { margin: 0; padding-left: 1.25rem; }
li { margin-bottom: .4rem; overflow-wrap: anywhere; }
pre { margin: 0 0 .75rem; padding: .6rem .8rem; background: #f0f1f4; border-radius: .35rem; white-space: pre-wrap; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th, td { text-align: left; vertical-align: top; padding: .2rem .75rem .2rem 0; border-top: 1px solid #eceef1; overflow-wrap: anywhere; }
th { font-weight: 500; width: min(16rem, 45%); }
footer { color: #555; font-size: .85rem; margin-top: 1rem; }
`;

const sha256 = (text: string): string => createHash('sha256').update(text).digest('base64');

/** Nothing from anywhere else, and no script at all. */
const POLICY = [
  "default-src 'none'",
  'img-src data:',
  `style-src 'sha256-${sha256(PAGE_STYLE)}'`,
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

const base64 = (data: string | Uint8Array): string => Buffer.from(data).toString('base64');

function image({ png, width, height }: Omit<RunPicture, 'step'>, alt: string, attributes = ''): string {
  return `<img${attributes} alt="${escapeHtml(alt)}" width="${width}" height="${height}" src="data:image/png;base64,${base64(png)}">`;
}

function section(title: string, body: string): string {
  return body === '' ? '' : `<section>\n<h2>${escapeHtml(title)}</h2>\n${body}\n</section>\n`;
}

const chart = ({ title, label, svg }: RunReport['charts'][number]): string =>
  section(
    title,
    `<img class="chart" alt="${escapeHtml(label)}" src="data:image/svg+xml;base64,${base64(svg)}">`,
  );

function noteList(notes: readonly Note[]): string {
  if (notes.length === 0) return '<p>Nothing was found.</p>';
  const items = notes.map(
    (note) =>
      `<li><strong>Step ${note.step}, ${escapeHtml(noteTitle(note))}:</strong> ${escapeHtml(`${note.seen}; ${note.advice}`)}</li>`,
  );
  return `<ul>\n${items.join('\n')}\n</ul>`;
}

const pictureList = (pictures: readonly RunPicture[]): string =>
  pictures.length === 0
    ? ''
    : `<div class="pictures">\n${pictures
        .map(
          (picture) =>
            `<figure>${image(picture, `Samples after ${picture.step} steps`)}<figcaption>step ${picture.step}</figcaption></figure>`,
        )
        .join('\n')}\n</div>`;

function settingsTable(settings: RunReport['settings']): string {
  const rows = settings.map(
    ([name, value]) => `<tr><th scope="row">${escapeHtml(name)}</th><td>${escapeHtml(value)}</td></tr>`,
  );
  return `<table>\n${rows.join('\n')}\n</table>`;
}

/** The page. */
export function reportPage(report: RunReport): string {
  const { path, title, ending, failed, figures, charts, pictures, samples, notes } = report;
  const commands = report.commands.map(
    ([what, command]) => `<p>${escapeHtml(what)}:</p>\n<pre><code>${escapeHtml(command)}</code></pre>`,
  );
  const facts = figures.map(
    ([name, value]) => `<div><dt>${escapeHtml(name)}</dt><dd>${escapeHtml(value)}</dd></div>`,
  );
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<title>${escapeHtml(title)}</title>
<style>${PAGE_STYLE}</style>
<main>
<h1>${escapeHtml(title)}</h1>
<p${failed ? ' class="failed"' : ''}>${escapeHtml(ending)}</p>
<p>${escapeHtml(path)}</p>
<dl class="figures">
${facts.join('\n')}
</dl>
${section('What was noted', noteList(notes))}${charts.map(chart).join('')}${section(
  'Samples over time',
  pictureList(pictures),
)}${section(
  'Samples of generator.onnx',
  samples === undefined ? '' : image(samples, 'Samples of the last generator', ' class="samples"'),
)}${section('How to go on', commands.join('\n'))}${section('Settings', settingsTable(report.settings))}</main>
<footer>${escapeHtml(report.written)}</footer>
</html>
`;
}
