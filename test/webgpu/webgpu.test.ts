import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { GANS } from '../../src/export/index.js';
import { ganOnnx, smallRun, temporaryFolder } from '../support/cli.js';
import { softwareVulkan } from '../support/software-vulkan.js';
import { runWithVulkan } from './in-child.js';

describe.skipIf(softwareVulkan() === undefined)('webgpu in Node', () => {
  it('takes every node of every step graph, at full size', async () => {
    const found = await runWithVulkan<Record<string, string>>('placement.mjs');
    expect(Object.keys(found)).toHaveLength(6 * Object.keys(GANS).length);
    for (const [graph, where] of Object.entries(found)) expect(where, graph).toBe('all on webgpu');
  }, 120_000);

  it.each<[string, number, string[]]>([
    ['mlp', 20, ['joint']],
    ['pytorch-gan', 20, ['discriminator', 'generator']],
    ['dcgan', 3, ['discriminator', 'generator']],
  ])(
    'trains %s for %i steps of %j as the cpu does, with its state on the GPU',
    async (network, steps, order) => {
      type Result = { worstLoss: number; worstParameter: number };
      const { worstLoss, worstParameter } = await runWithVulkan<Result>(
        'train.mjs',
        network,
        String(steps),
        ...order,
      );
      expect(worstLoss).toBeLessThan(1e-3);
      expect(worstParameter).toBeLessThan(1e-3);
    },
    240_000,
  );

  it('takes every node of convolutions, pools and their gradients, and computes what the cpu does', async () => {
    type Result = { elsewhere: string[]; worst: number };
    const found = await runWithVulkan<Record<string, Result>>('windows.mjs');
    expect(Object.keys(found).length).toBeGreaterThan(10);
    for (const [name, { elsewhere, worst }] of Object.entries(found)) {
      expect(elsewhere, name).toEqual([]);
      expect(worst, name).toBeLessThan(1e-3);
    }
  }, 240_000);

  it('disposes of every tensor that a step replaces: as many live ones as there is state, however long it trains', async () => {
    type Report = { step: number; rss: number; live: number };
    const found = await runWithVulkan<{ report: Report[]; after: number; stateTensors: number }>(
      'memory.mjs',
      '600',
    );
    for (const { live } of found.report) expect(live).toBe(found.stateTensors);
    expect(found.after).toBe(0);
  }, 240_000);

  it('trains a run, and the cpu goes on from its checkpoint', async () => {
    const out = join(temporaryFolder(), 'run');
    const flags = ['--batch-size', '16', '--max-steps', '12', '--sample-interval', '5', '--out', out];
    const env = softwareVulkan()!;
    const first = await ganOnnx([...smallRun(), '--device', 'webgpu', ...flags], { env });
    expect(first.stderr).not.toContain('gan-onnx: ');
    expect(first.code).toBe(0);
    const second = await ganOnnx(['train', '--resume', out, '--max-steps', '14']);
    expect(second.stderr).not.toContain('gan-onnx: ');
    expect(second.code).toBe(0);
  }, 240_000);
});

describe('a device that is not there', () => {
  // No driver is where there is none to be found.
  const env = { VK_DRIVER_FILES: '/nowhere.json', VK_ICD_FILENAMES: '/nowhere.json' };

  it('is refused with what was found and what to do', async () => {
    const out = join(temporaryFolder(), 'run');
    const flags = ['--max-steps', '2', '--device', 'webgpu', '--out', out];
    const { code, stderr, stdout } = await ganOnnx([...smallRun(), ...flags], { env });
    expect(code).toBe(1);
    expect(stdout).toBe('');
    const said = stderr.split('\n').filter((line) => line.startsWith('gan-onnx: '));
    expect(said).toHaveLength(1);
    expect(said[0]).toMatch(
      /--device webgpu cannot be used \(.*\): install a Vulkan driver for the GPU \(on Linux\), or use --device cpu; gan-onnx doctor/,
    );
  });

  it('is refused the same way when it is cuda', async () => {
    const out = join(temporaryFolder(), 'run');
    const { code, stderr } = await ganOnnx([...smallRun(), '--device', 'cuda', '--out', out]);
    // A machine that has the provider is none that this test is about.
    if (code === 0) return;
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^gan-onnx: --device cuda cannot be used \(.*\): it needs an NVIDIA driver, CUDA 12, cuDNN 9/m,
    );
    expect(stderr).not.toContain('onnxruntime_src');
  });

  it('is passed over by auto, which says why', async () => {
    const out = join(temporaryFolder(), 'run');
    const flags = ['--max-steps', '2', '--device', 'auto', '--out', out];
    const { code, stderr } = await ganOnnx([...smallRun(), ...flags], { env });
    expect(code).toBe(0);
    expect(stderr).toMatch(/training on cpu: cpu takes [\d.]+ ms a step; --device webgpu cannot be used/);
  }, 120_000);

  it('is refused for an engine that has no devices', async () => {
    const { code, stderr } = await ganOnnx([...smallRun(), '--engine', 'training-api', '--device', 'webgpu']);
    expect(code).toBe(1);
    expect(stderr).toContain('--engine training-api does not run on --device webgpu');
  });

  it('is an unknown name: wrong usage', async () => {
    expect((await ganOnnx([...smallRun(), '--device', 'abacus'])).code).toBe(2);
  });
});

describe('gan-onnx doctor', () => {
  it('lists engines and devices with what each can do here, without a GPU', async () => {
    const env = { VK_DRIVER_FILES: '/nowhere.json', VK_ICD_FILENAMES: '/nowhere.json' };
    const { code, stdout } = await ganOnnx(['doctor'], { env });
    expect(code).toBe(0);
    expect(stdout).toMatch(/onnxruntime-node 1\.\d+\.\d+; onnxruntime-training: onnxruntime-web 1\.19\.2/);
    expect(stdout).toMatch(/^session +cpu +yes +[\d.]+ ms a step of a tiny GAN, all \d+ nodes on it$/m);
    expect(stdout).toMatch(/^session +webgpu +no +--device webgpu cannot be used \(/m);
    expect(stdout).toMatch(/^training-api +cpu +yes +[\d.]+ ms/m);
  }, 120_000);

  it.skipIf(softwareVulkan() === undefined)(
    'and with a GPU',
    async () => {
      const { stdout } = await ganOnnx(['doctor'], { env: softwareVulkan()! });
      expect(stdout).toMatch(/^session +webgpu +yes +[\d.]+ ms a step of a tiny GAN, all \d+ nodes on it$/m);
    },
    120_000,
  );
});
