/** `gan-onnx embed`: a folder that any static server shows as a page with a generator in it. */

import { createHash } from 'node:crypto';
import { existsSync, lstatSync, mkdirSync, readdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command, Option } from 'commander';
import { ELEMENT_FILES, type EmbedDevice, PAGE_STYLE, pageText, RUNTIME_FILES } from '../embed/page-text.js';
import { describeGenerator, INTERPOLATIONS } from '../infer/index.js';
import { MAX_DOWNLOAD_BYTES } from '../infer/model-file.js';
import { checkWritable, copyFileAtomically, writeFileAtomically } from '../system/files.js';
import { serveFolder } from '../system/static-server.js';
import { UserError } from '../system/user-error.js';
import { integerOption } from './arguments.js';
import { choiceOption } from './config-flags.js';
import { type GeneratorFlags, generatorOptions, generatorSettings } from './generator-flags.js';
import { interruptible } from './interrupt.js';
import { readGeneratorFile, samplingProblem } from './open-generator.js';

interface EmbedFlags extends GeneratorFlags {
  out: string;
  count: number;
  seed: number;
  device: EmbedDevice;
  sliders?: number;
  interpolate?: string;
  controls?: boolean;
  title: string;
  force?: boolean;
  /** A port; or true, for any that is free. */
  serve?: number | true;
}

/** What names the page's one style in its policy. */
const STYLE_HASH = createHash('sha256').update(PAGE_STYLE).digest('base64');

function page(flags: EmbedFlags): string {
  const { count, seed, device, sliders, interpolate, controls, title } = flags;
  const foreign = Object.entries(generatorSettings(flags)).map(
    ([name, value]) => [name, String(value)] as const,
  );
  return pageText(
    title,
    [
      ['src', 'generator.onnx'],
      ['count', String(count)],
      ['seed', String(seed)],
      ['device', device],
      ...(sliders === undefined ? [] : [['sliders', String(sliders)] as const]),
      ...(interpolate === undefined ? [] : [['interpolate', interpolate] as const]),
      ...(controls ? [['controls', ''] as const] : []),
      ...foreign,
    ],
    STYLE_HASH,
  );
}

/** Names of the page's files, with where each is copied from. */
function sources(device: EmbedDevice): Map<string, string> {
  const built = fileURLToPath(new URL('../page/', import.meta.url));
  const runtime = dirname(fileURLToPath(import.meta.resolve('onnxruntime-web/ort-wasm-simd-threaded.wasm')));
  return new Map([
    ...ELEMENT_FILES.map((name) => [name, join(built, name)] as const),
    ...RUNTIME_FILES[device].map((name) => [name, join(runtime, name)] as const),
  ]);
}

/** Refuses a folder that holds anything, unless its files may be replaced. */
function checkFolder(out: string, force: boolean): void {
  checkWritable('--out', out);
  const found = lstatSync(out, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isDirectory())
    throw new UserError(`--out ${out} exists and is not a folder: choose another path`);
  if (readdirSync(out).length === 0 || force) return;
  throw new UserError(
    `--out ${out} is not empty: choose another folder, or --force to replace the page's files in it`,
  );
}

async function embed(path: string, flags: EmbedFlags): Promise<void> {
  const out = resolve(flags.out);
  checkFolder(out, flags.force ?? false);
  const bytes = await readGeneratorFile(path, MAX_DOWNLOAD_BYTES);
  try {
    describeGenerator(bytes, generatorSettings(flags));
  } catch (error) {
    if (error instanceof RangeError) throw new UserError(`--${error.message}`);
    throw samplingProblem(path, error);
  }
  const files = sources(flags.device);
  for (const [name, from] of files) {
    if (!existsSync(from))
      throw new UserError(`${from}, the source of ${name}, does not exist: npm ci, or npm run build`);
  }
  mkdirSync(out, { recursive: true });
  for (const [name, from] of files) copyFileAtomically(from, join(out, name));
  writeFileAtomically(join(out, 'generator.onnx'), bytes);
  // The page comes last: one that is there has all its files.
  writeFileAtomically(join(out, 'index.html'), page(flags));
  process.stdout.write(
    `page: ${join(flags.out, 'index.html')}, with ${['generator.onnx', ...files.keys()].join(', ')}\n`,
  );
  if (flags.serve !== undefined) {
    await serve(out, flags.serve === true ? 0 : flags.serve);
    return;
  }
  process.stderr.write(
    'Any static server shows it (--serve is one); opened from the disk (file:) browsers refuse its scripts.\n',
  );
}

/** Shows the page to the browsers of this machine until Ctrl-C. */
async function serve(folder: string, port: number): Promise<void> {
  const server = await serveFolder(folder, { port });
  process.stdout.write(`${server.url} (Ctrl-C ends it)\n`);
  const ended = (signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => signal.addEventListener('abort', () => resolve()));
  await interruptible(ended, () => {});
  await server.close();
}

export function embedCommand(): Command {
  const command = new Command('embed')
    .description(
      'Writes a folder with a page that draws what a generator makes, in the visitor’s own browser.',
    )
    .argument('<generator.onnx>', 'an exported generator')
    .requiredOption('--out <folder>', 'folder to write')
    .addOption(integerOption('--count <n>', 'images on the page', { min: 1, max: 10_000 }).default(25))
    .addOption(integerOption('--seed <n>', 'seed of the images', { min: 0 }).default(1))
    .addOption(
      choiceOption('--device <name>', 'what draws; auto brings the files of both', RUNTIME_FILES).default(
        'auto',
      ),
    )
    .addOption(
      integerOption('--sliders <n>', 'sliders for the first n latent components', { min: 1, max: 64 }),
    )
    .addOption(choiceOption('--interpolate <mode>', 'a slider to other samples', INTERPOLATIONS))
    .option('--controls', 'a button for other samples')
    .addOption(new Option('--title <text>', 'title of the page').default('Drawn by a GAN'))
    .addOption(
      integerOption('--serve [port]', 'show the page on 127.0.0.1 until Ctrl-C', { min: 0, max: 65_535 }),
    )
    .option('--force', "replace the page's files in a folder that is not empty")
    .action(embed);
  for (const option of generatorOptions()) command.addOption(option);
  return command;
}
