import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ganOnnx, smallRun, temporaryFolder } from '../support/cli.js';
import { dataFolder, greyGenerator } from '../support/evaluation.js';
import { MPIRUN, startRanks } from '../support/mpirun.js';

const MODEL = resolve('models/mnist/generator.onnx');

/** What MPICH's launcher sets for the first of two processes; nobody starts the second. */
const FIRST_OF_TWO = { PMI_RANK: '0', PMI_SIZE: '2', MPI_LOCALRANKID: '0', MPI_LOCALNRANKS: '2' };

it.skipIf(MPIRUN.mpich === undefined)('gan-onnx sample makes a shard of each rank', async () => {
  const folder = temporaryFolder();
  const args = ['sample', MODEL, '--count', '3000', '--format', 'idx', '--part-size', '512'];
  const together = join(folder, 'together');
  expect(await startRanks('mpich', 2, [...args, '--out', together]).done).toMatchObject({ code: 0 });
  const apart = join(folder, 'apart');
  for (const shard of ['0/2', '1/2']) await ganOnnx([...args, '--shard', shard, '--out', apart]);
  expect(readdirSync(together)).toEqual(readdirSync(apart));
  expect(readdirSync(together).length).toBe(8);
  for (const name of readdirSync(apart)) {
    expect(readFileSync(join(together, name)).equals(readFileSync(join(apart, name))), name).toBe(true);
  }
});

it('refuses --shard under a launcher', async () => {
  const { code, stderr } = await ganOnnx(['sample', MODEL, '--shard', '0/2'], { env: FIRST_OF_TWO });
  expect(code).toBe(1);
  expect(stderr).toBe(
    'gan-onnx: --shard is what mpirun makes of its ranks: leave it away, or start without mpirun\n',
  );
});

it.skipIf(MPIRUN.mpich === undefined)('gan-onnx sample leaves no rank without a part', async () => {
  const out = join(temporaryFolder(), 'samples');
  const args = ['sample', MODEL, '--count', '1001', '--format', 'idx', '--out', out];
  const { code, stdout } = await startRanks('mpich', 2, args).done;
  expect(code).toBe(0);
  expect(stdout).toContain('shard 0 of 2: 448 samples (0 to 447) of seed 0 in 1 part');
  expect(stdout).toContain('shard 1 of 2: 553 samples (448 to 1000) of seed 0 in 2 parts');
});

describe.skipIf(MPIRUN.mpich === undefined)('what all ranks get wrong is said once', () => {
  it.each([
    [
      'sample --out -',
      ['sample', MODEL, '--out', '-'],
      'gan-onnx: --out - takes no parts, and the 2 processes that mpirun started write parts: name a folder, or start one\n',
    ],
    [
      'sample as a grid',
      ['sample', MODEL],
      'gan-onnx: --format grid is one picture, and the 2 processes that mpirun started write parts: ' +
        'use --format png or another one, or start one process\n',
    ],
    [
      'sample without a model',
      ['sample', '/nowhere.onnx', '--format', 'png'],
      'gan-onnx: /nowhere.onnx does not exist: expected a generator.onnx of gan-onnx train that can be read\n',
    ],
    ['a value', ['train', '--lr', 'x'], 'gan-onnx: --lr x: expected a number above 0\n'],
  ])('%s', async (_, args, stderr) => {
    expect(await startRanks('mpich', 2, args).done).toEqual({ code: 1, stdout: '', stderr });
  });

  it('an unknown flag', async () => {
    const { code, stderr } = await startRanks('mpich', 2, ['sample', '--bogus']).done;
    expect(code).toBe(2);
    expect(stderr.match(/unknown option '--bogus'/g)).toHaveLength(1);
  });

  it('evaluate without a model, and no rank aborts', async () => {
    const args = ['evaluate', '/nowhere.onnx', '--data-dir', dataFolder(), '--test', '30', '--valid', '20'];
    expect(await startRanks('mpich', 2, args).done).toEqual({
      code: 1,
      stdout: '',
      stderr:
        'gan-onnx: /nowhere.onnx does not exist: expected a generator.onnx of gan-onnx train that can be read\n',
    });
  });

  it('evaluate with a model of other images', async () => {
    const args = ['evaluate', greyGenerator(8), '--data-dir', dataFolder(), '--test', '30', '--valid', '20'];
    const { code, stderr } = await startRanks('mpich', 2, args).done;
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^gan-onnx: \S+ draws images of 1 x 8 x 8, and those in .*: use the data it was trained on\n$/,
    );
  });
});

