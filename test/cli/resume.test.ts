import { cpSync, readdirSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type CommandResult, ganOnnx, smallRun, temporaryFolder } from '../support/cli.js';

const FILES = ['generator.checkpoint', 'discriminator.checkpoint'];

/** metrics.jsonl without the times. */
function metrics(run: string): Record<string, number>[] {
  const lines = readFileSync(join(run, 'metrics.jsonl'), 'utf8').trimEnd().split('\n');
  return lines.map((line) => ({ ...(JSON.parse(line) as Record<string, number>), ms: 0 }));
}

function checkpoint(run: string, step: number): Buffer {
  return Buffer.concat(FILES.map((name) => readFileSync(join(run, 'checkpoints', String(step), name))));
}

async function succeed(args: readonly string[]): Promise<CommandResult> {
  const result = await ganOnnx(args);
  expect(result.stderr + result.stdout).not.toContain('gan-onnx: ');
  expect(result.code).toBe(0);
  return result;
}

/** Expects one line that matches, exit code 1, and that nothing in the run changed. */
async function refuses(run: string, flags: readonly string[], message: RegExp): Promise<void> {
  const snapshot = () =>
    (readdirSync(run, { recursive: true, withFileTypes: true }) ?? [])
      .filter((entry) => entry.isFile())
      .map((entry) => [entry.name, readFileSync(join(entry.parentPath, entry.name)).toString('base64')]);
  const before = snapshot();
  const { code, stderr, stdout } = await ganOnnx(['train', '--resume', run, ...flags]);
  expect(stderr).toMatch(message);
  expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  expect(code).toBe(1);
  expect(stdout).toBe('');
  expect(snapshot()).toEqual(before);
}

