import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Precision } from '../../src/export/generator-model.js';
import { buildGeneratorModel, GANS, Graph, initialState } from '../../src/export/index.js';
import { reasonOf } from '../../src/infer/device-error.js';
import { deviceError, type SampleDevice } from '../../src/infer/devices.js';
import { fastestModel } from '../../src/infer/fastest-device.js';
import { DeviceError, type LoadedModel, TILE } from '../../src/infer/index.js';
import { encodeModel } from '../../src/onnx/index.js';
import { softwareVulkan } from '../support/software-vulkan.js';

type Infer = typeof import('../../src/infer/index.js');

/** The built library: a GPU's process runs JavaScript. */
const BUILT = new URL('../../dist/infer/index.js', import.meta.url).href;
const { Generator } = (await import(/* @vite-ignore */ BUILT)) as Infer;

const CANDIDATES = { processor: 'cpu', gpus: ['webgpu', 'cuda'] } as const;

const gan = GANS.mlp({ image: [1, 8, 8], latentSize: 8 });
const generatorBytes = (precision: Precision) =>
  buildGeneratorModel(
    gan,
    initialState(gan, 'adam', 1),
    { dataset: 'none', step: 0, version: '0' },
    precision,
  );

/** Sets environment variables for the processes that are started while a group of tests runs. */
function withEnvironment(variables: Record<string, string>): void {
  const before = new Map(Object.keys(variables).map((name) => [name, process.env[name]]));
  beforeAll(() => {
    Object.assign(process.env, variables);
  });
  afterAll(() => {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  });
}

describe('what went wrong with a device', () => {
  it.each([
    [
      {
        message: '/src/webgpu_context.cc:136 lambda status == Success was false. Failed to get an adapter\n',
      },
      'Failed to get an adapter',
    ],
    [
      {
        message: 'OrtSessionOptionsAppendExecutionProvider_Cuda: Failed to load shared library',
        log: '1 : FAIL : Failed to load library /a/b/libonnxruntime_providers_cuda.so with error: libcuda.so.1: cannot open shared object file: No such file or directory\n\u001b[m\n',
      },
      'libcuda.so.1: cannot open shared object file: No such file or directory',
    ],
    [
      {
        message: 'Invalid Buffer',
        log: 'WebGPU device error(3): vkAllocateMemory failed with VK_ERROR_OUT_OF_DEVICE_MEMORY\n - While',
      },
      'vkAllocateMemory failed with VK_ERROR_OUT_OF_DEVICE_MEMORY',
    ],
    [{ message: 'its process ended with SIGSEGV' }, 'its process ended with SIGSEGV'],
  ])('is found in the words of native code: %j', (failure, reason) => {
    expect(reasonOf(failure)).toBe(reason);
  });

  it('is one line that says what was tried, what was found and what to do', () => {
    const lost = deviceError('webgpu', { message: 'Device lost\nat x' }, 'running');
    expect(lost).toBeInstanceOf(DeviceError);
    expect(lost.device).toBe('webgpu');
    expect(lost.message).toBe(
      'device webgpu failed while sampling (Device lost): try again, or use device cpu',
    );
    expect(deviceError('cuda', { message: 'no library' }, 'loading').message).toMatch(
      /^device cuda cannot be used \(no library\): it needs an NVIDIA GPU .*: install them, or use device/,
    );
    expect(deviceError('cpu', { message: 'std::bad_alloc' }, 'loading').message).toBe(
      'device cpu ran out of memory (std::bad_alloc): end other programs, or use a generator of smaller images',
    );
  });
});

describe('the fastest device', () => {
  /** A device that draws `image` everywhere in so many milliseconds. */
  interface Fake {
    ms: number;
    image?: number;
  }

  async function choose(devices: Partial<Record<SampleDevice, Fake>>) {
    const released: string[] = [];
    const open = async (device: SampleDevice): Promise<LoadedModel> => {
      const fake = devices[device];
      if (fake === undefined) throw new DeviceError(device, 'cannot be used (it is not there)', 'buy one');
      return {
        placement: { device, reason: '', wholly: true },
        async run() {
          await new Promise((resolve) => setTimeout(resolve, fake.ms));
          return new Float32Array(TILE).fill(fake.image ?? 0);
        },
        release: async () => {
          released.push(device);
        },
      };
    };
    const { placement } = await fastestModel(open, CANDIDATES, {
      latents: new Float32Array(TILE),
      count: TILE,
    });
    return { ...placement, released };
  }

  it('is taken, and the others are let go', async () => {
    const { device, reason, released } = await choose({
      cpu: { ms: 40 },
      webgpu: { ms: 15 },
      cuda: { ms: 2 },
    });
    expect(device).toBe('cuda');
    expect(released).toEqual(['webgpu', 'cpu']);
    expect(reason).toMatch(
      /^cuda takes [\d.]+ ms for 64 samples; webgpu takes \d+ ms for 64 samples; cpu takes \d+ ms/,
    );
  });

  it('is the cpu where nothing else is there', async () => {
    const { device, reason, released } = await choose({ cpu: { ms: 1 } });
    expect([device, released]).toEqual(['cpu', []]);
    expect(reason).toMatch(
      /cpu takes .*; webgpu cannot be used \(it is not there\); cuda cannot be used \(it is not there\)$/,
    );
  });

  it.each([0.2, Number.NaN])('is none that draws %f where the cpu draws 0', async (image) => {
    const { device, reason, released } = await choose({ cpu: { ms: 20 }, webgpu: { ms: 1, image } });
    expect([device, released]).toEqual(['cpu', ['webgpu']]);
    expect(reason).toContain('webgpu draws other images than cpu');
  });

  it('fails as the cpu fails', async () => {
    await expect(choose({ webgpu: { ms: 1 } })).rejects.toThrow('device cpu cannot be used');
  });
});

