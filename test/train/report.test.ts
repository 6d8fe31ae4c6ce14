import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { encodePng } from '../../src/infer/index.js';
import { train } from '../../src/train/index.js';
import { chartLabel, drawChart } from '../../src/train/report/charts.js';
import {
  addMetrics,
  addMetricsFile,
  emptyCourse,
  latest,
  type Range,
} from '../../src/train/report/course.js';
import { readPictures } from '../../src/train/report/pictures.js';
import { readRunCheckpoint } from '../../src/train/resume.js';
import { idxFolder, temporaryFolder } from '../support/cli.js';
import { faultyEngine } from '../support/faulty-engine.js';
import { unit } from '../support/hash.js';
import { SMALL_CONFIG } from '../support/small-config.js';

const config = {
  ...SMALL_CONFIG,
  maxSteps: 6,
  sampleInterval: 2,
} as const;

describe('the course of a run', () => {
  it('keeps the least, the greatest and the mean of long runs in at most 512 buckets', () => {
    const course = emptyCourse();
    const count = 300_000;
    for (let step = 0; step < count; step++) {
      const spike = step === 123_456 ? 99 : 0;
      addMetrics(course, step, { d_loss: unit(step, 1) + spike, g_loss: step % 2 ? Number.NaN : 1 });
    }
    const { buckets, width } = course;
    // 300,000 / 1024 is the first that fits.
    expect([width, buckets.length]).toEqual([1024, 293]);
    const ranges = buckets.map(({ series }) => series.d_loss!);
    expect(ranges.reduce((sum, range) => sum + range.count, 0)).toBe(count);
    expect(buckets.flatMap(({ first, series }) => (series.d_loss!.high > 99 ? [first] : []))).toEqual([
      Math.floor(123_456 / 1024) * 1024,
    ]);
    expect(Math.min(...ranges.map(({ low }) => low))).toBeLessThan(1e-4);
    const mean = (range: Range) => range.sum / range.count;
    for (const range of ranges.slice(0, -1)) expect(Math.abs(mean(range) - 0.5)).toBeLessThan(0.2);
    // What is no number is not counted.
    expect(buckets[0]!.series.g_loss).toEqual({ count: 512, low: 1, high: 1, sum: 512 });
    expect(buckets.map(({ first }) => first)).toEqual(buckets.map((_, i) => 1024 * i));
    expect(latest(course, 'ms')).toBeUndefined();
  });

  it('is read on from where it was, up to a line that is not whole', () => {
    const path = join(temporaryFolder(), 'metrics.jsonl');
    writeFileSync(path, '{"step":0,"d_loss":1}\n{"step":1,"d_loss":null}\n{"step":2,"d_lo');
    const course = emptyCourse();
    const end = addMetricsFile(course, path);
    expect(course.buckets.map(({ series }) => series.d_loss?.sum)).toEqual([1, undefined]);
    writeFileSync(path, `${readFileSync(path, 'utf8').slice(0, end)}{"step":2,"d_loss":5}\n`);
    addMetricsFile(course, path, end);
    expect(course.buckets.map(({ last }) => last)).toEqual([0, 1, 2]);
    expect(latest(course, 'd_loss')).toBe(5);
  });

  it('is drawn, also where losses are beyond all measure, or there is one step', async () => {
    const course = emptyCourse();
    addMetrics(course, 0, { d_loss: 0.7, g_loss: 0.7 });
    expect(await drawChart('losses', course)).toContain('<svg');
    for (let step = 1; step < 40; step++) addMetrics(course, step, { d_loss: 0.5, g_loss: 10 ** step });
    expect(await drawChart('losses', course, [7])).not.toMatch(/NaN|Infinity/);
    expect(chartLabel('losses', course)).toBe(
      'Losses in nats by step: D from 0.700 to 0.500; G from 0.700 to 1.00e+39',
    );
    expect(chartLabel('speed', course)).toBe('Time of a step in ms by step');
  });
});

