import type { ChildProcess } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findChromium } from '../support/browser.js';
import { ganOnnx, smallRun, temporaryFolder } from '../support/cli.js';

let browser: Browser;
const problems: string[] = [];

beforeAll(async () => {
  if (findChromium() === undefined) return;
  browser = await chromium.launch({ executablePath: findChromium()!, args: ['--no-sandbox'] });
});
afterAll(() => browser?.close());

async function open(address: string, width: number): Promise<Page> {
  const page = await browser.newPage({ viewport: { width, height: 800 } });
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(message.text());
  });
  page.on('pageerror', (error) => problems.push(error.message));
  page.on('request', (request) => {
    const url = request.url();
    if (!url.startsWith('data:') && !url.startsWith(address)) problems.push(url);
  });
  await page.goto(address);
  return page;
}

/** What axe finds, and whether the page is wider than its window. */
async function faults(page: Page): Promise<string[]> {
  // Not as a script of the page, whose policy would refuse it.
  await page.evaluate(readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8'));
  return page.evaluate(async () => {
    const { axe } = globalThis as unknown as {
      axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
    };
    const found = (await axe.run()).violations.map(({ id, nodes }) => `${id}: ${nodes[0]!.html}`);
    const root = document.documentElement;
    return root.scrollWidth > root.clientWidth ? [...found, `${root.scrollWidth} pixels wide`] : found;
  });
}

/** Whether all pictures that are shown could be read. */
const areDrawn = (page: Page): Promise<boolean> =>
  page.evaluate(() =>
    [...document.images]
      .filter((image) => image.checkVisibility())
      .every((image) => image.complete && image.naturalWidth > 0),
  );

describe.skipIf(findChromium() === undefined)('report.html in a browser', () => {
  it('shows its charts and pictures, and has nothing for axe to find', async () => {
    const out = join(temporaryFolder(), 'run');
    const flags = ['--optimizer', 'sgd', '--lr', '10', '--max-steps', '50', '--checkpoint-interval', '2'];
    const { code } = await ganOnnx([...smallRun(), ...flags, '--on-nan', 'rollback', '--out', out]);
    expect(code).toBe(1);
    for (const width of [360, 1000]) {
      const page = await open(pathToFileURL(join(out, 'report.html')).href, width);
      expect(await areDrawn(page)).toBe(true);
      expect(await faults(page)).toEqual([]);
      expect(await page.locator('li').count()).toBe(4);
      await page.close();
    }
    expect(problems).toEqual([]);
  });
});

describe.skipIf(findChromium() === undefined)('train --live in a browser', () => {
  it('shows the run while it goes on, and its end; the run itself is the same', async () => {
    const folder = temporaryFolder();
    const [out, alone] = [join(folder, 'run'), join(folder, 'alone')];
    const settings = ['--n-epochs', '99999', '--threads', '1', '--checkpoint-interval', '50'];
    const data = smallRun();
    let run: ChildProcess | undefined;
    let told: (address: string) => void = () => {};
    const address = new Promise<string>((resolve) => {
      told = resolve;
    });
    const ended = ganOnnx([...data, ...settings, '--live', '--out', out], {}, (child, stderr) => {
      run = child;
      const [found] = /http:\/\/127\.0\.0\.1:\d+\//.exec(stderr) ?? [];
      if (found !== undefined) told(found);
    });
    const page = await open(await address, 1000);
    await page.locator('#answers').waitFor({ timeout: 50_000 });
    await page.locator('#samples').waitFor();
    expect(await page.locator('h1').textContent()).toBe('mlp on mnist');
    expect(await page.locator('#status').textContent()).toBe('Training.');
    await expect.poll(() => areDrawn(page)).toBe(true);
    expect(await faults(page)).toEqual([]);
    const phone = await open(await address, 360);
    await phone.locator('#answers').waitFor();
    expect(await faults(phone)).toEqual([]);
    await phone.close();

    run!.kill('SIGINT');
    expect((await ended).code).toBe(130);
    await expect
      .poll(() => page.locator('#status').textContent())
      .toMatch(/^Interrupted after .* steps. .*report.html says more.$/);
    expect(existsSync(join(out, 'report.html'))).toBe(true);
    await page.close();
    expect(problems).toEqual([]);

    const lines = readFileSync(join(out, 'metrics.jsonl'), 'utf8').trimEnd().split('\n');
    const steps = Math.min(60, lines.length);
    await ganOnnx([...data, ...settings, '--max-steps', String(steps), '--out', alone]);
    const withoutTimes = (text: string) => text.replace(/,"ms":.*/, '');
    expect(lines.slice(0, steps).map(withoutTimes)).toEqual(
      readFileSync(join(alone, 'metrics.jsonl'), 'utf8').trimEnd().split('\n').map(withoutTimes),
    );
  }, 180_000);

  it('says in one line that its port is taken, before anything is written', async () => {
    const folder = temporaryFolder();
    const { createServer } = await import('node:http');
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as { port: number };
    const out = join(folder, 'run');
    const { code, stderr } = await ganOnnx([...smallRun(), '--live', String(port), '--out', out]);
    server.close();
    expect(stderr).toBe(
      `gan-onnx: port ${port} of 127.0.0.1 is in use: choose another port, or 0 for any that is free\n`,
    );
    expect(code).toBe(1);
    expect(existsSync(out)).toBe(false);
  });
});
