import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Jimp } from 'jimp';
import { describe, expect, it } from 'vitest';
import { buildGeneratorModel, GANS, initialState } from '../../src/export/index.js';
import { ganOnnx, temporaryFolder } from '../support/cli.js';
import { softwareVulkan } from '../support/software-vulkan.js';

const PIXELS = 28 * 28;

/** A folder with gan.py's generator at its full size, untrained. */
function generatorFolder(): { folder: string; model: string } {
  const gan = GANS['pytorch-gan']({ image: [1, 28, 28], latentSize: 100 });
  const folder = temporaryFolder();
  const model = join(folder, 'generator.onnx');
  const origin = { dataset: 'none', step: 0, version: '0' };
  writeFileSync(model, buildGeneratorModel(gan, initialState(gan, 'adam', 3), origin));
  return { folder, model };
}

/** The elements of a .npy file, after checking its header. */
function npy(path: string, shape: string): Float32Array {
  const bytes = readFileSync(path);
  expect(bytes.subarray(0, 8)).toEqual(Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0]));
  const header = 10 + bytes.readUInt16LE(8);
  expect(header % 64).toBe(0);
  expect(bytes.toString('latin1', 10, header)).toContain(
    `'descr': '<f4', 'fortran_order': False, 'shape': (${shape})`,
  );
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset + header, bytes.byteOffset + bytes.length));
}

describe('gan-onnx sample', () => {
  it('gives sample k of a seed the same bits, whatever count, start and batch size', async () => {
    const { folder, model } = generatorFolder();
    const draw = async (name: string, count: number, start: number, batch: number) => {
      const out = join(folder, `${name}.npy`);
      const flags = { '--count': count, '--start': start, '--batch-size': batch, '--seed': 7, '--out': out };
      const args = Object.entries(flags).flatMap(([flag, value]) => [flag, String(value)]);
      const { code } = await ganOnnx(['sample', model, '--format', 'npy', ...args]);
      expect(code).toBe(0);
      return npy(out, `${count}, 1, 28, 28`);
    };
    const all = await draw('all', 100, 0, 256);
    expect(await draw('first', 40, 0, 256)).toEqual(all.subarray(0, 40 * PIXELS));
    expect(await draw('rest', 60, 40, 256)).toEqual(all.subarray(40 * PIXELS));
    expect(await draw('small', 100, 0, 7)).toEqual(all);
    expect(await draw('one', 1, 99, 1)).toEqual(all.subarray(99 * PIXELS));
    expect(new Set(all).size).toBeGreaterThan(1000);
  });

  it('writes one numbered picture a sample, equal to the grid', async () => {
    const { folder, model } = generatorFolder();
    const pictures = join(folder, 'pictures');
    const grid = join(folder, 'grid.png');
    await ganOnnx(['sample', model, '--count', '6', '--start', '3', '--format', 'png', '--out', pictures]);
    await ganOnnx(['sample', model, '--count', '6', '--start', '3', '--columns', '4', '--out', grid]);
    expect(readdirSync(pictures)).toEqual([3, 4, 5, 6, 7, 8].map((k) => `00000${k}.png`));
    const whole = await Jimp.read(grid);
    expect([whole.width, whole.height]).toEqual([4 * 30 + 2, 2 * 30 + 2]);
    const sixth = await Jimp.read(join(pictures, '000008.png'));
    const cut = whole.clone().crop({ x: 32, y: 32, w: 28, h: 28 });
    expect(cut.bitmap.data.equals(sixth.bitmap.data)).toBe(true);
  });

  it('writes the latents that made the samples', async () => {
    const { folder, model } = generatorFolder();
    const [out, latents] = [join(folder, 's.npy'), join(folder, 'z.npy')];
    const flags = ['--count', '50', '--format', 'npy', '--out', out, '--latents', latents];
    const { code, stdout } = await ganOnnx(['sample', model, ...flags]);
    expect(code).toBe(0);
    expect(stdout).toContain(out);
    const z = npy(latents, '50, 100');
    expect(z).toHaveLength(5000);
    const mean = z.reduce((a, b) => a + b, 0) / z.length;
    expect(Math.abs(mean)).toBeLessThan(0.06);
    expect(readdirSync(folder).sort()).toEqual(['generator.onnx', 's.npy', 'z.npy']);
  });

  it('leaves nothing half-written when it is interrupted', async () => {
    const { folder, model } = generatorFolder();
    const args = [
      '--count',
      '1000000',
      '--batch-size',
      '64',
      '--format',
      'npy',
      '--out',
      join(folder, 's.npy'),
    ];
    const { code } = await ganOnnx(['sample', model, ...args], {}, undefined, (child) => {
      const timer = setInterval(() => {
        // Until its temporary file is there, the command may not listen yet.
        if (readdirSync(folder).length === 1) return;
        clearInterval(timer);
        setTimeout(() => child.kill('SIGINT'), 200);
      }, 20);
    });
    expect(code).toBe(130);
    expect(readdirSync(folder)).toEqual(['generator.onnx']);
  });
});

