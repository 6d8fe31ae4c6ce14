import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type CommandResult, ganOnnx, temporaryFolder } from '../support/cli.js';

const MODEL = resolve('models/mnist/generator.onnx');

/** Runs `gan-onnx sample` on the project's own generator. */
function sample(
  args: string,
  out: string,
  whenStarted?: Parameters<typeof ganOnnx>[3],
): Promise<CommandResult> {
  return ganOnnx(['sample', MODEL, '--out', out, ...args.split(' ')], {}, undefined, whenStarted);
}

const sha256 = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex');

/** SHA-256 of all files below a folder, by path. */
function sums(folder: string): Record<string, string> {
  const paths = (readdirSync(folder, { recursive: true, withFileTypes: true }) ?? []).filter((entry) =>
    entry.isFile(),
  );
  const names = paths.map(({ parentPath, name }) => join(parentPath, name)).sort();
  return Object.fromEntries(names.map((name) => [name.slice(folder.length + 1), sha256(name)]));
}

const manifest = (folder: string, name: string) => JSON.parse(readFileSync(join(folder, name), 'utf8'));

/** Calls back once `count` parts are in a folder. */
function whenParts(folder: string, count: number, then: () => void): void {
  const timer = setInterval(() => {
    const parts = existsSync(folder) ? readdirSync(folder).filter((name) => name.startsWith('part-')) : [];
    if (parts.length < count) return;
    clearInterval(timer);
    then();
  }, 1);
  timer.unref();
}

