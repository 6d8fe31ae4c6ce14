import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { buildGeneratorModel, GANS, Graph, initialState } from '../../src/export/index.js';
import { decodeModel, encodeModel } from '../../src/onnx/index.js';
import { ganOnnx, idxFile, idxFolder, smallRun, temporaryFolder } from '../support/cli.js';

/** Expects one line on stderr that matches, the exit code, and nothing on stdout. */
async function expectRefusal(args: readonly string[], code: number, message: RegExp): Promise<void> {
  const result = await ganOnnx(args);
  expect(result.stderr).toMatch(message);
  expect(result.code).toBe(code);
  if (code === 1) {
    const lines = result.stderr.trimEnd().split('\n');
    expect(lines.filter((line) => line.startsWith('gan-onnx: '))).toHaveLength(1);
    expect(result.stderr).not.toMatch(/^ +at /m);
    expect(result.stderr).not.toContain('unexpected error');
  }
  expect(result.stdout).toBe('');
}

describe('gan-onnx train refuses', () => {
  /** A refused run must not leave its folder behind. */
  async function refuses(flags: readonly string[], code: number, message: RegExp): Promise<void> {
    const out = join(temporaryFolder(), 'run');
    await expectRefusal(['train', '--out', out, ...flags], code, message);
    expect(existsSync(out)).toBe(false);
  }
  const mnist = (folder: string, ...flags: string[]) => [
    '--dataset',
    'mnist',
    '--data-dir',
    folder,
    ...flags,
  ];
  const images = 'train-images-idx3-ubyte';
  const labels = 'train-labels-idx1-ubyte';

  it('a --data-dir that does not exist', () =>
    refuses(
      mnist('/nowhere/at/all'),
      1,
      /data folder \/nowhere\/at\/all does not exist: expected a folder with train-images-idx3-ubyte/,
    ));

  it('a --data-dir that is a file', () =>
    refuses(mnist(process.execPath), 1, /is not a folder: expected a folder/));

  it('a --data-dir without the files', () => refuses(mnist(temporaryFolder()), 1, /train-images-idx3-ubyte/));

  it('a truncated IDX file', async () => {
    const folder = idxFolder(20);
    truncateSync(join(folder, images), 500);
    await refuses(mnist(folder), 1, /train-images-idx3-ubyte.*cut short: found 500 bytes, expected 1296/);
  });

  it('an IDX file with the wrong magic number', async () => {
    const folder = idxFolder(20);
    writeFileSync(join(folder, images), idxFile([20, 8, 8], new Uint8Array(20 * 64), 0x12345678));
    await refuses(mnist(folder), 1, /train-images-idx3-ubyte: found first bytes 12345678, expected 000008nn/);
  });

  it('labels that do not match the images', async () => {
    const folder = idxFolder(20);
    writeFileSync(join(folder, labels), idxFile([19], new Uint8Array(19)));
    await refuses(
      mnist(folder),
      1,
      /train-labels-idx1-ubyte: found dimensions 19, expected 20, one label for each image/,
    );
  });

  it('channels that the dataset does not have', () =>
    refuses(['--channels', '3'], 1, /digits has 1 channel.*--channels 1/));

  it('channels that no image has', () => refuses(['--channels', '2'], 1, /channels is 2: expected 1.*or 3/));

  it.each(['0', '-28', '2.5', 'NaN', 'big'])('--img-size %s', (size) =>
    refuses(['--img-size', size], 1, /--img-size .*expected a whole number of at least 1/),
  );

  it('an image size that does not fit the machine, before it opens the data', () =>
    refuses(
      ['--img-size', '200000'],
      1,
      /needs about .* GiB of memory and the machine has .* GiB.*--img-size/,
    ));

  it.each([
    ['--lr', 'NaN'],
    ['--lr', 'fast'],
    ['--lr', '0'],
    ['--lr', '-1'],
    ['--lr', 'Infinity'],
    ['--b1', '1.5'],
    ['--n-epochs', '0'],
    ['--n-epochs', '1.5'],
    ['--batch-size', 'NaN'],
    ['--seed', '-1'],
    ['--seed', '1e300'],
    ['--max-steps', ''],
    ['--k', '0'],
  ])('%s %s', (flag, value) => refuses([`${flag}=${value}`], 1, new RegExp(`${flag} .*: expected a`)));

  it('b2 = 1, with which Adam divides by zero', () => refuses(['--b2', '1'], 1, /b2 is 1: expected/));

  it('a batch of one image, which BatchNorm cannot normalise', async () => {
    await refuses(
      mnist(idxFolder(21), '--img-size', '8', '--batch-size', '20'),
      1,
      /batch of 1 of 21 images.*BatchNorm/,
    );
    await refuses(['--batch-size', '1'], 1, /BatchNorm cannot normalise/);
  });

  it('a --data-dir with a dataset that is not made of files', () =>
    refuses(
      ['--data-dir', temporaryFolder()],
      1,
      /--data-dir .*dataset digits is not made of files: use.*mnist/,
    ));

  it('absurd numbers of updates or threads', async () => {
    await refuses(
      ['--schedule', 'd-first', '--k', '100000000'],
      1,
      /--k .*expected a whole number.*at most 1000/,
    );
    await refuses(['--threads', '100000'], 1, /--threads .*expected a whole number.*at most 256/);
  });

  it('an empty --out', () => expectRefusal(['train', '--out', ''], 1, /--out is empty: expected a path/));

  it('k = 5 with the joint schedule', () => refuses(['--k', '5'], 1, /k is 5.*joint.*d-first or g-first/));

  it('flags of the other optimiser', async () => {
    await refuses(['--optimizer', 'sgd', '--b1', '0.5'], 1, /--b1 and --b2 belong to --optimizer adam/);
    await refuses(['--momentum', '0.5'], 1, /--momentum belongs to --optimizer sgd/);
  });

  it('a run that diverges, keeping its metrics but writing no generator', async () => {
    const out = join(temporaryFolder(), 'run');
    const flags = ['--optimizer', 'sgd', '--lr', '1e30', '--max-steps', '50', '--out', out];
    const { code, stderr, stdout } = await ganOnnx([...smallRun(), ...flags]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/step \d+: [dg]_\w+ is (NaN|-?Infinity).*diverged.*smaller --lr/);
    expect(stdout).toBe('');
    expect(existsSync(join(out, 'generator.onnx'))).toBe(false);
    expect(readFileSync(join(out, 'metrics.jsonl'), 'utf8')).toContain('"step":0');
  });

  it('a run whose very last update diverges', async () => {
    const out = join(temporaryFolder(), 'run');
    const flags = ['--lr', '1e38', '--batch-size', '50', '--max-steps', '1', '--out', out];
    const { code, stderr } = await ganOnnx([...smallRun(), ...flags]);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /step 1: .*(is not finite|not numbers).*, so training has diverged and no generator was written/,
    );
    expect(existsSync(join(out, 'generator.onnx'))).toBe(false);
  });

  it.each([
    [['--bogus'], /unknown option '--bogus'/],
    [['--lr'], /argument missing/],
    [['--schedule', 'random'], /Allowed choices are joint, d-first, g-first/],
    [['--loss', 'hinge'], /Allowed choices are nonsaturating, minimax/],
    [['extra'], /too many arguments/],
    [['--dataset', 'faces'], /Allowed choices are digits, mnist/],
    [['--dataset', 'constructor'], /Allowed choices are digits, mnist/],
    [['--preset', 'best'], /Allowed choices are quick, pytorch-gan, .*list/],
    [['--preset', 'constructor'], /Allowed choices are/],
  ])('wrong usage %j with exit code 2', (flags, message) => refuses(flags, 2, message));

  it.each([
    ['dcgan', '30', /dcgan makes images of a multiple of 4 pixels, not 30 x 30: choose another --img-size/],
    ['goodfellow-cifar-conv', '28', /makes images of 8, 11, 14 .*, not 28 x 28: choose another --img-size/],
  ])('an image size that the convolutions of %s do not make, %s', (network, size, message) =>
    refuses(['--network', network, '--img-size', size], 1, message),
  );

  it('an --out that is a file, or below one', async () => {
    const file = join(temporaryFolder(), 'file');
    writeFileSync(file, 'mine');
    await expectRefusal(['train', '--out', file], 1, /--out .*file.*is a file, expected a folder/);
    await expectRefusal(['train', '--out', join(file, 'run')], 1, /is a file, expected a folder/);
    expect(readFileSync(file, 'utf8')).toBe('mine');
  });

  it('an --out that already holds something', async () => {
    const out = temporaryFolder();
    writeFileSync(join(out, 'thesis.txt'), 'mine');
    await expectRefusal(['train', '--out', out], 1, /already holds files.*--force/);
    expect(readFileSync(join(out, 'thesis.txt'), 'utf8')).toBe('mine');
  });

  it('with --force, a folder that no run of its own left, or one with links in it', async () => {
    const out = temporaryFolder();
    writeFileSync(join(out, 'config.json'), '{"name": "my project"}');
    await expectRefusal(['train', '--out', out, '--force'], 1, /holds files that are not a run's/);
    expect(readFileSync(join(out, 'config.json'), 'utf8')).toContain('my project');
    const elsewhere = temporaryFolder();
    writeFileSync(join(elsewhere, '1.png'), 'mine');
    writeFileSync(join(out, 'config.json'), '{"version": "0", "gan": "mlp", "batchSize": 64}');
    symlinkSync(elsewhere, join(out, 'images'));
    await expectRefusal(['train', '--out', out, '--force'], 1, /its images is not what a run leaves/);
    expect(readFileSync(join(elsewhere, '1.png'), 'utf8')).toBe('mine');
  });

  it.skipIf(process.getuid?.() === 0)(
    'an --out that it may not write (needs a user other than root)',
    async () => {
      const out = temporaryFolder();
      chmodSync(out, 0o500);
      await expectRefusal(['train', '--out', join(out, 'run')], 1, /may not be used \(permission denied\)/);
    },
  );

  it.runIf(existsSync('/proc/self'))('an --out on a file system that takes no folders', () =>
    expectRefusal(
      ['train', ...smallRun().slice(1), '--out', '/proc/gan-onnx'],
      1,
      /--out .*cannot be written/,
    ),
  );
});

