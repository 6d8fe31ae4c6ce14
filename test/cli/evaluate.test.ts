import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ganOnnx, idxFile, temporaryFolder } from '../support/cli.js';
import { dataFolder, greyGenerator, PIXELS, SIZE, TEST, TRAIN } from '../support/evaluation.js';

/** Of an image all of whose pixels are `difference` from the only sample's. */
function logDensity(difference: number, sigma: number): number {
  const squares = PIXELS * difference ** 2;
  return -squares / (2 * sigma ** 2) - PIXELS * Math.log(sigma * Math.sqrt(2 * Math.PI));
}

describe('gan-onnx evaluate', () => {
  it('has the log-likelihood of pixels in [0, 1], with sigma chosen on the validation images', async () => {
    const folder = dataFolder();
    const flags = ['--samples', '40', '--valid', '20', '--test', '30', '--seed', '5', '--json'];
    const { code, stdout } = await ganOnnx(['evaluate', greyGenerator(), '--data-dir', folder, ...flags]);
    expect(code).toBe(0);
    const found = JSON.parse(stdout);
    // Grey is 0.3 from validation images (0.8) and from test images (0.2); 0.3 is likeliest at sigma 0.3.
    expect(found.sigma).toBeCloseTo(0.2783, 4);
    expect(found.value).toBeCloseTo(logDensity(0.3, found.sigma), 4);
    expect(found.standardError).toBeCloseTo(0, 6);
    expect(found.course).toHaveLength(10);
    expect(found.course[9]).toEqual({ sigma: 1, mean: expect.closeTo(logDensity(0.3, 1), 4) });
    expect(found).toMatchObject({
      metric: 'parzen',
      counts: { samples: 40, validation: 20, test: 30 },
      seed: 5,
      real: false,
      device: 'cpu',
      generator: { sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
      data: { folder, sha256: { train: expect.stringMatching(/^[0-9a-f]{64}$/) } },
    });
    // Test data are bytes of 51: their digest, of Python's hashlib.
    expect(found.data.sha256.test).toBe('3c4986a8e5ead6b373e076138b8b1899758a38dc73a4573f5eeaefc64b91e4b0');
  });

  it('takes training images for samples, and a sigma as given', async () => {
    const flags = ['--real', '--sigma', '0.25', '--samples', '50000', '--test', '7'];
    const { code, stdout } = await ganOnnx(['evaluate', '--data-dir', dataFolder(), ...flags]);
    expect(code).toBe(0);
    // All of the first 50,000 are black; none of those for validation is among them.
    expect(stdout).toContain(`parzen: ${logDensity(0.2, 0.25).toFixed(2)} +- 0.00`);
    expect(stdout).toMatch(/50000 training images, seed 0, against 7 test images/);
    expect(stdout).toContain('sigma 0.2500, as given');
  });

  it('takes a list of sigmas', async () => {
    const flags = ['--real', '--sigmas', '0.5,0.75', '--samples', '3', '--valid', '2', '--test', '1'];
    const { stdout } = await ganOnnx(['evaluate', '--data-dir', dataFolder(), ...flags]);
    // Validation images are 0.8 from black.
    expect(stdout).toMatch(new RegExp(`0\\.7500 +${logDensity(0.8, 0.75).toFixed(2)}  <- chosen`));
    expect(stdout).toMatch(new RegExp(`0\\.5000 +${logDensity(0.8, 0.5).toFixed(2)}\n`));
  });

  it('has the sliced Wasserstein distance', async () => {
    const flags = ['--metric', 'sliced-wasserstein', '--samples', '30', '--test', '30', '--json'];
    const data = dataFolder();
    const { stdout } = await ganOnnx(['evaluate', greyGenerator(), '--data-dir', data, ...flags]);
    const found = JSON.parse(stdout);
    // Of a shift by 0.3 in each of 16 values: about sqrt(16 * 0.09 / 16).
    expect(found.value).toBeCloseTo(0.3, 1);
    expect(found).toMatchObject({ sigma: null, standardError: null, course: [], counts: { validation: 0 } });
  });

  it('ends at Ctrl-C', async () => {
    let sent = false;
    const flags = ['--samples', '1000000', '--test', '1', '--valid', '1', '--data-dir', dataFolder()];
    const { code, stdout } = await ganOnnx(['evaluate', greyGenerator(), ...flags], {}, (child, stderr) => {
      if (!sent && /samples/.test(stderr)) sent = child.kill('SIGINT');
    });
    expect([sent, code, stdout]).toEqual([true, 130, '']);
  });

  it.each([
    [[], 1, /nothing to evaluate: expected a generator\.onnx, or --real/],
    [['grey.onnx', '--real'], 1, /grey\.onnx and --real: expected one of them/],
    [['missing.onnx', '--test', '1', '--valid', '1'], 1, /missing\.onnx does not exist/],
    [['--real', '--test', '31', '--valid', '1'], 1, /--test 31: expected at most 30/],
    [['--real', '--test', '1', '--valid', '21'], 1, /--valid 21: expected at most 20/],
    [
      ['--real', '--test', '1', '--valid', '1', '--samples', '50001'],
      1,
      /--samples 50001: expected at most 50000/,
    ],
    [['--real', '--sigmas', '0'], 1, /--sigmas 0: expected how many, 1 to 1000, or numbers above 0/],
    [['--real', '--sigmas', '0.1,,1'], 1, /--sigmas 0\.1,,1: expected/],
    [['--real', '--sigma', '0'], 1, /--sigma 0: expected a number above 0/],
    [['--real', '--sigma', '1', '--sigmas', '3'], 2, /'--sigma <x>' cannot be used with option '--sigmas/],
    [['--real', '--metric', 'fid'], 2, /Allowed choices are parzen, sliced-wasserstein/],
    [
      ['--real', '--metric', 'sliced-wasserstein', '--sigma', '1'],
      1,
      /--sigma belongs to --metric parzen; sliced-wasserstein has no sigma/,
    ],
    [
      ['--real', '--metric', 'sliced-wasserstein', '--valid', '1', '--test', '3', '--samples', '2'],
      1,
      /--valid belongs to --metric parzen/,
    ],
  ])('refuses %j', async (flags, code, message) => {
    const result = await ganOnnx(['evaluate', '--data-dir', dataFolder(), ...flags], {
      cwd: temporaryFolder(),
    });
    expect(result.stderr).toMatch(message);
    expect([result.code, result.stdout]).toEqual([code, '']);
    expect(result.stderr.trim().split('\n').length).toBeLessThanOrEqual(code === 1 ? 1 : 3);
  });

  it('refuses a generator of other images than the data', async () => {
    const flags = ['--test', '1', '--valid', '1'];
    const { code, stderr } = await ganOnnx([
      'evaluate',
      greyGenerator(6),
      '--data-dir',
      dataFolder(),
      ...flags,
    ]);
    expect(stderr).toMatch(/grey\.onnx draws images of 1 x 6 x 6, and those in .* are 1 x 4 x 4/);
    expect(code).toBe(1);
  });

  it('says what is wrong with the data', async () => {
    const folder = dataFolder();
    const run = () => ganOnnx(['evaluate', '--real', '--test', '1', '--valid', '1', '--data-dir', folder]);
    writeFileSync(join(folder, TRAIN), idxFile([2, SIZE, SIZE], new Uint8Array(2 * PIXELS)));
    expect((await run()).stderr).toMatch(/found dimensions 2 x 4 x 4, expected at least 50001 images/);
    writeFileSync(join(folder, TRAIN), idxFile([50_001, 1, 1], new Uint8Array(50_001)));
    expect((await run()).stderr).toMatch(/images of 1 x 1 pixels and t10k-images-idx3-ubyte of 4 x 4/);
    rmSync(join(folder, TRAIN));
    expect((await run()).stderr).toMatch(/lacks train-images-idx3-ubyte: expected .* check --data-dir/);
    expect(readdirSync(folder)).toEqual([`${TEST}.gz`]);
    rmSync(folder, { recursive: true });
    const { code, stderr } = await run();
    expect([code, stderr]).toEqual([1, expect.stringMatching(/the data folder .* does not exist/)]);
  });
});
