import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readRunCheckpoint } from '../../src/train/resume.js';
import { ganOnnx, temporaryFolder } from '../support/cli.js';
import { FAMILIES, MPIRUN, type MpiJob, pidOfRank, startRanks } from '../support/mpirun.js';
import { norm } from '../support/numbers.js';
import { compareRuns, fiftySteps, PLAIN, untilCheckpoint } from '../support/runs.js';

const SGD = ['--optimizer', 'sgd', '--lr', '0.1', '--momentum', '0.5'];

async function expectSameRun(run: string, expected: string): Promise<void> {
  const { steps, parameters, losses } = await compareRuns(run, expected);
  expect(steps).toEqual([50, 50]);
  expect(parameters).toBeLessThan(1e-3);
  expect(losses).toBeLessThan(1e-4);
}

describe.skipIf(MPIRUN.mpich === undefined)('training under mpirun', () => {
  // 100 images: the last batch of an epoch has 4.
  it('is the run of one process: SGD with dropout; Adam on 4 ranks, resumed on 3', {
    timeout: 240_000,
  }, async () => {
    const folder = temporaryFolder();
    const out = (name: string) => join(folder, name);
    const sgd = fiftySteps(100, ...PLAIN, ...SGD);
    expect(await ganOnnx([...sgd, '--out', out('sgd-1')])).toMatchObject({ code: 0 });
    const two = await startRanks('mpich', 2, [...sgd, '--out', out('sgd-2')]).done;
    expect(two).toMatchObject({ code: 0 });
    expect(two.stdout.match(/done after 50 steps/g)).toHaveLength(1);
    expect(JSON.parse(readFileSync(out('sgd-2/complete.json'), 'utf8'))).toEqual({ steps: 50, processes: 2 });
    await expectSameRun(out('sgd-2'), out('sgd-1'));

    const adam = fiftySteps(100, ...PLAIN);
    expect(await ganOnnx([...adam, '--out', out('adam-1')])).toMatchObject({ code: 0 });
    const half = [...adam, '--max-steps', '20', '--out', out('adam-n')];
    expect(await startRanks('mpich', 4, half).done).toMatchObject({ code: 0 });
    const rest = ['train', '--resume', out('adam-n'), '--max-steps', '50', '--threads', '1'];
    expect(await startRanks('mpich', 3, rest).done).toMatchObject({ code: 0 });
    await expectSameRun(out('adam-n'), out('adam-1'));
  });

  it('has the average of G that the run of one process has', { timeout: 240_000 }, async () => {
    const folder = temporaryFolder();
    const long = fiftySteps(
      100,
      ...PLAIN,
      ...SGD,
      '--n-epochs',
      '99',
      '--max-steps',
      '210',
      '--ema-decay',
      '0.9',
    );
    const ema = async (ranks: number) => {
      const out = join(folder, String(ranks));
      const run = [...long, '--out', out];
      expect(await (ranks === 1 ? ganOnnx(run) : startRanks('mpich', ranks, run).done)).toMatchObject({
        code: 0,
      });
      expect(existsSync(join(out, 'generator-ema.onnx'))).toBe(true);
      return (await readRunCheckpoint(out)).ema!;
    };
    const [one, two] = [await ema(1), await ema(2)];
    expect([...two.keys()]).toEqual([...one.keys()]);
    for (const [name, { data }] of one) {
      const found = Float64Array.from(data, (value, i) => value - two.get(name)!.data[i]!);
      expect(norm(found)).toBeLessThanOrEqual(1e-3 * norm(data));
    }
  });

  it.skipIf(MPIRUN.openmpi === undefined)('is the same with Open MPI', { timeout: 240_000 }, async () => {
    const folder = temporaryFolder();
    const adam = fiftySteps(100, ...PLAIN);
    expect(await ganOnnx([...adam, '--out', join(folder, 'one')])).toMatchObject({ code: 0 });
    const job = startRanks('openmpi', 2, [...adam, '--out', join(folder, 'two')]);
    expect(await job.done).toMatchObject({ code: 0 });
    await expectSameRun(join(folder, 'two'), join(folder, 'one'));
  });
});