describe('gan-onnx sample refuses', () => {
  const gan = GANS.mlp({ image: [1, 8, 8], latentSize: 4 });
  let generator: Uint8Array;
  beforeAll(() => {
    generator = buildGeneratorModel(gan, initialState(gan, 'adam', 1), {
      dataset: 'none',
      step: 0,
      version: '0',
    });
  });

  /** Writes `bytes` as a model, expects a refusal, and that nothing was written. */
  async function refuses(
    bytes: Uint8Array,
    flags: readonly string[],
    code: number,
    message: RegExp,
  ): Promise<void> {
    const folder = temporaryFolder();
    const model = join(folder, 'generator.onnx');
    writeFileSync(model, bytes);
    const out = join(folder, 'samples.png');
    await expectRefusal(['sample', model, '--out', out, ...flags], code, message);
    expect(existsSync(out)).toBe(false);
  }

  it('a file that does not exist', () =>
    expectRefusal(['sample', 'nowhere.onnx'], 1, /nowhere\.onnx does not exist: expected a generator\.onnx/));

  it('a folder', () =>
    expectRefusal(['sample', temporaryFolder()], 1, /is a folder: expected a generator\.onnx/));

  it('an empty file', () => refuses(new Uint8Array(0), [], 1, /generator\.onnx: not an ONNX model/));

  it('a picture', () =>
    refuses(
      new TextEncoder().encode('\x89PNG\r\n\x1a\n and so on'),
      [],
      1,
      /generator\.onnx: not an ONNX model/,
    ));

  it('a truncated generator', () =>
    refuses(
      generator.subarray(0, generator.length / 2),
      [],
      1,
      /generator\.onnx: not an ONNX model, or damaged/,
    ));

  it('a generator with an operator that does not exist', () => {
    const model = decodeModel(generator);
    model.graph!.node!.at(-1)!.op_type = 'Tanq';
    const damaged = encodeModel(model);
    return refuses(
      damaged,
      [],
      1,
      /generator\.onnx: node "Min_8" \(Tanq\): this operator is not among those/,
    );
  });

  it('a model that is no generator', async () => {
    const graph = new Graph('adder');
    graph.output('sum', graph.input('a', 'float32', [2]).add(graph.input('b', 'float32', [2])));
    await refuses(graph.toBytes(), [], 1, /not a generator: it has 2 inputs/);
    const flat = new Graph('flat');
    flat.output('y', flat.input('x', 'float32', ['N', 4]).tanh());
    await refuses(
      flat.toBytes(),
      [],
      1,
      /not a generator: output y is \[64,4\] for 64 latents, expected \[N, C, H, W\] \(for rows of pixels, option shape\)/,
    );
  });

  it.each([
    ['--count', '0'],
    ['--count', 'NaN'],
    ['--count', '1.5'],
    ['--start', '-1'],
    ['--seed', 'x'],
    ['--columns', '0'],
    ['--batch-size', '0'],
  ])('%s %s', (flag, value) =>
    refuses(generator, [`${flag}=${value}`], 1, new RegExp(`${flag} .*: expected a`)),
  );

  it('a grid too large to look at', () =>
    refuses(generator, ['--count', '10000000'], 1, /grid of 10000000 images.*--format png or npy/));

  it('more samples than the disk holds', () =>
    refuses(
      generator,
      ['--count', '10000000000000', '--format', 'npy'],
      1,
      /would take .* bytes and its disk has/,
    ));

  it('an output that exists', async () => {
    const folder = temporaryFolder();
    const model = join(folder, 'generator.onnx');
    writeFileSync(model, generator);
    writeFileSync(join(folder, 'mine.png'), 'mine');
    await expectRefusal(['sample', model, '--out', join(folder, 'mine.png')], 1, /already exists.*--force/);
    expect(readFileSync(join(folder, 'mine.png'), 'utf8')).toBe('mine');
    const pictures = join(folder, 'pictures');
    mkdirSync(pictures);
    writeFileSync(join(pictures, 'holiday.png'), 'mine');
    const args = ['sample', model, '--format', 'png', '--out', pictures, '--force'];
    await expectRefusal(args, 1, /holds files that are not samples/);
    expect(readFileSync(join(pictures, 'holiday.png'), 'utf8')).toBe('mine');
  });

  it('to overwrite the generator, or to write two outputs to one file', async () => {
    const folder = temporaryFolder();
    const model = join(folder, 'generator.onnx');
    writeFileSync(model, generator);
    await expectRefusal(['sample', model, '--out', model, '--force'], 1, /is the generator itself/);
    const [a, same] = [join(folder, 'a.npy'), join(folder, 'x', '..', 'a.npy')];
    const args = ['--format', 'npy', '--out', a, '--latents', same];
    await expectRefusal(['sample', model, ...args], 1, /--latents .* is the same as --out/);
    expect(readdirSync(folder)).toEqual(['generator.onnx']);
    expect(readFileSync(model).equals(generator)).toBe(true);
  });

  it.runIf(existsSync('/dev/zero'))('a device in the place of a file', async () => {
    await expectRefusal(['sample', '/dev/zero'], 1, /\/dev\/zero is a device or pipe: expected a generator/);
    await refuses(generator, ['--out', '/dev/null', '--force'], 1, /\/dev\/null exists and is not a file/);
  });

  it('models that could only run otherwise than described', async () => {
    const fixed = decodeModel(generator);
    fixed.graph!.output![0]!.type!.tensor_type!.shape!.dim![0] = { dim_value: 1 };
    await refuses(
      encodeModel(fixed),
      [],
      1,
      /its output image is \[64,1,8,8\] for 64 latents, not \[1,1,8,8\]/,
    );
    const double = decodeModel(generator);
    double.graph!.input![0]!.type!.tensor_type!.elem_type = 11;
    await refuses(encodeModel(double), [], 1, /generator\.onnx: its input z is float64, expected float32/);
  });

  it('a generator whose images are not numbers', async () => {
    const state = initialState(gan, 'adam', 1);
    state.get('generator.6.bias')!.data.fill(Number.NaN);
    const origin = { dataset: 'none', step: 0, version: '0' };
    await refuses(
      buildGeneratorModel(gan, state, origin),
      [],
      1,
      /generator\.onnx: its images are not numbers/,
    );
  });

  it('an output in a folder that does not exist', () =>
    refuses(generator, ['--out', '/nowhere/samples.png'], 1, /folder \/nowhere does not exist/));

  it.each([
    [[], /missing required argument/],
    [['a.onnx', 'b.onnx'], /too many arguments/],
    [['a.onnx', '--format', 'gif'], /Allowed choices are grid, png, npy/],
  ])('wrong usage %j with exit code 2', (args, message) => expectRefusal(['sample', ...args], 2, message));
});

describe('gan-onnx', () => {
  it('refuses a command it does not know, with exit code 2', () =>
    expectRefusal(['draw'], 2, /unknown command 'draw'/));
});