it.skipIf(MPIRUN.mpich === undefined)(
  'gan-onnx evaluate measures on two ranks what it does on one',
  async () => {
    const flags = ['--samples', '40', '--valid', '20', '--test', '29', '--json'];
    const args = ['evaluate', greyGenerator(), '--data-dir', dataFolder(), ...flags];
    const [one, two] = [await ganOnnx(args), await startRanks('mpich', 2, args).done];
    expect([one.code, two.code]).toEqual([0, 0]);
    const [{ value }, found] = [one, two].map(({ stdout }) => JSON.parse(stdout));
    expect(found.value).toBeCloseTo(value, 6);
    expect(two.stderr).not.toMatch(/5\d\/49 points/);
    expect(two.stderr).toContain('49/49 points');
  },
);

describe.skipIf(MPIRUN.mpich === undefined)('how the launcher starts gan-onnx', () => {
  const start = (...command: string[]) =>
    startRanks('mpich', 2, [...smallRun(), '--max-steps', '2', '--out', join(temporaryFolder(), 'run')], {
      command,
    }).done;

  it('may be what the README says', async () => {
    const [, command] = /^mpirun -n 4 (.+) train --preset/m.exec(readFileSync('README.md', 'utf8'))!;
    const { code, stdout } = await start(...command!.split(' '));
    expect(code).toBe(0);
    expect(stdout).toContain('done after 2 steps');
  });

  it('may not be npx, which does not hand on the connection to the launcher', async () => {
    // In a clone that npx meets for the first time it would build it again, while other tests use what was built.
    const npx = ['env', 'npm_config_ignore_scripts=true', 'npx', '--no-install', 'gan-onnx'];
    const { code, stderr } = await start(...npx);
    expect(code).toBe(1);
    expect(stderr.match(/^gan-onnx: .*$/gm)).toEqual([
      expect.stringMatching(
        /^gan-onnx: the launcher's connection .* \(PMI_FD\), is not open: .* without npx$/,
      ),
    ]);
    expect(stderr).not.toMatch(/write_line|MPI error/);
  });
});

describe('what is missing', () => {
  it('is named when there is no library', async () => {
    const out = join(temporaryFolder(), 'run');
    const library = { GAN_ONNX_MPI_LIBRARY: '/nowhere/libmpich.so.12' };
    const { code, stderr } = await ganOnnx([...smallRun(), '--out', out], {
      env: { ...FIRST_OF_TWO, ...library },
    });
    expect(code).toBe(1);
    expect(stderr).toBe(
      'gan-onnx: no MPI library of the kind of the launcher (mpich) was found (/nowhere/libmpich.so.12 cannot be loaded): ' +
        "install Debian's mpich or the like on every machine, or name the file in GAN_ONNX_MPI_LIBRARY\n",
    );
  });

  it.skipIf(MPIRUN.mpich === undefined)('is named when the library is of another kind', async () => {
    const out = join(temporaryFolder(), 'run');
    const env = {
      OMPI_COMM_WORLD_RANK: '0',
      OMPI_COMM_WORLD_SIZE: '2',
      GAN_ONNX_MPI_LIBRARY: 'libmpich.so.12',
    };
    const { code, stderr } = await ganOnnx([...smallRun(), '--out', out], { env });
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^gan-onnx: no MPI library .* \(openmpi\) .* \(libmpich.so.12 is MPICH \S+\): install /,
    );
  });

  it('is koffi, and all else works without it', { timeout: 120_000 }, async () => {
    const folder = temporaryFolder();
    cpSync('dist', join(folder, 'dist'), { recursive: true });
    cpSync('package.json', join(folder, 'package.json'));
    mkdirSync(join(folder, 'node_modules'));
    for (const name of readdirSync('node_modules').filter((found) => !/^(koffi|@koromix|\.)/.test(found))) {
      symlinkSync(resolve('node_modules', name), join(folder, 'node_modules', name));
    }
    const main = join(folder, 'dist/cli/main.js');
    const train = (name: string) => [...smallRun(), '--max-steps', '2', '--out', join(folder, name)];
    expect(await ganOnnx(train('alone'), { main })).toMatchObject({ code: 0 });
    const several = await ganOnnx(train('several'), { main, env: FIRST_OF_TWO });
    expect(several).toMatchObject({
      code: 1,
      stderr:
        'gan-onnx: koffi, through which MPI is called, is not installed or has no build for this platform: npm install koffi@3.3.4\n',
    });
    const { code, stdout } = await ganOnnx(['doctor'], { main });
    expect(code).toBe(0);
    expect(stdout).toContain(
      'works (koffi: not installed)\nmpich         no    koffi, through which MPI is called',
    );
  });
});
