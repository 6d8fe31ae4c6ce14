import { type ChildProcess, execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { ganOnnx, smallRun, temporaryFolder } from '../support/cli.js';
import { unit } from '../support/hash.js';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** Each kill comes at a random moment of one of these spans, in ms after the process or its training began. */
const KILLS = 30;
const SPANS = { started: 900, training: 1000 };
const STEPS = 1000;

function contents(run: string): Record<string, string> {
  const lines = readFileSync(join(run, 'metrics.jsonl'), 'utf8').trimEnd().split('\n');
  const metrics = lines.map((line) => line.replace(/,"ms":.*/, '')).join('\n');
  const file = (name: string) => readFileSync(join(run, name)).toString('base64');
  const state = (network: string) => file(join('checkpoints', String(STEPS), `${network}.checkpoint`));
  return {
    metrics,
    generator: file('generator.onnx'),
    best: file('generator-best.onnx'),
    average: file('generator-ema.onnx'),
    'state of G': state('generator'),
    'state of D': state('discriminator'),
  };
}

describe('a run that is killed', () => {
  it(`by SIGKILL at ${KILLS} random moments and resumed each time ends like one that never was`, async () => {
    const folder = temporaryFolder();
    const [whole, killed] = [join(folder, 'whole'), join(folder, 'killed')];
    const settings = [
      ...smallRun(200),
      ...[
        '--n-epochs',
        '9999',
        '--max-steps',
        String(STEPS),
        '--checkpoint-interval',
        '20',
        '--sample-interval',
        '500',
        '--ema-decay',
        '0.99',
      ],
    ];
    const resume = ['train', '--resume', killed];
    const reference = ganOnnx([...settings, '--out', whole]);

    for (let kill = 0; kill < KILLS; kill++) {
      const span = kill % 2 === 0 ? 'training' : 'started';
      const delay = unit(kill, 77) * SPANS[span];
      let timer: NodeJS.Timeout | undefined;
      const killLater = (child: ChildProcess): void => {
        // The first kill waits for a checkpoint: all others meet a run that can go on.
        const isDue = (): boolean => kill > 0 || hasCheckpoint(killed);
        const strike = (): void => {
          if (isDue()) child.kill('SIGKILL');
          else timer = setTimeout(strike, 20);
        };
        timer ??= setTimeout(strike, delay);
      };
      const { stderr } = await ganOnnx(
        kill === 0 ? [...settings, '--out', killed] : resume,
        {},
        (child, text) => {
          if (span === 'training' && /training|going on/.test(text)) killLater(child);
        },
        (child) => {
          if (span === 'started') killLater(child);
        },
      );
      clearTimeout(timer);
      expect(stderr).not.toContain('gan-onnx: ');
    }
    const { code, stderr } = await ganOnnx(resume);
    expect(stderr).not.toContain('gan-onnx: ');
    expect(code).toBe(0);
    expect((await reference).code).toBe(0);
    const [expected, found] = [contents(whole), contents(killed)];
    for (const [name, value] of Object.entries(expected)) expect(found[name] === value, name).toBe(true);
    expect(
      readdirSync(join(killed, 'checkpoints'))
        .map(Number)
        .sort((a, b) => a - b),
    ).toEqual([STEPS - 20, STEPS]);
  }, 300_000);
});

function hasCheckpoint(run: string): boolean {
  const folder = join(run, 'checkpoints');
  return existsSync(folder) && readdirSync(folder).some((name) => /^\d+$/.test(name));
}

/** Whether this user may mount a small file system of their own. */
const mayMount = spawnSync('unshare', ['-rm', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']).status === 0;

describe('a full disk', () => {
  it.skipIf(!mayMount)(
    'during a save ends the run with one line; the last good checkpoint goes on from there',
    () => {
      const folder = temporaryFolder();
      const disk = join(folder, 'disk');
      mkdirSync(disk);
      const out = join(disk, 'run');
      const size = '14m';
      const quote = (args: readonly string[]) => args.map((arg) => `'${arg}'`).join(' ');
      const command = (args: readonly string[]) => `${quote([process.execPath, MAIN, ...args])}`;
      const settings = [...smallRun(200), '--max-steps', '60', '--checkpoint-interval', '20', '--keep', '9'];
      const resume = ['train', '--resume', out, '--keep', '1'];
      const script = `
        mount -t tmpfs -o size=${size} tmpfs ${disk} || exit 99
        ${command([...settings, '--out', out])} > ${folder}/out 2> ${folder}/err
        echo "code $?"
        ls -A ${out}/checkpoints
        echo 'more space'
        mount -o remount,size=99m ${disk}
        ${command(resume)} > ${folder}/out2 2> ${folder}/err2
        echo "code $?"
        ls -A ${out}/checkpoints`;
      const log = execFileSync('unshare', ['-rm', 'sh', '-c', script], { encoding: 'utf8' });
      const error = readFileSync(join(folder, 'err'), 'utf8');
      expect(error).toMatch(
        /gan-onnx: the checkpoint .*checkpoints\/\d+ does not fit on its disk \(no space left\): it was not written, earlier ones are intact\n$/,
      );
      const [full, roomy] = log.split('more space\n');
      const [code, ...left] = full!.trimEnd().split('\n');
      expect(code).toBe('code 1');
      expect(left.length).toBeGreaterThan(0);
      for (const name of left) expect(name).toMatch(/^\d+$/);
      expect(readFileSync(join(folder, 'err2'), 'utf8')).toContain(
        `going on after step ${Math.max(...left.map(Number))}`,
      );
      expect(roomy).toBe('code 0\n60\n');
    },
    120_000,
  );
});