for (const family of FAMILIES) {
  describe.skipIf(MPIRUN[family] === undefined)(`a job of ${family}`, () => {
    const long = ['--network', 'mlp', '--max-steps', '100000', '--checkpoint-interval', '10'];

    async function running(...more: string[]): Promise<{ run: string; job: MpiJob }> {
      const run = join(temporaryFolder(), 'run');
      const job = startRanks(family, 2, [...fiftySteps(100, ...long), '--out', run, ...more]);
      await untilCheckpoint(run, job);
      return { run, job };
    }

    async function expectResumable(run: string): Promise<void> {
      const { step } = await readRunCheckpoint(run);
      const end = String(step + 2);
      const result = await startRanks(family, 2, ['train', '--resume', run, '--max-steps', end]).done;
      expect(result).toMatchObject({ code: 0 });
      expect(result.stdout).toContain(`done after ${end} steps`);
    }

    for (const victim of [0, 1]) {
      it(`ends when rank ${victim} is killed, and goes on`, { timeout: 120_000 }, async () => {
        const { run, job } = await running();
        process.kill(pidOfRank(job, victim), 'SIGKILL');
        const began = performance.now();
        const { code, stderr, stdout } = await job.done;
        expect(performance.now() - began).toBeLessThan(60_000);
        expect(code).not.toBe(0);
        expect(stdout).not.toContain('done after');
        // Open MPI may be gone before the last word; it tells rank 0 to end first, which says the same.
        expect(stderr).toMatch(
          family === 'mpich'
            ? /^gan-onnx: rank 0 on \S+: ended by force, or one of the ranks was lost; its checkpoints are good/m
            : /^gan-onnx: rank 0 on \S+: .*(one of the ranks|because a rank) was lost.* its checkpoints are good/m,
        );
        expect(stderr).toContain(`gan-onnx train --resume ${run} goes on, on any number of ranks`);
        await expectResumable(run);
      });
    }

    it('ends when a rank hangs, with one line', { timeout: 120_000 }, async () => {
      const { run, job } = await running('--step-timeout', '10');
      process.kill(pidOfRank(job, 1), 'SIGSTOP');
      const { code, stderr } = await job.done;
      expect(code).not.toBe(0);
      const lines = stderr.match(/^gan-onnx: .*no answer.*$/gm) ?? [];
      expect(lines, stderr).toHaveLength(1);
      expect(lines[0]).toMatch(/^gan-onnx: rank 0 on .*: no answer from the other ranks within 10 s/);
      await expectResumable(run);
    });

    it('ends in order when any rank is told to end', { timeout: 120_000 }, async () => {
      const { run, job } = await running();
      process.kill(pidOfRank(job, 1), 'SIGTERM');
      const { code, stdout } = await job.done;
      expect(code).not.toBe(0);
      const [, steps] = /interrupted after (\d+) steps/.exec(stdout)!;
      expect((await readRunCheckpoint(run)).step).toBe(Number(steps));
      expect(existsSync(join(run, 'complete.json'))).toBe(false);
      expect(existsSync(join(run, 'generator.onnx'))).toBe(true);
    });

    it('ends in order when training diverges', { timeout: 120_000 }, async () => {
      const run = join(temporaryFolder(), 'run');
      const sgd = ['--network', 'mlp', '--optimizer', 'sgd', '--lr', '1e30', '--out', run];
      const { code, stderr } = await startRanks(family, 2, fiftySteps(100, ...sgd)).done;
      expect(code).toBe(1);
      expect(stderr.match(/^gan-onnx: .*$/gm)).toEqual([
        expect.stringMatching(/^gan-onnx: step \d+: .* diverged/),
      ]);
      expect(stderr).not.toMatch(/MPI_ABORT/i);
    });

    it('does not begin when ranks disagree, and says in what', { timeout: 120_000 }, async () => {
      const run = join(temporaryFolder(), 'run');
      const given = [...fiftySteps(100, '--network', 'mlp'), '--out', run];
      const job = startRanks(family, [given, [...given, '--batch-size', '32']]);
      const { code, stderr } = await job.done;
      expect(code).not.toBe(0);
      const lines = stderr.match(/^gan-onnx: .*$/gm);
      expect(lines).toHaveLength(1);
      expect(lines![0]).toMatch(
        /^gan-onnx: rank 1 on \S+ has batchSize 32, and rank 0 on \S+ has 24: start all ranks/,
      );
      expect(existsSync(run)).toBe(false);
    });

    it('does not begin when a rank has other data or none', { timeout: 120_000 }, async () => {
      const run = join(temporaryFolder(), 'run');
      const with100 = [...fiftySteps(100, '--network', 'mlp'), '--out', run];
      const other = await startRanks(family, [with100, [...fiftySteps(90, '--network', 'mlp'), '--out', run]])
        .done;
      expect(other.code).not.toBe(0);
      expect(other.stderr).toMatch(/^gan-onnx: rank 1 on \S+ has data with SHA-256 /m);
      const none = [...with100, '--data-dir', '/nowhere'];
      const missing = await startRanks(family, [with100, none]).done;
      expect(missing.code).not.toBe(0);
      expect(missing.stderr.match(/^gan-onnx: .*$/gm)).toEqual([
        expect.stringMatching(/^gan-onnx: rank 1 on \S+: .*\/nowhere/),
      ]);
    });
  });
}
