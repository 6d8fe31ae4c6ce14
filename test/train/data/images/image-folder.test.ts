import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { DataProgress, Dataset, DatasetOptions } from '../../../../src/train/data/dataset.js';
import { temporaryFolder } from '../../../support/cli.js';
import { plainPng, pngOf, writeFiles } from '../../../support/images.js';

type ImageFolder = typeof import('../../../../src/train/data/images/image-folder.js');

/** The built code: threads run JavaScript. */
const BUILT = new URL('../../../../dist/train/data/images/image-folder.js', import.meta.url).href;
const { openImageFolder } = (await import(/* @vite-ignore */ BUILT)) as ImageFolder;

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

interface Opened {
  dataset: Dataset;
  lines: string[];
  counts: DataProgress[];
}

/** Opens images of 2 x 2 pixels, with what it told meanwhile. */
async function open(dataDir: string, cache: string, more: Partial<DatasetOptions> = {}): Promise<Opened> {
  const lines: string[] = [];
  const counts: DataProgress[] = [];
  const dataset = await openImageFolder(
    {
      dataDir,
      imageSize: 2,
      channels: 3,
      workers: 1,
      onProgress: (line) => lines.push(line),
      onCount: (count) => counts.push(count),
      ...more,
    },
    { folder: cache, maxBytes: 1e6 },
  );
  return { dataset, lines, counts };
}

/** All images, as the first pixel of each. */
function firstPixels({ description, read }: Dataset): number[][] {
  const { count, shape } = description;
  const [channels, size] = shape;
  const bytes = channels * size * size;
  const out = new Uint8Array(count * bytes);
  read(
    Uint32Array.from({ length: count }, (_, i) => i),
    out,
  );
  expect(sha256(out)).toBe(description.sha256);
  return Array.from({ length: count }, (_, i) =>
    Array.from({ length: channels }, (_, c) => out[i * bytes + c * size * size]!),
  );
}

const red = await plainPng([255, 0, 0, 255]);
const green = await plainPng([0, 255, 0, 255], 4, 12);
const blue = await plainPng([0, 0, 255, 255], 1);

function colours(): string {
  const folder = temporaryFolder();
  writeFiles(folder, {
    'cold/1.png': blue,
    'cold/2.jpg': green,
    'warm/deep/1.png': red,
    'warm/readme.txt': 'hello',
  });
  return folder;
}

const refusal = async (opening: Promise<unknown>): Promise<string> => {
  const error = (await opening.catch((error: unknown) => error)) as Error;
  expect(error.name).toBe('UserError');
  expect(error.message).not.toContain('\n');
  return error.message;
};

