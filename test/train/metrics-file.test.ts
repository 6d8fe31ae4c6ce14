import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cutMetrics, metricsLines } from '../../src/train/metrics-file.js';
import { temporaryFolder } from '../support/cli.js';

const line = (step: number, more = '"ms":1') => `{"step":${step},${more}}\n`;

function file(text: string): string {
  const path = join(temporaryFolder(), 'metrics.jsonl');
  writeFileSync(path, text);
  return path;
}

const steps = (path: string) => [...metricsLines(path)].map(({ step }) => step);

describe('metrics.jsonl', () => {
  it('is read line by line, also where lines lie across the pieces that are read at once', () => {
    const all = Array.from({ length: 9000 }, (_, i) => i);
    const path = file(all.map((i) => line(i, `"text":"ä${'.'.repeat(i % 37)}"`)).join(''));
    expect(steps(path)).toEqual(all);
    expect([...metricsLines(path)].at(-1)!.end).toBe(readFileSync(path).length);
  });

  it.each([
    ['a line that an interrupted write cut', `${line(0)}${line(1)}{"step":2,"d_lo`, [0, 1]],
    ['a line that is none', `${line(0)}\n${line(1)}`, [0]],
    ['a step that comes again', `${line(0)}${line(1)}${line(1)}`, [0, 1]],
    ['a line without end', `${line(0)}{"step":1,${'9'.repeat(200_000)}}\n${line(2)}`, [0]],
    ['nothing', '', []],
  ])('ends before %s', (_, text, expected) => {
    expect(steps(file(text))).toEqual(expected);
  });

  it('is cut before a step, and written on from there', () => {
    const path = file([0, 10, 20, 30].map((step) => line(step)).join(''));
    cutMetrics(path, 20);
    appendFileSync(path, line(21));
    expect(steps(path)).toEqual([0, 10, 21]);
    cutMetrics(path, 0);
    expect(readFileSync(path, 'utf8')).toBe('');
  });

  it('need not be there', () => {
    const path = join(temporaryFolder(), 'none');
    expect(steps(path)).toEqual([]);
    cutMetrics(path, 3);
    expect(existsSync(path)).toBe(false);
  });
});
