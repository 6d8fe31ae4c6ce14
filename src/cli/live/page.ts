/** The live view's page; its script is `page-script.ts`. */

import { CHART_NAMES, CHARTS } from '../../train/report/charts.js';
import { PAGE_STYLE } from '../../train/report/page.js';

/** Nothing from anywhere else, and nothing inline. */
export const LIVE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

export const LIVE_STYLE = `${PAGE_STYLE}
progress { width: 100%; height: .75rem; accent-color: #1f77b4; }
[hidden] { display: none; }
`;

const charts = CHART_NAMES.map(
  (name) => `<section id="chart-${name}" hidden>
<h2>${CHARTS[name].title}</h2>
<img class="chart" id="${name}" alt="">
</section>`,
).join('\n');

export const LIVE_PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>gan-onnx train</title>
<link rel="icon" href="icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="live.css">
<script type="module" src="live.js"></script>
<main>
<h1 id="title">gan-onnx train</h1>
<p id="status" role="status">Waiting for the run.</p>
<p id="path"></p>
<progress id="progress" aria-label="steps done" max="1" value="0"></progress>
<dl class="figures" id="figures"></dl>
<section>
<h2>What was noted</h2>
<p id="no-notes">Nothing so far.</p>
<ul id="notes" aria-live="polite" aria-label="notes" hidden></ul>
</section>
${charts}
<section id="samples-section" hidden>
<h2>Samples</h2>
<figure><img class="samples" id="samples" alt=""><figcaption id="samples-caption"></figcaption></figure>
</section>
</main>
</html>
`;

/** A falling curve. */
export const LIVE_ICON =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><path d="M1 2c3 9 6 11 14 12" fill="none" stroke="#1f77b4" stroke-width="3"/></svg>';
