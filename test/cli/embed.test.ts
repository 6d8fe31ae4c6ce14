import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ganOnnx, temporaryFolder } from '../support/cli.js';

const MODEL = 'models/mnist/generator.onnx';

describe('gan-onnx embed', () => {
  it('writes a page with all its files, and nothing else', async () => {
    const out = join(temporaryFolder(), 'page');
    const flags = ['--count', '9', '--seed', '4', '--device', 'wasm', '--title', 'A <b> & "c"'];
    const { code, stdout } = await ganOnnx(['embed', MODEL, '--out', out, ...flags]);
    expect(code).toBe(0);
    expect(stdout).toContain(join(out, 'index.html'));
    expect(readdirSync(out).sort()).toEqual([
      'gan-sampler-worker.js',
      'gan-sampler.js',
      'generator.onnx',
      'index.html',
      'ort-wasm-simd-threaded.mjs',
      'ort-wasm-simd-threaded.wasm',
      'ort.wasm.min.mjs',
    ]);
    expect(readFileSync(join(out, 'generator.onnx')).equals(readFileSync(MODEL))).toBe(true);
    const page = readFileSync(join(out, 'index.html'), 'utf8');
    expect(page).toContain(
      '<gan-sampler src="generator.onnx" count="9" seed="4" device="wasm"></gan-sampler>',
    );
    expect(page).toContain('<title>A &lt;b&gt; &amp; &quot;c&quot;</title>');
    expect(page).toMatch(
      /Content-Security-Policy" content="default-src 'none'; script-src 'self' 'wasm-unsafe-eval';/,
    );
  });

  it('shows the page on 127.0.0.1 with --serve, until Ctrl-C', async () => {
    const out = join(temporaryFolder(), 'page');
    const status = new Promise<number>((resolve, reject) => {
      const running = ganOnnx(['embed', MODEL, '--out', out, '--serve'], {}, undefined, (child) => {
        let text = '';
        child.stdout!.on('data', async (chunk) => {
          text += chunk;
          const url = /http:\/\/127\.0\.0\.1:\d+\//.exec(text)?.[0];
          if (url === undefined) return;
          const response = await fetch(url);
          expect(await response.text()).toContain('<gan-sampler');
          child.kill('SIGINT');
        });
      });
      running.then(({ code }) => resolve(code!), reject);
    });
    expect(await status).toBe(0);
  });

  it('leaves a folder alone that is not empty, unless told to replace the page in it', async () => {
    const out = temporaryFolder();
    writeFileSync(join(out, 'mine.txt'), 'mine');
    const args = ['embed', MODEL, '--out', out, '--device', 'wasm'];
    const { code, stderr } = await ganOnnx(args);
    expect([code, stderr]).toEqual([
      1,
      `gan-onnx: --out ${out} is not empty: choose another folder, or --force to replace the page's files in it\n`,
    ]);
    expect(readdirSync(out)).toEqual(['mine.txt']);
    expect((await ganOnnx([...args, '--force'])).code).toBe(0);
    expect(readFileSync(join(out, 'mine.txt'), 'utf8')).toBe('mine');
  });

  it.each([
    [
      'no generator',
      'package.json',
      /package\.json: not an ONNX model, or damaged .*: expected a generator\.onnx/,
    ],
    ['a file that is missing', 'nowhere.onnx', /nowhere\.onnx does not exist: expected a generator\.onnx/],
  ])('refuses %s and writes nothing', async (_, model, message) => {
    const folder = temporaryFolder();
    const { code, stderr } = await ganOnnx(['embed', model, '--out', join(folder, 'page')]);
    expect(code).toBe(1);
    expect(stderr).toMatch(message);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('refuses a folder that cannot be one', async () => {
    const folder = temporaryFolder();
    const file = join(folder, 'file');
    writeFileSync(file, '');
    const on = await ganOnnx(['embed', MODEL, '--out', file]);
    expect([on.code, on.stderr]).toEqual([
      1,
      `gan-onnx: --out ${file} exists and is not a folder: choose another path\n`,
    ]);
    mkdirSync(join(folder, 'other'));
    const below = await ganOnnx(['embed', MODEL, '--out', join(file, 'page')]);
    expect(below.code).toBe(1);
    expect(below.stderr).toContain('is a file, expected a folder');
  });
});