describe('gan-onnx sample in shards', () => {
  it('three of 10,000, one of them killed and gone on with, equal one run byte for byte', async () => {
    const folder = temporaryFolder();
    const [shared, whole] = [join(folder, 'shared'), join(folder, 'whole')];
    const args = '--count 10000 --seed 3 --part-size 128 --format idx';
    // Batches of two draw a whole tile for two samples, which leaves time to strike.
    const killed = await sample(`${args} --shard 1/3 --batch-size 2`, shared, (child) =>
      whenParts(shared, 2, () => child.kill('SIGKILL')),
    );
    expect(killed.code).toBe(null);
    const done = readdirSync(shared).filter((name) => name.startsWith('part-')).length;
    expect(done).toBeGreaterThan(1);
    expect(done).toBeLessThan(26);
    const again = await sample(`${args} --shard 1/3`, shared);
    const kept = Number(/^going on: (\d+) parts? kept$/m.exec(again.stderr)?.[1]);
    // The last part may have been named, but not yet entered.
    expect(done - kept).toBeLessThanOrEqual(1);
    expect(again.stdout).toBe(
      `shard 1 of 3: 3328 samples (3328 to 6655) of seed 3 in 26 parts, ${kept} of them kept: ${shared}\n`,
    );
    const others = await Promise.all([0, 2].map((shard) => sample(`${args} --shard ${shard}/3`, shared)));
    const one = await sample(`${args} --shard 0/1`, whole);
    expect([again, ...others, one].map(({ code }) => code)).toEqual([0, 0, 0, 0]);

    const [union, single] = [sums(shared), sums(whole)];
    const names = [0, 1, 2].map((shard) => `manifest-${shard}-of-3.json`);
    const manifests = names.map((name) => manifest(shared, name));
    const { parts } = manifest(whole, 'manifest-0-of-1.json');
    expect(manifests.flatMap((found) => found.parts)).toEqual(parts);
    expect(parts).toHaveLength(79);
    for (const { name, sha256 } of parts) expect(single[name]).toBe(sha256);
    for (const name of names) delete union[name];
    delete single['manifest-0-of-1.json'];
    expect(union).toEqual(single);
    expect(Object.keys(union)).toHaveLength(79);
  });

  it('as pictures fill numbered folders, with checksums, the same for any number of threads', async () => {
    const folder = temporaryFolder();
    const [shared, whole] = [join(folder, 'shared'), join(folder, 'whole')];
    const args = '--count 150 --start 999990 --part-size 64 --format png --latents';
    for (const shard of ['1/2', '0/2']) await sample(`${args} --workers 3 --shard ${shard}`, shared);
    expect((await sample(`${args} --workers 1`, whole)).code).toBe(0);
    const [union, single] = [sums(shared), sums(whole)];
    const first = Object.keys(single).filter((name) => name.startsWith('000000/'));
    expect([first[0], first.at(-1)]).toEqual(['000000/0999990.png', '000000/SHA256SUMS']);
    expect(first).toHaveLength(65);
    const { parts } = manifest(whole, 'manifest-0-of-1.json');
    expect(parts.map(({ name, count }: { name: string; count: number }) => [name, count])).toEqual([
      ['000000', 64],
      ['000001', 64],
      ['000002', 22],
    ]);
    for (const { name, sha256, latents } of parts) {
      const listed = readFileSync(join(whole, name, 'SHA256SUMS'), 'utf8');
      expect(single[`${name}/SHA256SUMS`]).toBe(sha256);
      expect(single[`latents-${name}.npy`]).toBe(latents.sha256);
      for (const line of listed.trimEnd().split('\n')) {
        const [sum, picture] = line.split('  ');
        expect(single[`${name}/${picture}`]).toBe(sum);
      }
    }
    for (const name of Object.keys(single)) {
      if (!name.startsWith('manifest')) expect(union[name], name).toBe(single[name]);
    }

    // One picture altered, one put in another's place: both folders are drawn again, the third is kept.
    writeFileSync(join(whole, '000000', '0999991.png'), 'mine');
    writeFileSync(join(whole, '000002', '1000118.png'), readFileSync(join(whole, '000002', '1000119.png')));
    const again = await sample(args, whole);
    expect(again.stderr).toContain(
      '000000 was altered: drawing it again\n000002 was altered: drawing it again\n',
    );
    expect(sums(whole)).toEqual(single);
    // What is not a picture of ours is not removed with its folder.
    writeFileSync(join(whole, '000001', 'notes.txt'), 'mine');
    writeFileSync(join(whole, '000001', '1000054.png'), '');
    const refused = await sample(args, whole);
    expect(refused.stderr).toContain(
      `gan-onnx: --out ${join(whole, '000001')} holds files that are not samples: choose another folder\n`,
    );
    expect(refused.code).toBe(1);
    expect(readFileSync(join(whole, '000001', 'notes.txt'), 'utf8')).toBe('mine');
    expect(readdirSync(whole).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  it('ends after the batch at hand on Ctrl-C, says how to go on, and later has nothing left to do', async () => {
    const out = join(temporaryFolder(), 'parts');
    const args = '--count 20000 --part-size 256 --format idx';
    const stopped = await sample(`${args} --batch-size 4`, out, (child) =>
      whenParts(out, 3, () => child.kill('SIGINT')),
    );
    expect(stopped.code).toBe(130);
    expect(stopped.stderr).toContain(
      'ending after this batch; finished parts stay, and the same command goes on (Ctrl-C again ends at once)\n',
    );
    const left = readdirSync(out);
    expect(left[0]).toBe('manifest-0-of-1.jsonl');
    for (const name of left.slice(1)) expect(name).toMatch(/^part-\d{6}\.idx$/);
    const before = sums(out);
    const again = await sample(args, out);
    expect(again.code).toBe(0);
    expect(again.stderr).toContain(`going on: ${left.length - 1} parts kept\n`);
    expect(sums(out)).toMatchObject(Object.fromEntries(Object.entries(before).slice(1)));
    const third = await sample(args, out);
    expect(third).toEqual({
      code: 0,
      stdout: `20000 samples (0 to 19999) of seed 0 in 79 parts, 79 of them kept: ${out} was complete already\n`,
      stderr: '',
    });
  });

  it('with nothing to do says so', async () => {
    const out = join(temporaryFolder(), 'parts');
    const { code, stdout } = await sample('--count 10 --format idx --shard 0/2000000', out);
    expect(stdout).toBe(
      `shard 0 of 2000000: nothing to do, the samples have fewer parts than shards: ${out}\n`,
    );
    expect(code).toBe(0);
    expect(readdirSync(out)).toEqual(['manifest-0-of-2000000.json']);
  });

  it('takes no part for its own that is a link out of the folder', async () => {
    const folder = temporaryFolder();
    const out = join(folder, 'parts');
    const args = '--count 100 --part-size 64 --format npy';
    await sample(args, out);
    const whole = sums(out);
    writeFileSync(join(folder, 'precious'), 'mine');
    execFileSync('rm', [join(out, 'part-000000.npy'), join(out, 'part-000001.npy')]);
    symlinkSync(join(folder, 'precious'), join(out, 'part-000000.npy'));
    symlinkSync('/dev/zero', join(out, 'part-000001.npy'));
    expect((await sample(args, out)).code).toBe(0);
    expect(sums(out)).toEqual(whole);
    expect(readFileSync(join(folder, 'precious'), 'utf8')).toBe('mine');
  });
});

describe('gan-onnx sample over parts that are there', () => {
  it('shows when verifying takes long, and ends cleanly on Ctrl-C', async () => {
    const out = join(temporaryFolder(), 'parts');
    const args = '--count 100 --part-size 64 --format idx';
    await sample(args, out);
    // A part of 64 GiB of nothing, which takes minutes to verify.
    const [path, bytes] = [join(out, 'manifest-0-of-1.json'), 2 ** 36];
    const text = readFileSync(path, 'utf8');
    writeFileSync(path, text.replace(/"bytes":\d+/, `"bytes":${bytes}`));
    truncateSync(join(out, 'part-000000.idx'), bytes);
    const before = readdirSync(out);
    const stopped = await ganOnnx(
      ['sample', MODEL, '--out', out, ...args.split(' ')],
      {},
      (child, stderr) => {
        if (stderr.endsWith('verifying the parts that are there\n')) child.kill('SIGINT');
      },
    );
    expect(stopped).toEqual({
      code: 130,
      stdout: '',
      stderr: 'verifying the parts that are there\nending; nothing was changed (Ctrl-C again ends at once)\n',
    });
    expect(readdirSync(out)).toEqual(before);
  });

  it('with --force leaves alone what is not its own inside a part', async () => {
    const out = join(temporaryFolder(), 'parts');
    const args = '--count 20 --part-size 10 --format png';
    await sample(args, out);
    writeFileSync(join(out, '000000', 'notes.txt'), 'mine');
    const before = sums(out);
    expect(await sample(`${args} --seed 2 --force`, out)).toEqual({
      code: 1,
      stdout: '',
      stderr: `gan-onnx: --out ${join(out, '000000')} holds files that are not samples: choose another folder\n`,
    });
    expect(sums(out)).toEqual(before);
    mkdirSync(join(out, '000001', '7.png'));
    // In another format the pictures' folders do not stand in the way, and what is in them stays.
    expect((await sample('--count 20 --part-size 10 --format idx --force', out)).code).toBe(0);
    expect(readdirSync(out, { recursive: true }).sort()).toEqual([
      '000000',
      '000000/notes.txt',
      '000001',
      '000001/7.png',
      'manifest-0-of-1.json',
      'part-000000.idx',
      'part-000001.idx',
    ]);
  });

  it('refuses a folder by the name of a picture', async () => {
    const out = join(temporaryFolder(), 'parts');
    const args = '--count 20 --part-size 10 --format png';
    await sample(args, out);
    mkdirSync(join(out, '000001', '7.png'));
    expect((await sample(`${args} --seed 2 --force`, out)).stderr).toBe(
      `gan-onnx: --out ${join(out, '000001')} holds files that are not samples: choose another folder\n`,
    );
    expect(readdirSync(join(out, '000001'))).toHaveLength(12);
  });

  it('in another number of shards refuses, naming both', async () => {
    const out = join(temporaryFolder(), 'parts');
    const args = '--count 100 --part-size 10 --format idx';
    await sample(`${args} --shard 0/2`, out);
    expect(await sample(`${args} --shard 1/3`, out)).toEqual({
      code: 1,
      stdout: '',
      stderr:
        `gan-onnx: --out ${out} holds these samples in 2 shards (manifest-0-of-2.json), not in 3: ` +
        'use --shard <i>/2, another folder, or --force to begin again in 3\n',
    });
  });
});

describe('gan-onnx sample refuses', () => {
  const shards = 'expected i/n with i from 0 to n - 1: 0/8 to 7/8 are eight shards';

  it.each([
    ['--shard 8/8', `--shard 8/8: ${shards}`],
    ['--shard 1/0', `--shard 1/0: ${shards}`],
    ['--shard a/b', `--shard a/b: ${shards}`],
    ['--shard=-1/3', `--shard -1/3: ${shards}`],
    ['--workers 0', '--workers 0: expected a whole number of at least 1 and of at most 1024'],
    ['--part-size 10', '--format grid is one picture and cannot be split into parts: use --format png'],
    [
      '--count 9999999 --part-size 2 --format npy',
      '--part-size 2 makes 5000000 parts, expected at most 1000000: use a larger one',
    ],
    [
      '--shard 0/2 --format npy --latents z.npy',
      '--latents z.npy: parts have their latents beside them: give no file',
    ],
    ['--format npy --latents', '--latents names no file: expected one, such as latents.npy'],
  ])('%s', async (args, message) => {
    const out = join(temporaryFolder(), 'parts');
    expect(await sample(args, out)).toEqual({ code: 1, stdout: '', stderr: `gan-onnx: ${message}\n` });
    expect(existsSync(out)).toBe(false);
  });

  it.each([
    ['--part-size 5 --format tar', '--out - takes no parts: leave --shard and --part-size away'],
    ['--format png', '--format png is a folder and cannot go to --out -: use --format tar'],
  ])('--out - with %s', async (args, message) => {
    expect(await sample(args, '-')).toEqual({ code: 1, stdout: '', stderr: `gan-onnx: ${message}\n` });
  });

  it('parts of another run, and changes nothing', async () => {
    const out = join(temporaryFolder(), 'parts');
    await sample('--count 100 --format idx --shard 0/2', out);
    const before = sums(out);
    expect(await sample('--count 100 --format idx --shard 1/2 --seed 4', out)).toEqual({
      code: 1,
      stdout: '',
      stderr:
        `gan-onnx: --out ${out} holds samples of another run (seed 0, not seed 4): use the settings of ` +
        'manifest-0-of-2.json, another folder, or --force to replace them\n',
    });
    expect(sums(out)).toEqual(before);
  });
});

/** Whether this user may mount a small file system of their own. */
const mayMount = spawnSync('unshare', ['-rm', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']).status === 0;

describe('a disk that gets full', () => {
  it.skipIf(!mayMount)('leaves finished parts, and the same command goes on when there is room', async () => {
    const folder = temporaryFolder();
    const disk = join(folder, 'disk');
    mkdirSync(disk);
    const out = join(disk, 'parts');
    const args = ['--count', '3000', '--part-size', '256', '--format', 'png', '--out', out];
    const command = [process.execPath, resolve('dist/cli/main.js'), 'sample', MODEL, ...args].join(' ');
    // Room for the bytes, which are looked at before a part begins, but not for so many files.
    const script = `
      mount -t tmpfs -o size=99m,nr_inodes=1000 tmpfs ${disk} || exit 99
      ${command} > ${folder}/out 2> ${folder}/err
      echo "code $?"
      ls -A ${out}
      mount -o remount,nr_inodes=9999 ${disk}
      ${command} > ${folder}/out2 2> ${folder}/err2
      echo "code $?"
      ls -A ${out}`;
    const log = execFileSync('unshare', ['-rm', 'sh', '-c', script], { encoding: 'utf8' });
    const [full, roomy] = log.split(/^code /m).slice(1);
    expect(readFileSync(join(folder, 'err'), 'utf8')).toMatch(
      /gan-onnx: --out \S+000003: the output does not fit on its disk \(no space left\): finished parts stay, and the same command goes on\n$/,
    );
    expect(full).toBe('1\n000000\n000001\n000002\nmanifest-0-of-1.jsonl\n');
    expect(readFileSync(join(folder, 'err2'), 'utf8')).toContain('going on: 3 parts kept\n');
    expect(roomy!.trimEnd().split('\n')).toEqual([
      '0',
      ...Array.from({ length: 12 }, (_, i) => String(i).padStart(6, '0')),
      'manifest-0-of-1.json',
    ]);
  });
});