describe('the pictures of a report', () => {
  it('are a few, the first and the last among them, and nothing that is no PNG file of the run', async () => {
    const folder = temporaryFolder();
    const png = await encodePng({ width: 3, height: 2, channels: 1, data: new Uint8Array(6) });
    for (let step = 0; step <= 400; step += 10) writeFileSync(join(folder, `${step}.png`), png);
    writeFileSync(join(folder, 'secret.png'), png);
    const pictures = readPictures(folder, 391);
    expect(pictures).toHaveLength(12);
    expect([pictures[0]!.step, pictures.at(-1)!.step]).toEqual([0, 390]);
    expect(pictures[0]).toMatchObject({ width: 3, height: 2 });

    const odd = temporaryFolder();
    writeFileSync(join(odd, '1.png'), 'no picture at all, but long enough to be one');
    symlinkSync(join(folder, '0.png'), join(odd, '2.png'));
    mkdirSync(join(odd, '3.png'));
    writeFileSync(join(odd, '4.png'), Buffer.concat([png, Buffer.alloc(7 * 2 ** 20)]));
    writeFileSync(join(odd, '5.png'), png);
    expect(readPictures(odd, 99).map(({ step }) => step)).toEqual([5]);
    expect(readPictures(join(odd, 'none'), 99)).toEqual([]);
  });
});

describe('report.html', () => {
  const text = (path: string) => readFileSync(path, 'utf8');

  it('says all of a run in one file that asks for nothing and runs nothing', async () => {
    const out = join(temporaryFolder(), `run <i>&"'`);
    const { report } = await train({ config, out, dataDir: idxFolder(64), version: '1.2.3' });
    const page = text(report);
    expect(report).toBe(join(out, 'report.html'));
    expect(page).toContain('Done after 6 steps.');
    expect(page).toContain('run &lt;i&gt;&amp;&quot;&#39;');
    expect(page).not.toContain('<i>');
    expect(page).not.toMatch(/<script|<link|https?:|javascript:/);
    expect(page.match(/src="/g)).toEqual(Array(7).fill('src="'));
    for (const [, address] of page.matchAll(/src="([^"]{20})/g)) expect(address).toMatch(/^data:image\//);
    for (const step of [0, 2, 4]) expect(page).toContain(`<figcaption>step ${step}</figcaption>`);
    expect(page).toContain('Nothing was found.');
    expect(page).toContain('<th scope="row">optimizer.learningRate.value</th><td>0.0002</td>');
    expect(page).toContain('--max-steps 12');
    expect(page).toContain('Written by gan-onnx 1.2.3');
    const charts = [...page.matchAll(/src="data:image\/svg\+xml;base64,([^"]+)/g)];
    expect(charts).toHaveLength(3);
    for (const [, data] of charts) {
      const svg = Buffer.from(data!, 'base64').toString();
      expect(svg).toMatch(/^<svg.*<\/svg>$/s);
      expect(svg).not.toMatch(/<script|href=|NaN/);
    }
  });

  it('is there after a run that failed, with the reason, its notes, and no samples of another run', async () => {
    const out = join(temporaryFolder(), 'run');
    const options = { config, out, dataDir: idxFolder(64), version: '0' };
    await train(options);
    const engine = faultyEngine((n) => n === 3);
    await expect(train({ ...options, engine, force: true })).rejects.toThrow('step 3: g_loss is NaN');
    const page = text(join(out, 'report.html'));
    expect(page).toMatch(/<p class="failed">Ended by an error. step 3: g_loss is NaN, so training has/);
    expect(page).toContain('<strong>Step 3, training diverged:</strong> g_loss is NaN; the run ended');
    expect(page).not.toContain('Samples of the last generator');
    expect(page).not.toContain('gan-onnx sample');
    expect(page).not.toContain('<figcaption>step 4');
  });

  it('is there after a run that was interrupted, and then after its end', async () => {
    const out = join(temporaryFolder(), 'run');
    const controller = new AbortController();
    const options = { config, out, dataDir: idxFolder(64), version: '0' };
    const on = {
      step: ({ step }: { step: number }) => {
        if (step === 2) controller.abort();
      },
    };
    await train({ ...options, signal: controller.signal, on });
    expect(text(join(out, 'report.html'))).toContain('Interrupted after 3 of 6 steps.');
    await train({ ...options, resume: await readRunCheckpoint(out) });
    expect(text(join(out, 'report.html'))).toContain('Done after 6 steps.');
  });
});