/** The environment of a machine without a GPU: no driver is where there is none to be found. */
const NO_GPU = {
  VK_DRIVER_FILES: '/nowhere.json',
  VK_ICD_FILENAMES: '/nowhere.json',
  CUDA_VISIBLE_DEVICES: '-1',
};

describe('gan-onnx sample --device', () => {
  it.each([
    ['webgpu', /^gan-onnx: --device webgpu cannot be used \(.+\): it needs a GPU and its driver.*\n$/],
    ['cuda', /^gan-onnx: --device cuda cannot be used \(.+\): it needs an NVIDIA GPU with its driver.*\n$/],
  ])('%s says in one line that it is not there, and what it takes', async (device, line) => {
    const { folder, model } = generatorFolder();
    const flags = ['--device', device, '--out', join(folder, 's.png')];
    const { code, stdout, stderr } = await ganOnnx(['sample', model, ...flags], { env: NO_GPU });
    expect(stderr).toMatch(line);
    expect([code, stdout]).toEqual([1, '']);
    expect(readdirSync(folder)).toEqual(['generator.onnx']);
  });

  it('auto takes the cpu where there is no GPU, says so and why, and draws the same', async () => {
    const { folder, model } = generatorFolder();
    const draw = async (device: string) => {
      const out = join(folder, `${device}.npy`);
      const flags = ['--count', '5', '--format', 'npy', '--device', device, '--out', out];
      const result = await ganOnnx(['sample', model, ...flags], { env: NO_GPU });
      expect(result.code).toBe(0);
      return { ...result, bytes: readFileSync(out) };
    };
    const [cpu, auto] = [await draw('cpu'), await draw('auto')];
    expect(auto.bytes.equals(cpu.bytes)).toBe(true);
    expect(auto.stderr).toMatch(
      /^sampling on cpu: cpu takes [\d.]+ ms for 64 samples; webgpu cannot be used \(.+\); cuda cannot be used \(/m,
    );
    expect(cpu.stderr).not.toContain('sampling on');
  });

  it('is no name that there is not: wrong usage', async () => {
    expect((await ganOnnx(['sample', 'g.onnx', '--device', 'abacus'])).code).toBe(2);
  });

  it.skipIf(softwareVulkan() === undefined)('webgpu draws what the cpu draws, within 1e-3', async () => {
    const { folder, model } = generatorFolder();
    const draw = async (device: string) => {
      const out = join(folder, `${device}.npy`);
      const flags = ['--count', '70', '--format', 'npy', '--device', device, '--out', out];
      const { code, stderr } = await ganOnnx(['sample', model, ...flags], { env: softwareVulkan()! });
      expect(code, stderr).toBe(0);
      return npy(out, '70, 1, 28, 28');
    };
    const [gpu, cpu] = [await draw('webgpu'), await draw('cpu')];
    const worst = gpu.reduce((most, value, i) => Math.max(most, Math.abs(value - cpu[i]!)), 0);
    expect(worst).toBeLessThan(1e-3);
  });
});
