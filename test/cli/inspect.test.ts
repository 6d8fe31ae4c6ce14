import { createHash } from 'node:crypto';
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { decodeModel, encodeModel, type ModelProto } from '../../src/onnx/index.js';
import { ganOnnx, temporaryFolder } from '../support/cli.js';

const MNIST = 'models/mnist/generator.onnx';

/** A file with models/mnist's generator, changed. */
function changed(change: (model: ModelProto) => void): string {
  const model = decodeModel(readFileSync(MNIST));
  change(model);
  return modelFile(encodeModel(model));
}

function modelFile(bytes: Uint8Array): string {
  const path = join(temporaryFolder(), 'model.onnx');
  writeFileSync(path, bytes);
  return path;
}

async function inspected(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await ganOnnx(['inspect', ...args]);
  expect([code, stderr]).toEqual([0, '']);
  return stdout;
}

// biome-ignore lint/suspicious/noExplicitAny: its keys are what the tests look at
const json = async (...args: string[]): Promise<any> => JSON.parse(await inspected(...args, '--json'));

/** Characters that a terminal may act on, or not show. */
const HARMFUL = /[^\P{C}\n]/u;

describe('gan-onnx inspect', () => {
  it('says in 80 columns what a model is', async () => {
    const text = await inspected(MNIST);
    const bytes = readFileSync(MNIST);
    for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
    const lines = [
      `file          ${MNIST}`,
      'bytes         2,215,789',
      `SHA-256       ${createHash('sha256').update(bytes).digest('hex')}`,
      'producer      gan-onnx 0.1.0',
      'IR version    8',
      'opsets        ai.onnx 18',
      '  z  float32 [N, 64]',
      '  image  float32 [N, 1, 28, 28]',
      'parameters    553,488 float32',
      'initialisers  15 tensors, 2,213,984 bytes: float32 2,213,952, int64 32',
      'nodes         9',
      'FLOPs         1,102,368 (1.10 M) a sample, most in Gemm 99.7 %,',
      '  operator               nodes   FLOPs a sample    share',
      '  Gemm                       3        1,099,280   99.7 %',
      '  Tanh                       1              784    0.1 %',
      '  latent.size          64',
    ];
    expect(text.split('\n')).toEqual(expect.arrayContaining(lines));
    expect(text).toMatch(/\ngan-onnx sample can use it: normal latents of 64, images of 1 x 28 x 28\n$/);
  });

  it('says the same as JSON', async () => {
    expect(await json(MNIST)).toMatchObject({
      file: MNIST,
      bytes: 2215789,
      producer: { name: 'gan-onnx', version: '0.1.0' },
      irVersion: 8,
      opsets: [{ domain: 'ai.onnx', version: 18 }],
      inputs: [{ name: 'z', type: 'float32', shape: ['N', 64] }],
      outputs: [{ name: 'image', type: 'float32', shape: ['N', 1, 28, 28] }],
      parameters: 553488,
      initialisers: [
        { type: 'float32', float: true, tensors: 14, elements: 553488, bytes: 2213952 },
        { type: 'int64', float: false, tensors: 1, elements: 4, bytes: 32 },
      ],
      nodes: 9,
      operators: expect.arrayContaining([{ operator: 'Gemm', nodes: 3 }]),
      flops: { perSample: 1102368, perRun: 0, batch: 'any', unknown: null },
      metadata: { 'latent.size': '64', 'image.range': '[-1,1]' },
      generator: {
        usable: true,
        reason: null,
        latentSize: 64,
        distribution: { kind: 'normal' },
        image: [1, 28, 28],
      },
    });
  });

  it('has the same keys for a model that is no generator and whose FLOPs are unknown', async () => {
    const file = changed(({ graph }) => {
      graph!.node![0]!.op_type = 'Surprise';
      graph!.output!.push({ name: 'also', type: graph!.output![0]!.type! });
      graph!.node!.push({ op_type: 'Identity', input: ['image'], output: ['also'] });
    });
    const [one, other] = [await json(MNIST), await json(file)];
    expect(Object.keys(other)).toEqual(Object.keys(one));
    for (const key of ['flops', 'generator']) expect(Object.keys(other[key])).toEqual(Object.keys(one[key]));
    expect(other.flops).toMatchObject({
      perSample: null,
      perRun: null,
      batch: null,
      unknown: 'the cost of Surprise cannot be told from shapes',
      operators: [],
    });
    const text = await inspected(file);
    expect(text).toContain('\nFLOPs         unknown (the cost of Surprise cannot be told from shapes)\n');
    expect(text).toMatch(/\n {2}operator +nodes\n/);
    expect(text).toMatch(
      /\ngan-onnx sample cannot use it: not a generator: it has 2 outputs, expected one \(image, also\)[^\n]*\n$/,
    );
  });

  it('takes the sizes of axes that a model leaves open', async () => {
    const file = changed(({ graph }) => {
      graph!.input![0]!.type!.tensor_type!.shape!.dim![1] = { dim_param: 'latent_size' };
    });
    expect(await inspected(file)).toContain('unknown (axis 1 of input "z" has the open size "latent_size",');
    expect((await json(file, '--dim', 'latent_size=64')).flops.perSample).toBe(1102368);
    expect((await json(file, '--dim', 'latent_size=64', '--dim=N=5')).flops).toMatchObject({
      perSample: 1102368,
      batch: 5,
    });
    expect((await json(file, '--dim', 'latent_size=63')).flops.unknown).toMatch(
      /63 columns do not meet 64 rows/,
    );
    for (const wrong of ['N', 'N=', 'N=0', 'N=1.5', '=3', 'N=1e400']) {
      const { code, stderr } = await ganOnnx(['inspect', file, '--dim', wrong]);
      expect([code, stderr]).toEqual([
        1,
        expect.stringMatching(/^gan-onnx: --dim .*: expected <name>=<size>.*\n$/),
      ]);
    }
  });

  it('makes names and metadata harmless to a terminal, and cuts long ones', async () => {
    const file = changed((model) => {
      model.producer_name = 'a\u001b[2Jb';
      model.metadata_props = [
        { key: 'title\u0007', value: 'one\ntwo\u001b]0;x\u0007\u202e' },
        { key: 'classes', value: 'x'.repeat(100_000) },
        { key: '__proto__', value: 'kept' },
      ];
      model.graph!.node![0]!.domain = 'own\u202e';
    });
    const text = await inspected(file);
    expect(text).not.toMatch(HARMFUL);
    expect(text).toContain('producer      a\u{fffd}[2Jb 0.1.0\n');
    expect(text).toContain('one\\ntwo\\u{1b}]0;x\\u{7}\\u{202e}\n');
    expect(text).toMatch(/ {2}classes {4}x{40,60} … \(100,000 characters\)\n/);
    expect(text).toContain('own\u{fffd}.Gemm');
    const raw = await inspected(file, '--json');
    expect(raw).not.toMatch(HARMFUL);
    const { producer, metadata } = JSON.parse(raw);
    expect(producer.name).toBe('a\u001b[2Jb');
    expect(metadata['title\u0007']).toBe('one\ntwo\u001b]0;x\u0007\u202e');
    expect(metadata.classes).toHaveLength(100_000);
    expect(Object.getOwnPropertyDescriptor(metadata, '__proto__')?.value).toBe('kept');
  });

  it('counts what is too much to list', async () => {
    const file = changed((model) => {
      model.metadata_props = Array.from({ length: 100 }, (_, i) => ({ key: `k${i}`, value: '' }));
    });
    expect(await inspected(file)).toContain('\n  … and 40 more (--json lists all)\n');
    expect(Object.keys((await json(file)).metadata)).toHaveLength(100);
  });
});

