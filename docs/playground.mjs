/**
 * Takes the pictures of the playground, in headless Chromium: windows as large as a desktop's and a phone's, and the course
 * of the toy mixture on WASM, three moments of two minutes side by side. What was seen is printed.
 *
 *   npm run build && node docs/playground.mjs
 */

import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { playgroundSite } from '../dist/cli/playground-site.js';
import { serveFolder } from '../dist/system/static-server.js';

const path = (name) => fileURLToPath(new URL(name, import.meta.url));
const executablePath =
  process.env.CHROMIUM ?? execFileSync('which', ['chromium'], { encoding: 'utf8' }).trim();
const { folder, options } = playgroundSite(path('../dist'));
const server = await serveFolder(folder, options);
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });

async function open(width, height, colorScheme) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme });
  const page = await context.newPage();
  await page.goto(server.url);
  await page.getByRole('heading', { name: 'Figure 1, live' }).waitFor();
  return page;
}

const stepOf = async (page) =>
  Number((await page.locator('.facts dd').first().textContent()).replaceAll(',', ''));

/** Waits until a run is so far. */
async function untilStep(page, step) {
  while ((await stepOf(page)) < step) await page.waitForTimeout(200);
}

/** Opens other data and trains on them. */
async function begin(page, data, step) {
  await page.getByLabel(data, { exact: true }).check();
  await page.getByRole('button', { name: 'Begin anew' }).click();
  await page.waitForTimeout(2000);
  await untilStep(page, step);
  await page.evaluate(() => scrollTo(0, 0));
}

/** Seconds after opening at which the course is shown. */
const MOMENTS = [5, 30, 115];

async function course() {
  const page = await open(560, 1000, 'light');
  const opened = Date.now();
  const moments = [];
  for (const seconds of MOMENTS) {
    await page.waitForTimeout(Math.max(0, opened + 1000 * seconds - Date.now()));
    const figure = page.locator('figure').first();
    const shot = await figure.screenshot();
    const step = await stepOf(page);
    const reading = await figure.locator('.reading').textContent();
    console.log(`${seconds} s, step ${step}: ${reading}`);
    moments.push({
      shot: shot.toString('base64'),
      title: `${seconds} seconds, step ${step.toLocaleString('en')}`,
    });
  }
  await page.context().close();
  const sheet = await browser.newPage({ viewport: { width: 1290, height: 100 }, colorScheme: 'light' });
  const figures = moments.map(
    ({ shot, title }) =>
      `<figure><figcaption>${title}</figcaption><img src="data:image/png;base64,${shot}"></figure>`,
  );
  await sheet.setContent(`<style>
    body { margin: 0; padding: 12px; display: flex; gap: 18px; background: #fbfaf7; font: 600 17px Charter, Georgia, serif }
    figure { margin: 0; flex: 1 } img { display: block; width: 100%; margin-top: 8px }
  </style>${figures.join('')}`);
  await sheet.screenshot({ path: path('playground-course.png'), fullPage: true });
}

const desktop = await open(1280, 800, 'light');
await begin(desktop, 'Ring of eight', 400);
await desktop.screenshot({ path: path('playground-desktop.png') });
await desktop.context().close();

const phone = await open(360, 760, 'dark');
await untilStep(phone, 300);
await phone.evaluate(() => document.querySelector('.stage').scrollIntoView());
await phone.screenshot({ path: path('playground-phone.png') });
await phone.context().close();

await course();
await browser.close();
await server.close();
