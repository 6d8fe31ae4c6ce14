import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { ganOnnx, temporaryFolder } from '../support/cli.js';

const MODEL = resolve('models/mnist/generator.onnx');

it('examples/batch-sample.ts writes what gan-onnx sample writes, and goes on', async () => {
  // As a project that has installed the package and compiles the script.
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(resolve('.'), join(folder, 'node_modules', 'gan-onnx'));
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  const compile = ['--ignoreConfig', '--noCheck', '--module', 'nodenext', '--target', 'es2022'];
  const compiler = resolve('node_modules/typescript/bin/tsc');
  const files = ['--rootDir', 'examples', '--outDir', folder, 'examples/batch-sample.ts'];
  execFileSync(process.execPath, [compiler, ...compile, ...files]);
  const args = ['--count', '3000', '--seed', '5', '--shard', '1/2'];
  const script = ['batch-sample.js', MODEL, '--out', 'script', ...args];
  const run = () => execFileSync(process.execPath, script, { cwd: folder, encoding: 'utf8', stdio: 'pipe' });
  const out = join(folder, 'script');
  expect(run()).toBe(`2 parts in ${out}, 0 of them kept\n`);
  expect(run()).toBe(`2 parts in ${out}, 2 of them kept\n`);
  const command = join(folder, 'command');
  await ganOnnx(['sample', MODEL, '--format', 'idx', '--out', command, ...args]);
  expect(readdirSync(out)).toEqual(['manifest-1-of-2.json', 'part-000001.idx', 'part-000002.idx']);
  for (const name of readdirSync(out)) {
    expect(readFileSync(join(out, name)).equals(readFileSync(join(command, name))), name).toBe(true);
  }
});

it('examples pass the index that their scheduler gives to --shard', () => {
  expect(readFileSync('examples/kubernetes-job.yaml', 'utf8')).toMatch(
    /completionMode: Indexed\n {2}completions: 8\n[\s\S]*- --shard=\$\(JOB_COMPLETION_INDEX\)\/8\n/,
  );
  const folder = temporaryFolder();
  // npx is put on the path in the place of the real one: it shows what it is given.
  writeFileSync(join(folder, 'npx'), '#!/bin/sh\necho "$@"\n', { mode: 0o755 });
  const env = {
    PATH: `${folder}:${process.env.PATH}`,
    SLURM_ARRAY_TASK_ID: '3',
    SLURM_ARRAY_TASK_COUNT: '8',
  };
  const shown = execFileSync('bash', ['examples/slurm-array.sh', 'g.onnx', 'my samples'], {
    env,
    encoding: 'utf8',
  });
  expect(shown).toBe(
    'gan-onnx sample g.onnx --count 1000000 --seed 1 --format idx --out my samples --shard 3/8\n',
  );
});

it('examples/slurm-train.sh begins a run, and goes on with one that has a checkpoint', () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'srun'), '#!/bin/sh\necho "$@"\n', { mode: 0o755 });
  const env = { PATH: `${folder}:${process.env.PATH}`, SLURM_CPUS_PER_TASK: '16' };
  const out = join(folder, 'run');
  const script = resolve('examples/slurm-train.sh');
  const shown = (cwd = '.') => execFileSync('bash', [script, 'my data', out], { cwd, env, encoding: 'utf8' });
  expect(shown()).toBe(
    `--mpi=pmi2 node dist/cli/main.js train --preset pytorch-gan --data-dir my data --batch-size 256 --out ${out} --force --threads 16\n`,
  );
  mkdirSync(join(out, 'checkpoints', '1000'), { recursive: true });
  const rest = `train --resume ${out} --threads 16\n`;
  expect(shown()).toBe(`--mpi=pmi2 node dist/cli/main.js ${rest}`);
  // A project that has installed the package.
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(resolve('.'), join(folder, 'node_modules', 'gan-onnx'));
  expect(shown(folder)).toBe(`--mpi=pmi2 node node_modules/gan-onnx/dist/cli/main.js ${rest}`);
});
