/** The playground's page in a real Chromium, on the built files and the real training worker. */

import { readdirSync, readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { decodeModel } from '../../src/onnx/index.js';
import { findChromium } from '../support/browser.js';
import { type Playground, servePlayground, violations } from '../support/playground-page.js';

const DESKTOP = { viewport: { width: 1280, height: 800 }, colorScheme: 'light' } as const;
const PHONE = { viewport: { width: 360, height: 720 }, colorScheme: 'dark' } as const;
/** A page that begins nothing by itself is cheaper where training does not matter. */
const CALM = { reducedMotion: 'reduce' } as const;
const PATIENT = { timeout: 45_000 };

const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true });
const fact = (page: Page, name: string): Promise<string | null> =>
  page
    .locator('.facts > div', { has: page.getByText(name, { exact: true }) })
    .locator('dd')
    .textContent();
const step = async (page: Page): Promise<number> => Number((await fact(page, 'step'))?.replaceAll(',', ''));
const alert = (page: Page) => page.getByRole('alert').filter({ hasText: /./ });

/** Presses Tab until what has the focus has this text. */
async function tabTo(page: Page, name: string): Promise<void> {
  for (let i = 0; i < 60; i++) {
    await page.keyboard.press('Tab');
    if ((await page.evaluate(() => document.activeElement?.textContent?.trim())) === name) return;
  }
  throw new Error(`the keyboard does not reach ${name}`);
}

describe.skipIf(findChromium() === undefined)('the playground’s page', { timeout: 180_000 }, () => {
  let playground: Playground;

  beforeAll(async () => {
    playground = await servePlayground();
  });
  afterAll(() => playground.close());
  afterEach(() => expect(playground.problems.splice(0)).toEqual([]));

  async function open(options: Parameters<Playground['open']>[0]): Promise<Page> {
    const page = await playground.open(options);
    await page.goto(playground.url);
    return page;
  }

  /** Opened, and the first look is there. */
  async function openCalm(options: Parameters<Playground['open']>[0]): Promise<Page> {
    const page = await open({ ...options, ...CALM });
    await page.getByRole('heading', { name: 'Figure 1, live' }).waitFor();
    await expect.poll(() => button(page, 'Play').isEnabled(), PATIENT).toBe(true);
    return page;
  }

  it('trains the toy mixture at once, gives its generator away, and goes on after a reload', async () => {
    const page = await open(DESKTOP);
    await expect.poll(() => step(page), PATIENT).toBeGreaterThan(0);
    expect(await violations(page)).toEqual([]);
    await expect.poll(() => step(page), PATIENT).toBeGreaterThan(20);
    await button(page, 'Pause').click();
    await expect.poll(() => button(page, 'Play').isEnabled(), PATIENT).toBe(true);
    const before = await step(page);
    expect(await fact(page, 'saved')).toBe(`step ${before.toLocaleString('en')}`);
    const picture = page.getByRole('img', { name: /^Line chart of the densities/ });
    expect(await picture.getAttribute('aria-label')).toMatch(
      /divergence is \d\.\d+ nats; where there are data, D/,
    );
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      button(page, 'Save generator.onnx').click(),
    ]);
    expect(download.suggestedFilename()).toBe('generator.onnx');
    const { graph } = decodeModel(readFileSync(await download.path()));
    expect(graph?.output?.map(({ name }) => name)).toEqual(['points']);

    await page.reload();
    await button(page, 'Go on').waitFor();
    expect(await step(page)).toBe(before);
    expect(await violations(page)).toEqual([]);
    await button(page, 'Go on').click();
    await expect.poll(() => step(page), PATIENT).toBeGreaterThan(before);
    await page.context().close();
  });

  it('is played by keyboard alone', async () => {
    const page = await openCalm(DESKTOP);
    expect(await step(page)).toBe(0);
    await tabTo(page, 'Step');
    await page.keyboard.press('Enter');
    await expect.poll(() => step(page), PATIENT).toBe(1);
    await expect.poll(() => button(page, 'Play').isEnabled(), PATIENT).toBe(true);
    await page.evaluate(() => (document.activeElement as HTMLElement).blur());
    await tabTo(page, 'Play');
    await page.keyboard.press('Space');
    await expect.poll(() => step(page), PATIENT).toBeGreaterThan(1);
    await page.keyboard.press('Space');
    await expect.poll(() => button(page, 'Play').isEnabled(), PATIENT).toBe(true);
    await tabTo(page, 'Reset');
    await page.keyboard.press('Enter');
    await expect.poll(() => step(page), PATIENT).toBe(0);
    await page.context().close();
  });

  it('takes points drawn in a text field', async () => {
    const page = await openCalm(DESKTOP);
    await page.getByLabel('Draw in the plane').check();
    const begin = button(page, 'Begin anew with these');
    expect(await begin.isDisabled()).toBe(true);
    const field = page.getByLabel('Or as coordinates');
    await field.fill('1 2\n-1 nought');
    await page.getByText('Line 2 has something else than numbers.').waitFor();
    await field.fill('1 2\n-1 -2');
    expect(await violations(page)).toEqual([]);
    await begin.click();
    await page.getByRole('img', { name: /^Heat map of D with points/ }).waitFor();
    expect(await violations(page)).toEqual([]);
    await page.context().close();
  });

  it('fits a phone, says what cannot be trained, and tells of files that are no images', async () => {
    const page = await openCalm(PHONE);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(360);
    await page.getByLabel('Batch size').fill('0');
    await page.getByText('Expected a whole number from 1 to 1024.').waitFor();
    expect(await violations(page)).toEqual([]);
    await button(page, 'Undo').click();

    await page.getByLabel('Your own images').check();
    const file = { name: 'notes.png', mimeType: 'image/png', buffer: Buffer.from('not an image') };
    await page.getByLabel('choose images').setInputFiles(file);
    await button(page, 'Begin anew with these').click();
    await alert(page).waitFor();
    expect(await alert(page).textContent()).toMatch(/none of 1 files can be used \(notes\.png: /);
    expect(await violations(page)).toEqual([]);
    // The run that was open is still there, and so is what was chosen.
    expect(await page.getByText(/^1 file, /).isVisible()).toBe(true);
    await button(page, 'Step').click();
    await expect.poll(() => step(page), PATIENT).toBe(1);
    await page.context().close();
  });

  it('offers another worker when the first cannot start', async () => {
    const page = await playground.open({ ...PHONE, ...CALM });
    await page.route('**/training-worker.js', (route) => route.abort());
    await page.goto(playground.url);
    await alert(page).waitFor();
    expect(await alert(page).textContent()).toMatch(/The training worker could not start/);
    expect(await violations(page)).toEqual([]);
    await page.unroute('**/training-worker.js');
    await button(page, 'Restart from the last save').click();
    await expect.poll(() => button(page, 'Play').isEnabled(), PATIENT).toBe(true);
    await page.context().close();
    // The request that the test broke.
    playground.problems.splice(0);
  });
});

describe('the files of the playground', () => {
  it('are under 150 kB of JavaScript gzipped, besides ONNX Runtime’s', () => {
    const scripts = readdirSync('dist/playground').filter((name) => name.endsWith('.js'));
    const sizes = scripts.map(
      (name) => gzipSync(readFileSync(`dist/playground/${name}`), { level: 9 }).length,
    );
    expect(sizes.reduce((a, b) => a + b, 0)).toBeLessThan(150_000);
  });
});