describe('gan-onnx train --resume', () => {
  it.each([
    ['joint, adam', []],
    [
      'd-first, k = 2, sgd with momentum',
      ['--schedule', 'd-first', '--k', '2', '--optimizer', 'sgd', '--lr', '0.05'],
    ],
    ['dcgan, d-first, small batches', ['--network', 'dcgan', '--schedule', 'd-first', '--batch-size', '4']],
  ])('goes on to the same end, bit for bit (%s)', async (_, flags) => {
    const folder = temporaryFolder();
    const [whole, parts] = [join(folder, 'whole'), join(folder, 'parts')];
    const settings = [...smallRun(200), ...flags, '--checkpoint-interval', '10', '--sample-interval', '7'];
    await succeed([...settings, '--max-steps', '43', '--out', whole]);
    await succeed([...settings, '--max-steps', '17', '--out', parts]);
    await succeed(['train', '--resume', parts, '--max-steps', '30']);
    // From an older checkpoint: what came after it is given up.
    const { stderr } = await succeed([
      'train',
      '--resume',
      parts,
      '--resume-step',
      '20',
      '--max-steps',
      '43',
    ]);
    expect(stderr).toContain('going on after step 20');
    expect(metrics(parts)).toEqual(metrics(whole));
    expect(checkpoint(parts, 43).equals(checkpoint(whole, 43))).toBe(true);
    for (const name of ['generator.onnx', 'samples.png', join('images', '42.png')])
      expect(readFileSync(join(parts, name)).equals(readFileSync(join(whole, name))), name).toBe(true);
    expect(readdirSync(join(parts, 'images')).sort()).toEqual(readdirSync(join(whole, 'images')).sort());
    expect(readdirSync(join(parts, 'checkpoints')).sort()).toEqual(['40', '43']);
  });

  it('keeps as many checkpoints as --keep says', async () => {
    const out = join(temporaryFolder(), 'run');
    const flags = ['--max-steps', '20', '--checkpoint-interval', '4', '--keep', '3', '--out', out];
    await succeed([...smallRun(), ...flags]);
    expect(readdirSync(join(out, 'checkpoints')).sort()).toEqual(['12', '16', '20']);
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('goes on after %s, which ends with a checkpoint and exit code %i', async (signal, expected) => {
    const out = join(temporaryFolder(), 'run');
    let sent = false;
    const { code, stdout } = await ganOnnx(
      [...smallRun(), '--n-epochs', '100000000', '--out', out],
      {},
      (child, text) => {
        if (sent || !text.includes('training')) return;
        sent = true;
        setTimeout(() => child.kill(signal), 300);
      },
    );
    expect(code).toBe(expected);
    expect(stdout).toContain(`gan-onnx train --resume ${out}`);
    const done = metrics(out).length;
    expect(readdirSync(join(out, 'checkpoints'))).toContain(String(done));
    await succeed(['train', '--resume', out, '--max-steps', String(done + 2)]);
    expect(metrics(out).map(({ step }) => step)).toEqual(Array.from({ length: done + 2 }, (__, i) => i));
  });

  it('of a run that is done does no step, and makes its outputs again', async () => {
    const out = join(temporaryFolder(), 'run');
    await succeed([...smallRun(), '--max-steps', '5', '--out', out]);
    const generator = readFileSync(join(out, 'generator.onnx'));
    rmSync(join(out, 'generator.onnx'));
    const { stdout } = await succeed(['train', '--resume', out]);
    expect(stdout).toContain('done after 5 steps');
    expect(readFileSync(join(out, 'generator.onnx')).equals(generator)).toBe(true);
    expect(metrics(out)).toHaveLength(5);
  });

  it('moves to the training API and back: parameters carry over exactly, losses go on, lost moments are said', async () => {
    const folder = temporaryFolder();
    const [moved, stayed] = [join(folder, 'moved'), join(folder, 'stayed')];
    const settings = [...smallRun(1000), '--seed', '3', '--out'];
    const resume = (...flags: string[]) => succeed(['train', '--resume', moved, ...flags]);
    const api = ['--engine', 'training-api'];
    const generator = () => readFileSync(join(moved, 'generator.onnx'));

    await succeed([...settings, moved, '--max-steps', '100']);
    await succeed([...settings, stayed, '--max-steps', '110']);
    const before = generator();
    // No step is left to do: the generator is written again from what the other engine holds.
    await resume(...api);
    expect(generator().equals(before)).toBe(true);
    const there = await resume(...api, '--max-steps', '200');
    expect(there.stderr).not.toContain('moments');
    const after = generator();
    expect(after.equals(before)).toBe(false);
    const back = await resume();
    expect(generator().equals(after)).toBe(true);
    expect(back.stderr).toContain('has no Adam moments, because engine training-api does not give them out');
    await resume('--max-steps', '300');

    const [course, reference] = [metrics(moved), metrics(stayed)];
    expect(course).toHaveLength(300);
    // The first steps after the move follow those of a run that never moved.
    for (let step = 100; step < 110; step++)
      expect(course[step]!.d_loss! / reference[step]!.d_loss!).toBeCloseTo(1, 3);
    // Moving back restarts Adam, which the losses hardly notice.
    const mean = (from: number, to: number, name: string) =>
      course.slice(from, to).reduce((sum, line) => sum + line[name]!, 0) / (to - from);
    for (const name of ['d_loss', 'g_loss'])
      expect(Math.abs(mean(200, 220, name) - mean(180, 200, name))).toBeLessThan(0.2);
  }, 120_000);

  describe('refuses', () => {
    /** A small run with the checkpoints of steps 4, 8 and 10. */
    async function smallRunFolder(): Promise<string> {
      const out = join(temporaryFolder(), 'run');
      const flags = ['--max-steps', '10', '--checkpoint-interval', '4', '--keep', '3', '--out', out];
      await succeed([...smallRun(), ...flags]);
      return out;
    }

    it('changed settings, with the difference, and says what may change', async () => {
      const run = await smallRunFolder();
      await refuses(
        run,
        ['--lr', '0.01', '--batch-size', '32'],
        /batchSize was 64 and is now 32; optimizer.learningRate.value was 0.0002 and is now 0.01: only --n-epochs, --max-steps/,
      );
      const config = JSON.parse(readFileSync(join(run, 'config.json'), 'utf8')) as object;
      writeFileSync(join(run, 'config.json'), JSON.stringify({ ...config, seed: 5 }));
      await refuses(run, [], /seed was 0 and is now 5/);
    });

    it('damaged checkpoints, and offers an older good one', async () => {
      const run = await smallRunFolder();
      const file = (step: number, name: string) => join(run, 'checkpoints', String(step), name);
      const bytes = readFileSync(file(10, FILES[0]!));
      bytes[bytes.length >> 1]! ^= 1;
      writeFileSync(file(10, FILES[0]!), bytes);
      await refuses(
        run,
        [],
        /10\/generator\.checkpoint is damaged \(SHA-256 .*; that of step 8 is good: --resume-step 8 goes on from there/,
      );
      truncateSync(file(8, FILES[1]!), 1000);
      await refuses(run, [], /that of step 4 is good/);
      rmSync(join(run, 'checkpoints', '4', 'SHA256SUMS'));
      await refuses(
        run,
        ['--resume-step', '4'],
        /SHA256SUMS does not exist.*no other checkpoint of this run is good/,
      );
    });

    it('a checkpoint of another network, even one whose checksums are right', async () => {
      const [run, other] = [await smallRunFolder(), join(temporaryFolder(), 'other')];
      const flags = ['--network', 'pytorch-gan', '--max-steps', '10', '--out', other];
      await succeed([...smallRun(), ...flags]);
      cpSync(join(other, 'checkpoints', '10'), join(run, 'checkpoints', '10'), { recursive: true });
      await refuses(run, [], /gan was pytorch-gan and is now mlp/);
    });

    it('a checkpoint whose step is not that of its folder', async () => {
      const run = await smallRunFolder();
      cpSync(join(run, 'checkpoints', '8'), join(run, 'checkpoints', '12'), { recursive: true });
      await refuses(run, [], /12 cannot be used: it is the checkpoint of step 8; that of step 10 is good/);
    });

    it('a link in the place of a checkpoint', async () => {
      const run = await smallRunFolder();
      symlinkSync(join(run, 'checkpoints', '8'), join(run, 'checkpoints', '99'));
      await refuses(run, [], /checkpoints\/99 is a link, expected a folder; that of step 10 is good/);
    });

    it('other data than the run has seen', async () => {
      const run = await smallRunFolder();
      const data = smallRun(201)[4]!;
      await refuses(run, ['--data-dir', data], /the images of mnist are not those of this run/);
    });

    it('a step that has no checkpoint', async () => {
      await refuses(
        await smallRunFolder(),
        ['--resume-step', '7'],
        /checkpoints\/7 does not exist.*step 4 is good/,
      );
    });

    it('a run without checkpoints', async () => {
      const run = await smallRunFolder();
      rmSync(join(run, 'checkpoints'), { recursive: true });
      await refuses(run, [], /has no checkpoint: expected one in .*checkpoints/);
    });

    it('a folder that is no run', async () => {
      const folder = temporaryFolder();
      await refuses(folder, [], /is not the folder of a run \(no config\.json of gan-onnx in it\)/);
    });

    it('a damaged config.json', async () => {
      const run = await smallRunFolder();
      const config = JSON.parse(readFileSync(join(run, 'config.json'), 'utf8')) as object;
      writeFileSync(join(run, 'config.json'), JSON.stringify({ ...config, k: 'one' }));
      await refuses(run, [], /config\.json is damaged or of another version/);
    });

    it.each([
      ['--out', 'elsewhere'],
      ['--force', ''],
      ['--preset', 'quick'],
    ])('%s beside it, as wrong usage', async (...flags) => {
      const { code } = await ganOnnx(['train', '--resume', 'run', ...flags.filter((flag) => flag !== '')]);
      expect(code).toBe(2);
    });

    it('--resume-step without --resume', async () => {
      const { code, stderr } = await ganOnnx(['train', '--resume-step', '3']);
      expect(code).toBe(1);
      expect(stderr).toContain('--resume-step belongs to --resume');
    });
  });
});