/** A model that needs the CPU's help on webgpu, which has no Sign. */
function signModel(): Uint8Array {
  const graph = new Graph('sign');
  graph.output('image', graph.input('z', 'float32', ['N', 4]).tanh().reshape(['N', 1, 2, 2]));
  const model = graph.toModel();
  const nodes = model.graph!.node!;
  nodes[0]!.input = ['sign'];
  nodes.unshift({ input: ['z'], output: ['sign'], op_type: 'Sign', name: 'sign' });
  return encodeModel(model);
}

/** A model with a tensor of more than a gibibyte, which software Vulkan does not allocate. */
function hugeModel(): Uint8Array {
  const width = (1100 * 2 ** 20) / 4 / TILE;
  const graph = new Graph('huge');
  const row = graph.constant('row', 'float32', [1, width], new Float32Array(width));
  const z = graph.input('z', 'float32', ['N', 4]);
  graph.output('image', z.mean([1], true).matmul(row).tanh().mean([1], true).reshape(['N', 1, 1, 1]));
  return graph.toBytes();
}

/** Ends the processes of GPUs that this process has started, as a crashing driver would. */
function crashDevices(): void {
  const children = readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8');
  for (const pid of children.trim().split(' ')) {
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    if (command.includes('device-process')) process.kill(Number(pid), 'SIGSEGV');
  }
}

describe.skipIf(softwareVulkan() === undefined)('a generator on webgpu', () => {
  withEnvironment(softwareVulkan() ?? {});

  it.each<Precision>(['fp32', 'fp16'])(
    'runs wholly there and draws what the cpu draws, in %s',
    async (precision) => {
      const bytes = generatorBytes(precision);
      const [gpu, cpu] = [await Generator.load(bytes, { device: 'webgpu' }), await Generator.load(bytes)];
      expect(gpu.placement).toEqual({ device: 'webgpu', reason: 'asked for', wholly: true });
      const request = { count: 100, seed: 3, start: 50 };
      const [found, expected] = [await gpu.sample(request), await cpu.sample(request)];
      expect(found.latents).toEqual(expected.latents);
      const worst = found.data.reduce((most, x, i) => Math.max(most, Math.abs(x - expected.data[i]!)), 0);
      expect(worst).toBeLessThan(1e-3);
      // Two requests at once get their own answers.
      const [a, b] = await Promise.all([gpu.sample({ count: 3 }), gpu.sample({ count: 3, start: 3 })]);
      expect((await gpu.sample({ count: 6 })).data).toEqual(Float32Array.of(...a.data, ...b.data));
      await Promise.all([gpu.release(), cpu.release()]);
      await expect(gpu.sample({ count: 1 })).rejects.toThrow('the generator was released');
    },
  );

  it('takes the help of the CPU where it must, in silence', async () => {
    const generator = await Generator.load(signModel(), { device: 'webgpu' });
    expect(generator.placement.wholly).toBe(false);
    expect((await generator.sample({ count: 2 })).data.every((x) => Math.abs(x) > 0.76)).toBe(true);
    await generator.release();
  });

  it('says when the memory of the GPU is full', async () => {
    const generator = await Generator.load(hugeModel(), { device: 'webgpu' });
    await expect(generator.sample({ count: 1 })).rejects.toMatchObject({
      name: 'DeviceError',
      message: expect.stringMatching(
        /^device webgpu ran out of memory \(.*\): use a GPU with more memory, or device cpu$/,
      ),
    });
    await generator.release();
  });

  it.skipIf(process.platform !== 'linux')('is lost in words when its driver crashes', async () => {
    const generator = await Generator.load(generatorBytes('fp32'), { device: 'webgpu' });
    await generator.sample({ count: 1 });
    crashDevices();
    const lost =
      'device webgpu failed while sampling (its process ended with SIGSEGV): try again, or use device cpu';
    await expect(generator.sample({ count: 1 })).rejects.toThrow(lost);
    await expect(generator.sample({ count: 1 })).rejects.toThrow(lost);
    await generator.release();
  });

  it('blames the model where the cpu refuses it too', async () => {
    const model = new Graph('unknown');
    model.output('image', model.input('z', 'float32', ['N', 4]).tanh().reshape(['N', 1, 2, 2]));
    const message = model.toModel();
    message.ir_version = 99;
    await expect(Generator.load(encodeModel(message), { device: 'webgpu' })).rejects.toMatchObject({
      name: 'InvalidModelError',
      message: expect.stringMatching(/^ONNX Runtime refuses it/),
    });
  });
});

describe('a device that is not there', () => {
  withEnvironment({
    VK_DRIVER_FILES: '/nowhere.json',
    VK_ICD_FILENAMES: '/nowhere.json',
    CUDA_VISIBLE_DEVICES: '-1',
  });

  it('is an error of its own', async () => {
    await expect(Generator.load(generatorBytes('fp32'), { device: 'webgpu' })).rejects.toMatchObject({
      name: 'DeviceError',
      device: 'webgpu',
      message: expect.stringMatching(/^device webgpu cannot be used \(.+\): it needs a GPU and its driver/),
    });
  });

  it('is passed over by auto', async () => {
    const generator = await Generator.load(generatorBytes('fp32'), { device: 'auto' });
    expect(generator.placement.device).toBe('cpu');
    expect(generator.placement.reason).toMatch(
      /^cpu takes [\d.]+ ms for 64 samples; webgpu cannot be used \(/,
    );
    await generator.release();
  });
});
