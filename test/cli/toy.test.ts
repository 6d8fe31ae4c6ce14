/** Toy data on the command line: figures 1 and theory, the generator they leave, and who refuses points. */

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ganOnnx, temporaryFolder } from '../support/cli.js';
import { runGraph } from '../support/run-graph.js';

/** The titles and labels of a chart. */
function texts(path: string): string[] {
  return [...readFileSync(path, 'utf8').matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map(([, text]) => text!);
}

describe('gan-onnx figure 1', () => {
  it('draws four panels, prints where the trainings end, and leaves the generator', async () => {
    const folder = temporaryFolder();
    const [out, model] = [join(folder, 'one.svg'), join(folder, 'points.onnx')];
    const flags = ['--steps', '20', '--seeds', '2', '--seed', '3', '--out', out, '--generator', model];
    const { code, stdout, stderr } = await ganOnnx(['figure', '1', ...flags]);
    expect(stderr).toMatch(/20\/40 steps|40\/40 steps/);
    expect(code).toBe(0);
    for (const panel of ['(a)', '(b)', '(c)', '(d)']) {
      expect(texts(out).some((text) => text.startsWith(panel))).toBe(true);
    }
    // 20 steps are far too few.
    expect(stdout).toMatch(
      /seed +JSD[^\n]+\n +3 +0\.\d+ [^\n]+\n +4 +0\.\d+ [^\n]+\n0 of 2 end with JSD < 0.01/,
    );
    const { points } = await runGraph(readFileSync(model), { z: { shape: [2, 1], data: [-1, 1] } });
    expect(points!.shape).toEqual([2, 1]);

    const sampled = await ganOnnx(['sample', model, '--out', join(folder, 'grid.png')]);
    expect(sampled.code).toBe(1);
    expect(sampled.stderr).toContain('it makes points of toy data, not images');
    expect(existsSync(join(folder, 'grid.png'))).toBe(false);
  }, 60_000);

  it('refuses names that are no .svg or .onnx, and files that are there', async () => {
    const folder = temporaryFolder();
    const there = join(folder, 'there.svg');
    writeFileSync(there, 'mine');
    const cases: [string[], string][] = [
      [['--out', 'one.png'], '--out one.png: expected a name that ends with .svg'],
      [
        ['--generator', 'g.bin', '--out', join(folder, 'a.svg')],
        '--generator g.bin: expected a name that ends with .onnx',
      ],
      [['--out', there], there],
    ];
    for (const [flags, message] of cases) {
      const { code, stderr } = await ganOnnx(['figure', '1', ...flags]);
      expect(code).toBe(1);
      expect(stderr).toContain(message);
    }
    expect(readFileSync(there, 'utf8')).toBe('mine');
  }, 60_000);

  it('ends at Ctrl-C without a file', async () => {
    const out = join(temporaryFolder(), 'one.svg');
    const flags = ['--steps', '1000000', '--out', out];
    const { code } = await ganOnnx(['figure', '1', ...flags], {}, undefined, (child) => {
      setTimeout(() => child.kill('SIGINT'), 3000);
    });
    expect(code).toBe(130);
    expect(existsSync(out)).toBe(false);
  }, 60_000);
});

describe('gan-onnx figure theory', () => {
  it.each([
    ['mixture-1d', 'D*'],
    ['ring', 'D* = p_data / (p_data + p_g)'],
  ])(
    'draws D beside D* and the course of training on %s',
    async (data, label) => {
      const out = join(temporaryFolder(), 'theory.svg');
      const { code, stdout } = await ganOnnx([
        'figure',
        'theory',
        '--data',
        data,
        '--steps',
        '10',
        '--out',
        out,
      ]);
      expect(code).toBe(0);
      expect(texts(out)).toEqual(expect.arrayContaining(['V(D, G)', '-log 4', label]));
      expect(stdout).toMatch(new RegExp(`^${data}, seed 0, 10 steps: JSD 0\\.\\d+ .*V \\+ log 4 = -?\\d`));
    },
    60_000,
  );
});

describe('gan-onnx train', () => {
  it('says where toy data can be trained on', async () => {
    const { code, stderr } = await ganOnnx(['train', '--dataset', 'ring']);
    expect(code).toBe(2);
    expect(stderr).toContain(
      'ring is toy data, of points and not of images: gan-onnx figure theory --data ring',
    );
  });
});
