/** The built page of the playground, served as `gan-onnx playground` does. */

import { readFileSync } from 'node:fs';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { playgroundSite } from '../../src/cli/playground-site.js';
import { serveFolder } from '../../src/system/static-server.js';
import { findChromium } from './browser.js';

export interface Playground {
  /** A page of its own browser context, whose storage goes with it. */
  open(options?: BrowserContextOptions): Promise<Page>;
  /** What broke the policy or was thrown in any page so far; each test expects nothing. */
  problems: string[];
  url: string;
  close(): Promise<void>;
}

/** Needs `npm run build` and a Chromium. */
export async function servePlayground(): Promise<Playground> {
  const { folder, options: site } = playgroundSite('dist');
  const server = await serveFolder(folder, site);
  // Chromium's own sandbox does not start as root, as CI runs.
  const browser: Browser = await chromium.launch({ executablePath: findChromium()!, args: ['--no-sandbox'] });
  const problems: string[] = [];
  return {
    problems,
    url: server.url,
    async open(options = {}) {
      const context = await browser.newContext(options);
      const page = await context.newPage();
      page.on('console', (message) => {
        if (message.type() === 'error') problems.push(message.text());
      });
      page.on('pageerror', (error) => problems.push(error.message));
      return page;
    },
    async close() {
      await browser.close();
      await server.close();
    },
  };
}

const AXE = readFileSync('node_modules/axe-core/axe.min.js', 'utf8');

/** What axe-core finds in the page: a line for each rule that is broken. */
export async function violations(page: Page): Promise<string[]> {
  // By the protocol, past the page's own policy.
  await page.evaluate(AXE);
  return page.evaluate<string[]>(`axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) =>
    violations.map(({ id, nodes }) => id + ': ' + nodes.map(({ target }) => target.join(' ')).join(', ')))`);
}
