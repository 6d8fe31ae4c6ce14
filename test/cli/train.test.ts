import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ganOnnx, idxFolder, smallRun, temporaryFolder } from '../support/cli.js';

/** metrics.jsonl without the times. */
function metrics(run: string): Record<string, number>[] {
  const lines = readFileSync(join(run, 'metrics.jsonl'), 'utf8').trimEnd().split('\n');
  return lines.map((line) => {
    const { ms, ...rest } = JSON.parse(line) as Record<string, number>;
    expect(ms).toBeGreaterThan(0);
    return rest;
  });
}

describe('gan-onnx train', () => {
  it('leaves config, metrics of every step, pictures, samples and a generator, and says where', async () => {
    const out = join(temporaryFolder(), 'run');
    const flags = ['--batch_size', '64', '--n_epochs=3', '--sample_interval', '5', '--out', out];
    const { code, stdout } = await ganOnnx([...smallRun(200), ...flags]);
    expect(code).toBe(0);
    // 200 images in batches of 64, 64, 64 and 8, three times
    expect(metrics(out)).toHaveLength(12);
    expect(Object.keys(metrics(out)[0]!)).toEqual(['step', 'epoch', 'd_loss', 'g_loss', 'D(x)', 'D(G(z))']);
    expect(metrics(out).map(({ epoch }) => epoch)).toEqual([0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]);
    expect(readdirSync(join(out, 'images')).sort()).toEqual(['0.png', '10.png', '5.png']);
    expect(readdirSync(out).sort()).toEqual([
      'checkpoints',
      'complete.json',
      'config.json',
      'generator-best.onnx',
      'generator.onnx',
      'images',
      'metrics.jsonl',
      'report.html',
      'samples.png',
    ]);
    expect(JSON.parse(readFileSync(join(out, 'config.json'), 'utf8'))).toMatchObject({
      batchSize: 64,
      epochs: 3,
    });
    expect(stdout).toContain(join(out, 'samples.png'));
    expect(stdout).toContain(join(out, 'generator.onnx'));
  });

  it('gives byte-identical generators and metrics for the same seed, and others for another', async () => {
    const folder = temporaryFolder();
    const data = smallRun(200);
    const run = async (name: string, seed: string) => {
      const out = join(folder, name);
      const { code } = await ganOnnx([...data, '--max-steps', '12', '--seed', seed, '--out', out]);
      expect(code).toBe(0);
      return { metrics: metrics(out), generator: readFileSync(join(out, 'generator.onnx')) };
    };
    const [first, again, other] = [await run('a', '5'), await run('b', '5'), await run('c', '6')];
    expect(again.metrics).toEqual(first.metrics);
    expect(again.generator.equals(first.generator)).toBe(true);
    expect(other.metrics).not.toEqual(first.metrics);
    expect(other.generator.equals(first.generator)).toBe(false);
  });

  it('computes the same, bit for bit, with many steps in one call', async () => {
    const folder = temporaryFolder();
    const data = smallRun(200);
    const run = async (name: string, ...flags: string[]) => {
      const out = join(folder, name);
      const settings = ['--max-steps', '23', '--sample-interval', '9', '--threads', '1', '--out', out];
      const { code, stderr } = await ganOnnx([...data, ...settings, ...flags]);
      expect(stderr).not.toContain('gan-onnx: ');
      expect(code).toBe(0);
      const images = readdirSync(join(out, 'images')).sort();
      const generator = readFileSync(join(out, 'generator.onnx'));
      return { metrics: metrics(out), images, generator };
    };
    const [single, many] = [await run('single'), await run('many', '--steps-per-call', '8')];
    expect(many.metrics).toEqual(single.metrics);
    expect(many.images).toEqual(['0.png', '18.png', '9.png']);
    expect(many.images).toEqual(single.images);
    expect(many.generator.equals(single.generator)).toBe(true);
  });

  it.each([
    ['d-first', '3', 34],
    ['g-first', '2', 50],
  ])('runs schedule %s with k = %s over the same data in %i steps', async (schedule, k, steps) => {
    const out = join(temporaryFolder(), 'run');
    const flags = ['--schedule', schedule, '--k', k, '--batch-size', '40', '--n-epochs', '20', '--out', out];
    const { code } = await ganOnnx([...smallRun(200), ...flags]);
    expect(code).toBe(0);
    const lines = metrics(out);
    expect(lines).toHaveLength(steps);
    for (const line of lines)
      for (const value of Object.values(line)) expect(value).toEqual(expect.any(Number));
  });

  it.each([
    ['--optimizer', 'sgd', '--momentum', '0.9', '--lr', '0.05'],
    ['--loss', 'minimax'],
  ])('trains with %s %s', async (...flags) => {
    const out = join(temporaryFolder(), 'run');
    const { code } = await ganOnnx([...smallRun(), '--max-steps', '5', '--out', out, ...flags]);
    expect(code).toBe(0);
    expect(metrics(out)).toHaveLength(5);
  });

  it('ends after the step in progress on Ctrl-C, with generator and samples written, and exits 130', async () => {
    const out = join(temporaryFolder(), 'run');
    let sent = false;
    const { code, stderr } = await ganOnnx(
      [...smallRun(), '--max-steps', '100000000', '--n-epochs', '100000000', '--out', out],
      {},
      (child, text) => {
        if (sent || !text.includes('training')) return;
        sent = true;
        setTimeout(() => child.kill('SIGINT'), 1000);
      },
    );
    expect(code).toBe(130);
    expect(stderr).toContain('ending as soon as it is safe');
    expect(existsSync(join(out, 'generator.onnx'))).toBe(true);
    expect(existsSync(join(out, 'samples.png'))).toBe(true);
    expect(metrics(out).length).toBeGreaterThan(1);
  });

  it('ends at once on a second Ctrl-C', async () => {
    const out = join(temporaryFolder(), 'run');
    let sent = false;
    const began = performance.now();
    const { code } = await ganOnnx(
      [...smallRun(), '--n-epochs', '100000000', '--out', out],
      {},
      (child, text) => {
        if (sent || !text.includes('training')) return;
        sent = true;
        child.kill('SIGINT');
        child.kill('SIGINT');
      },
    );
    expect(code).toBe(130);
    expect(performance.now() - began).toBeLessThan(30_000);
    if (existsSync(out)) expect(readdirSync(out).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  it('replaces an earlier run with --force, and nothing else in its folder', async () => {
    const out = join(temporaryFolder(), 'run');
    const data = smallRun();
    await ganOnnx([...data, '--max-steps', '8', '--sample-interval', '2', '--out', out]);
    writeFileSync(join(out, 'notes.txt'), 'mine');
    writeFileSync(join(out, 'images', 'favourite.png'), 'mine too');
    const { code } = await ganOnnx([...data, '--max-steps', '2', '--out', out, '--force']);
    expect(code).toBe(0);
    expect(metrics(out)).toHaveLength(2);
    expect(readdirSync(join(out, 'images')).sort()).toEqual(['0.png', 'favourite.png']);
    expect(readFileSync(join(out, 'notes.txt'), 'utf8')).toBe('mine');
  });

  it('trains on the first images, and changes the objective of G on the way', async () => {
    const out = join(temporaryFolder(), 'run');
    const flags = [
      '--train-images',
      '130',
      '--loss',
      'minimax',
      '--loss-switch-step',
      '2',
      '--max-steps',
      '4',
    ];
    const { code, stderr } = await ganOnnx([...smallRun(200), ...flags, '--out', out]);
    expect(code).toBe(0);
    expect(stderr).toContain('(130 images of 1 x 8 x 8)');
    // log(1 - D(G(z))) is negative, -log D(G(z)) is positive.
    expect(metrics(out).map(({ g_loss }) => Math.sign(g_loss!))).toEqual([-1, -1, 1, 1]);
    expect(JSON.parse(readFileSync(join(out, 'config.json'), 'utf8'))).toMatchObject({
      trainImages: 130,
      lossSwitchStep: 2,
      data: { count: 130 },
    });
    const other = await ganOnnx(['train', '--resume', out, '--train-images', '120']);
    expect(other.code).toBe(1);
    expect(other.stderr).toContain('trainImages was 130 and is now 120');
  });

  it('refuses to train on more images than there are', async () => {
    const out = join(temporaryFolder(), 'run');
    const { code, stderr } = await ganOnnx([...smallRun(200), '--train-images', '201', '--out', out]);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^gan-onnx: --train-images 201: dataset mnist has 200 images: give at most so many$/m,
    );
    expect(existsSync(out)).toBe(false);
  });

  it('lists its presets', async () => {
    const { code, stdout } = await ganOnnx(['train', '--preset', 'list']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^quick +/m);
    expect(stdout).toMatch(/^pytorch-gan +/m);
    expect(stdout).toMatch(/^goodfellow-mnist +/m);
    expect(stdout).toMatch(/^goodfellow-cifar-fc +/m);
    expect(stdout).toMatch(/^goodfellow-cifar-conv +/m);
    expect(stdout).toMatch(/^dcgan +/m);
  });

  it("trains the preset dcgan: dcgan.py's settings, 8 x 8 images resized to 32 x 32", async () => {
    const out = join(temporaryFolder(), 'run');
    const flags = ['--data-dir', idxFolder(16), '--batch-size', '8', '--max-steps', '2', '--out', out];
    const { code, stdout, stderr } = await ganOnnx(['train', '--preset', 'dcgan', ...flags]);
    expect(stderr).not.toContain('gan-onnx: ');
    expect(code).toBe(0);
    expect(stdout + stderr).toContain('training dcgan on mnist (16 images of 1 x 32 x 32)');
    const config = JSON.parse(readFileSync(join(out, 'config.json'), 'utf8'));
    expect(config).toMatchObject({
      ...{ gan: 'dcgan', imageSize: 32, latentSize: 100, epochs: 200, schedule: 'joint' },
      optimizer: { kind: 'adam', learningRate: { kind: 'constant', value: 2e-4 }, b1: 0.5, b2: 0.999 },
    });
    expect(metrics(out)).toHaveLength(2);
    const sampled = await ganOnnx([
      ...['sample', join(out, 'generator.onnx'), '--count', '3', '--format', 'npy'],
      ...['--out', join(out, 'three.npy')],
    ]);
    expect(sampled.code).toBe(0);
    expect(readFileSync(join(out, 'three.npy')).toString('latin1', 0, 128)).toContain('(3, 1, 32, 32)');
  }, 60_000);
});
