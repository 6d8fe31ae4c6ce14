import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type CommandResult, ganOnnx, temporaryFolder } from '../support/cli.js';
import { imageFile, plainPng, type Rgba, writeFiles } from '../support/images.js';

/** A picture of a colour that depends on `i`, of another shape and format for each. */
const picture = (i: number): Promise<Buffer> => {
  const colour: Rgba = [(i * 53) % 256, (i * 101) % 256, (i * 7) % 256, 255];
  const mimes = ['image/png', 'image/bmp', 'image/tiff', 'image/jpeg'] as const;
  return imageFile(mimes[i % 4]!, 8 + (i % 5), 8 + (i % 3), () => colour);
};

/** Forty images in two folders. */
async function imageFolder(): Promise<string> {
  const folder = temporaryFolder();
  const names = ['png', 'bmp', 'tif', 'jpg'];
  for (let i = 0; i < 40; i++) {
    writeFiles(folder, { [`${i % 2 === 0 ? 'even' : 'odd'}/${i}.${names[i % 4]}`]: await picture(i) });
  }
  return folder;
}

interface Place {
  data: string;
  cache: string;
  out: string;
}

async function place(): Promise<Place> {
  const folder = temporaryFolder();
  return { data: await imageFolder(), cache: join(folder, 'cache'), out: join(folder, 'run') };
}

const SMALL = [
  '--img-size',
  '8',
  '--channels',
  '3',
  '--network',
  'mlp',
  '--latent-dim',
  '8',
  '--batch-size',
  '8',
];

const run = ({ cache }: Place, ...args: string[]): Promise<CommandResult> =>
  ganOnnx(['train', ...args], { env: { XDG_CACHE_HOME: cache } });

const start = (at: Place, ...args: string[]): Promise<CommandResult> =>
  run(at, '--dataset', 'images', '--data-dir', at.data, ...SMALL, '--n_cpu', '1', '--out', at.out, ...args);

const config = ({ out }: Place) => JSON.parse(readFileSync(join(out, 'config.json'), 'utf8'));

const cached = ({ cache }: Place): string[] => readdirSync(join(cache, 'gan-onnx', 'images'));

/** Expects exit code 1 and a last line that matches. */
function refused({ code, stderr, stdout }: CommandResult, message: RegExp): void {
  const lines = stderr.trimEnd().split('\n');
  expect(lines.filter((line) => line.startsWith('gan-onnx: '))).toHaveLength(1);
  expect(lines.at(-1)).toMatch(message);
  expect(stderr).not.toContain('unexpected error');
  expect([code, stdout]).toEqual([1, '']);
}

describe('gan-onnx train on a folder of images', () => {
  it('decodes once, trains, and goes on with the same images only', async () => {
    const at = await place();
    const first = await start(at, '--max-steps', '4');
    expect(first.stderr).toContain(`found 40 image files in ${at.data}\n`);
    expect(first.stderr).toContain('40/40 images decoded\n');
    expect(first.stderr).toContain('images (40 images of 3 x 8 x 8)');
    expect(first.code).toBe(0);
    const { dataset, data, dataDir } = config(at);
    expect({ dataset, dataDir }).toEqual({ dataset: 'images', dataDir: at.data });
    expect(data).toEqual({ name: 'images', count: 40, shape: [3, 8, 8], sha256: expect.any(String) });
    expect(cached(at)).toHaveLength(1);

    const resumed = await run(at, '--resume', at.out, '--max-steps', '6');
    expect(resumed.stderr).toContain(`taking 40 decoded images from the cache (${at.cache}/gan-onnx/images)`);
    expect(resumed.stderr).not.toContain('decoded\n');
    expect(resumed.code).toBe(0);

    writeFiles(at.data, { 'odd/1.bmp': await picture(2) });
    const changed = await run(at, '--resume', at.out, '--max-steps', '8');
    refused(changed, /--resume .*: the images of images are not those of this run \(SHA-256 /);
  });

  it('refuses broken files, and goes on without them with --skip-broken, also when resumed', async () => {
    const at = await place();
    const broken = Object.fromEntries([1, 2, 3, 4, 5].map((i) => [`even/broken ${i}.jpg`, `text ${i}`]));
    writeFiles(at.data, broken);
    const result = await start(at, '--max-steps', '4');
    refused(
      result,
      /5 of the 45 image files in .* are broken \(even\/broken 1.jpg: .*broken 5.jpg: .*--skip-broken/,
    );
    expect(existsSync(at.out)).toBe(false);

    const skipping = await start(at, '--max-steps', '4', '--skip-broken');
    expect(skipping.stderr).toContain('taking 40 decoded images from the cache');
    expect(skipping.stderr).toContain('going on without 5 broken files: even/broken 1.jpg: it is not a PNG');
    expect(skipping.code).toBe(0);
    expect(config(at)).toMatchObject({ data: { count: 40, skipped: 5 }, skipBroken: true });

    const resumed = await run(at, '--resume', at.out, '--max-steps', '6');
    expect(resumed.code).toBe(0);
    expect(config(at)).toMatchObject({ data: { skipped: 5 }, skipBroken: true, maxSteps: 6 });
  });

  it('ends by Ctrl-C in the midst of decoding with nothing left behind', async () => {
    const at = await place();
    const red = await plainPng([255, 0, 0, 255], 300);
    writeFiles(at.data, Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`more/${i}.png`, red])));
    const args = ['train', '--dataset', 'images', '--data-dir', at.data, ...SMALL, '--out', at.out];
    let sent = false;
    const result = await ganOnnx(args, { env: { XDG_CACHE_HOME: at.cache } }, (child, stderr) => {
      if (sent || !stderr.includes('340/340 files read')) return;
      sent = true;
      child.kill('SIGINT');
    });
    expect(result.stderr).toMatch(/ending as soon as it is safe/);
    expect(result.stderr).not.toContain('gan-onnx: ');
    expect([result.code, result.stdout]).toEqual([130, '']);
    expect(existsSync(at.out)).toBe(false);
    expect(existsSync(join(at.cache, 'gan-onnx', 'images')) ? cached(at) : []).toEqual([]);
  });

  it('says how a folder is named, and refuses one that it would write into', async () => {
    const at = await place();
    const wrong = await run(at, '--dataset', at.data, '--out', at.out);
    expect(wrong.stderr).toContain(`A folder of images is given by --dataset images --data-dir ${at.data}.`);
    expect(wrong.code).toBe(2);
    refused(await run(at, '--dataset', 'images', '--out', at.out), /dataset images needs --data-dir/);
    refused(await run(at, '--data-dir', at.data), /not made of files: use --dataset with one of .*images$/);
    const inside = join(at.data, 'runs', 'first');
    refused(
      await start({ ...at, out: inside }),
      /--out .*runs\/first lies in --data-dir .*: choose a folder outside$/,
    );
    expect(existsSync(join(at.data, 'runs'))).toBe(false);
    rmSync(at.data, { recursive: true });
    refused(
      await start(at),
      /the data folder .* does not exist: expected a folder of images: check --data-dir/,
    );
  });
});