describe('gan-onnx inspect refuses', () => {
  async function refuses(path: string, message: RegExp, ...flags: string[]): Promise<void> {
    const { code, stdout, stderr } = await ganOnnx(['inspect', path, ...flags]);
    expect(stderr).toMatch(message);
    expect(stderr.split('\n')).toHaveLength(2);
    expect(stderr).not.toContain('unexpected');
    expect([code, stdout]).toEqual([1, '']);
  }

  it('a file that does not exist', () =>
    refuses('nowhere.onnx', /^gan-onnx: nowhere\.onnx does not exist: expected an ONNX model/));

  it('a folder', () => refuses(temporaryFolder(), /is a folder: expected an ONNX model/));

  it('an empty file', () =>
    refuses(modelFile(new Uint8Array(0)), /model\.onnx: not an ONNX model.*: expected an/));

  it('text', () =>
    refuses(modelFile(Buffer.from('hello\n'.repeat(100))), /model\.onnx: not an ONNX model, or damaged/));

  it('a truncated model, with --json too', async () => {
    const file = modelFile(readFileSync(MNIST));
    truncateSync(file, 1_000_000);
    await refuses(file, /model\.onnx: not an ONNX model, or damaged/);
    await refuses(file, /model\.onnx: not an ONNX model, or damaged/, '--json');
  });

  it('a model whose tensors lie in another file', async () => {
    const file = changed(({ graph }) => {
      const [first] = graph!.initializer!;
      delete first!.raw_data;
      first!.data_location = 1;
      first!.external_data = [{ key: 'location', value: '../../../etc/passwd' }];
    });
    await refuses(file, /keeps its data in another file, which is not supported: expected an ONNX model/);
  });

  it('names with control characters, without repeating them', async () => {
    const file = changed(({ graph }) => {
      graph!.node![0]!.name = 'x\u001b[2J\n';
    });
    await refuses(file, /node "x\ufffd\[2J\ufffd" has control characters in its name/);
  });

  it('wrong usage with exit code 2', async () => {
    for (const args of [[], ['a.onnx', 'b.onnx'], ['a.onnx', '--xml']]) {
      expect((await ganOnnx(['inspect', ...args])).code).toBe(2);
    }
  });
});
