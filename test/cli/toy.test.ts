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

describe('gan-onnx train on toy data', () => {
  const small = [
    '--batch-size',
    '16',
    '--threads',
    '1',
    '--checkpoint-interval',
    '2',
    '--sample-interval',
    '3',
  ];

  it('trains, goes on to the same end as a run without a break, and draws points', async () => {
    const folder = temporaryFolder();
    const [whole, broken] = [join(folder, 'whole'), join(folder, 'broken')];
    const train = ['train', '--dataset', 'ring', ...small];
    const first = await ganOnnx([...train, '--max-steps', '6', '--out', whole]);
    expect(first.stderr).toContain('training points on ring (fresh points in the plane), 6 steps');
    expect(first.stdout).not.toContain('more samples');
    expect((await ganOnnx([...train, '--max-steps', '4', '--out', broken])).code).toBe(0);
    const { code } = await ganOnnx(['train', '--resume', broken, '--max-steps', '6', '--threads', '1']);
    expect(code).toBe(0);
    const generator = (run: string) => readFileSync(join(run, 'generator.onnx'));
    expect(generator(broken).equals(generator(whole))).toBe(true);
    const pictures = ['samples.png', 'images/0.png', 'images/3.png'];
    for (const name of pictures) {
      expect(readFileSync(join(whole, name)).subarray(1, 4).toString('latin1')).toBe('PNG');
    }
  }, 60_000);

  it('refuses networks and flags for images in one line', async () => {
    const folder = temporaryFolder();
    const out = join(folder, 'refused');
    const refused = async (...flags: string[]) => {
      const { code, stderr } = await ganOnnx(['train', '--dataset', 'ring', '--out', out, ...flags]);
      expect(code).toBe(1);
      expect(existsSync(out)).toBe(false);
      return stderr;
    };
    expect(await refused('--network', 'mlp')).toContain('dataset ring is made of points, and gan mlp is not');
    expect(await refused('--data-dir', folder)).toContain('toy data is not made of files');
    expect(await refused('--train-images', '9')).toContain('toy data has no images');
  });
});
