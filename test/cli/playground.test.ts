import { createServer, get } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ganOnnx } from '../support/cli.js';

/** Runs the command until `visit` has seen its address, then ends it by Ctrl-C; gives the exit code. */
function whileServed(args: readonly string[], visit: (url: string) => Promise<void>): Promise<number | null> {
  return new Promise((resolve, reject) => {
    const running = ganOnnx(['playground', ...args], {}, undefined, (child) => {
      let text = '';
      let seen = false;
      child.stdout!.on('data', (chunk) => {
        text += chunk;
        const url = /http:\/\/127\.0\.0\.1:\d+\//.exec(text)?.[0];
        if (url === undefined || seen) return;
        seen = true;
        visit(url)
          .catch(reject)
          .finally(() => child.kill('SIGINT'));
      });
    });
    running.then(({ code }) => resolve(code), reject);
  });
}

/** Status of a request that names another host. */
function statusFor(url: string, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    get(url, { headers: { host } }, (response) => {
      response.resume();
      resolve(response.statusCode!);
    }).on('error', reject);
  });
}

describe('gan-onnx playground', () => {
  it('serves the page, what it loads, and nothing else, under a policy, until Ctrl-C', async () => {
    const code = await whileServed([], async (url) => {
      const page = await fetch(url);
      expect(await page.text()).toMatch(/<script type="module"/);
      expect(page.headers.get('content-security-policy')).toMatch(
        /^default-src 'none'; script-src 'self' 'wasm-unsafe-eval'/,
      );
      expect(page.headers.get('cross-origin-opener-policy')).toBe('same-origin');
      expect(page.headers.get('cross-origin-embedder-policy')).toBe('require-corp');
      for (const path of [
        'ort/ort.wasm.min.mjs',
        'ort/ort-wasm-simd-threaded.wasm',
        'ort/ort.webgpu.min.mjs',
        'ort-training/ort.training.wasm.min.mjs',
        'page/gan-sampler.js',
      ]) {
        const { status } = await fetch(`${url}${path}`, { method: 'HEAD' });
        expect(status, path).toBe(200);
      }
      for (const path of [
        'package.json',
        'ort/../package.json',
        'page/',
        'cli/main.js',
        'ort/%2e%2e/package.json',
      ])
        expect((await fetch(`${url}${path}`)).status, path).toBe(404);
      expect(await statusFor(url, 'evil.example')).toBe(403);
    });
    expect(code).toBe(0);
  });

  it('takes the port that it is told, and says so when that is taken', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void other.close());
    const { port } = other.address() as AddressInfo;
    const { code, stderr } = await ganOnnx(['playground', '--port', String(port)]);
    expect([code, stderr]).toEqual([
      1,
      `gan-onnx: port ${port} of 127.0.0.1 is in use: choose another port, or 0 for any that is free\n`,
    ]);
  });
});
