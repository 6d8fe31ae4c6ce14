import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ganOnnx, smallRun, temporaryFolder } from '../support/cli.js';
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
    const { code, stderr } = await start('npx', '--no-install', 'gan-onnx');
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