describe('the dataset images', () => {
  it('holds the images of a folder in the order of their paths, labelled by their top folders', async () => {
    const { dataset, lines, counts } = await open(colours(), temporaryFolder());
    expect(dataset.description).toMatchObject({ name: 'images', count: 3, shape: [3, 2, 2] });
    expect(firstPixels(dataset)).toEqual([
      [0, 0, 255],
      [0, 255, 0],
      [255, 0, 0],
    ]);
    expect([...dataset.labels!]).toEqual([0, 0, 1]);
    expect(lines).toEqual([expect.stringMatching(/^found 3 image files in .*; left out: 1 other files$/)]);
    expect(counts.filter(({ done, total }) => done === total)).toEqual([
      { done: 3, total: 3, unit: 'files read' },
      { done: 3, total: 3, unit: 'images decoded' },
    ]);
    dataset.close?.();
  });

  it('has no labels when an image lies in the folder itself', async () => {
    const folder = colours();
    writeFiles(folder, { 'x.png': red });
    const { dataset } = await open(folder, temporaryFolder());
    expect(dataset.labels).toBeUndefined();
    dataset.close?.();
  });

  it('decodes once: a second start takes the cache, by the state of the files or by their contents', async () => {
    const folder = colours();
    const cache = temporaryFolder();
    const first = await open(folder, cache);
    first.dataset.close?.();
    // Files that changed just now are read again, but not decoded.
    const second = await open(folder, cache);
    expect(second.lines[1]).toBe(`taking 3 decoded images from the cache (${cache})`);
    expect(second.counts.at(-1)).toEqual({ done: 3, total: 3, unit: 'files read' });
    expect(second.dataset.description).toEqual(first.dataset.description);
    expect(firstPixels(second.dataset)).toHaveLength(3);
    second.dataset.close?.();
    expect(readdirSync(cache)).toHaveLength(1);
    // Once they are at rest, their state is enough.
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3000 });
    onTestFinished(() => {
      vi.useRealTimers();
    });
    (await open(folder, cache)).dataset.close?.();
    const last = await open(folder, cache);
    expect(last.counts).toEqual([]);
    expect(last.dataset.description).toEqual(first.dataset.description);
    last.dataset.close?.();
  });

  it('decodes anew for another size, other channels, another content or another name', async () => {
    const folder = colours();
    const cache = temporaryFolder();
    const entries = async (more: Partial<DatasetOptions>): Promise<number> => {
      (await open(folder, cache, more)).dataset.close?.();
      return readdirSync(cache).length;
    };
    expect(await entries({})).toBe(1);
    expect(await entries({ imageSize: 3 })).toBe(2);
    expect(await entries({ channels: 1 })).toBe(3);
    // The same size and time, another content.
    writeFileSync(join(folder, 'cold', '1.png'), await plainPng([0, 0, 254, 255], 1));
    utimesSync(join(folder, 'cold', '1.png'), 1, 1);
    expect(await entries({})).toBe(4);
    writeFiles(folder, { 'a/1.png': red });
    expect(await entries({})).toBe(5);
  });

  it('rebuilds a damaged entry, and does not need one to go on reading', async () => {
    const folder = colours();
    const cache = temporaryFolder();
    const { dataset } = await open(folder, cache);
    const [entry] = readdirSync(cache);
    truncateSync(join(cache, entry!, 'images.u8'), 20);
    const { dataset: again, counts } = await open(folder, cache);
    expect(counts.at(-1)?.unit).toBe('images decoded');
    rmSync(cache, { recursive: true });
    expect(firstPixels(again)).toHaveLength(3);
    dataset.close?.();
    again.close?.();
  });

  describe('with broken files', () => {
    async function withBroken(): Promise<string> {
      const folder = colours();
      writeFiles(folder, {
        'cold/0 text.png': 'not an image',
        'cold/1b empty.jpg': '',
        'warm/bomb.png': pngOf(50000, 50000, new Uint8Array(1000)),
        'warm/cut.png': red.subarray(0, red.length - 30),
        'warm/esc\u001b[31m\n.gif': 'GIF89a',
      });
      return folder;
    }

    it('refuses them by name, and remembers what it found', async () => {
      const folder = await withBroken();
      const cache = temporaryFolder();
      const message = await refusal(open(folder, cache));
      expect(message).toContain(`5 of the 8 image files in ${folder} are broken (`);
      expect(message).toContain('cold/0 text.png: it is not a PNG, JPEG, BMP, GIF or TIFF file; ');
      expect(message).toContain('cold/1b empty.jpg: it is empty; ');
      expect(message).toContain('warm/bomb.png: it claims 50000 x 50000 pixels, expected at most 33554432; ');
      expect(message).toContain('warm/cut.png: its data cannot be decoded (');
      expect(message).toContain('warm/esc\\u{1b}[31m\\u{a}.gif: it is cut short)');
      expect(message).toMatch(/: mend or remove them, or use --skip-broken to go on without them$/);
      expect(await refusal(open(folder, cache))).toBe(message);
      const { dataset, lines } = await open(folder, cache, { skipBroken: true });
      expect(lines).toContain(`taking 3 decoded images from the cache (${cache})`);
      dataset.close?.();
    });

    it('goes on without them when told to, and counts them', async () => {
      const whole = await open(colours(), temporaryFolder());
      const { dataset, lines } = await open(await withBroken(), temporaryFolder(), { skipBroken: true });
      expect(dataset.description).toEqual({ ...whole.dataset.description, skipped: 5 });
      expect([...dataset.labels!]).toEqual([0, 0, 1]);
      expect(lines.at(-1)).toMatch(
        /^going on without 5 broken files: cold\/0 text.png: it is not .*; warm\/esc/,
      );
      dataset.close?.();
      whole.dataset.close?.();
    });

    it('names the first few of many', async () => {
      const folder = temporaryFolder();
      writeFiles(folder, Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`${100 + i}.png`, ''])));
      writeFiles(folder, { 'good.png': red });
      const message = await refusal(open(folder, temporaryFolder()));
      expect(message).toMatch(
        /^40 of the 41 .*100.png: it is empty; .*104.png: it is empty; and 35 more\): /,
      );
      const { lines, dataset } = await open(folder, temporaryFolder(), { skipBroken: true });
      expect(lines.at(-1)).toMatch(/119.png: it is empty; and 20 more$/);
      dataset.close?.();
      rmSync(join(folder, 'good.png'));
      expect(await refusal(open(folder, temporaryFolder(), { skipBroken: true }))).toMatch(
        /^none of the 40 image files in .* can be used \(100.png: it is empty; .*\): expected at least one$/,
      );
    });
  });

  it('refuses a folder without images, and to go without a folder', async () => {
    const folder = temporaryFolder();
    writeFiles(folder, { 'a/b.txt': '', '.hidden.png': red });
    expect(await refusal(open(folder, temporaryFolder()))).toMatch(
      /holds no image files: expected some that end in .png.*check --data-dir$/,
    );
    expect(await refusal(openImageFolder({ imageSize: 2, channels: 3 }))).toMatch(/needs --data-dir/);
  });

  it('ends with the reason of its signal in the midst of decoding, and leaves nothing behind', async () => {
    const folder = temporaryFolder();
    const files = Array.from({ length: 300 }, (_, i) => [`${i}.png`, red] as const);
    writeFiles(folder, Object.fromEntries(files));
    const cache = temporaryFolder();
    const controller = new AbortController();
    const opening = open(folder, cache, {
      signal: controller.signal,
      onCount({ unit, done }) {
        if (unit === 'images decoded' && done === 20) controller.abort(new Error('enough'));
      },
    });
    await expect(opening).rejects.toThrow('enough');
    expect(readdirSync(cache)).toEqual([]);
    expect(readdirSync(folder)).toHaveLength(300);
  });

  it('decodes a large image beside the small ones, in its place', async () => {
    const folder = temporaryFolder();
    const large = pngOf(2000, 1500, new Uint8Array(2001 * 1500));
    const more = Array.from({ length: 40 }, (_, i) => [`${10 + i}.png`, red] as const);
    writeFiles(folder, { ...Object.fromEntries(more), '20.png': large });
    const { dataset } = await open(folder, temporaryFolder(), { workers: 2 });
    const pixels = firstPixels(dataset);
    expect(pixels[10]).toEqual([0, 0, 0]);
    expect(pixels.filter(([value]) => value === 255)).toHaveLength(39);
    dataset.close?.();
  });

  it('only reads the folder', async () => {
    const folder = colours();
    const before = readdirSync(folder, { recursive: true }).sort();
    (await open(folder, temporaryFolder())).dataset.close?.();
    expect(readdirSync(folder, { recursive: true }).sort()).toEqual(before);
    expect(readFileSync(join(folder, 'cold', '1.png')).equals(blue)).toBe(true);
  });
});
