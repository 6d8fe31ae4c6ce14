/** `gan-onnx train`. */

import { Command, Option } from 'commander';
import {
  GANS,
  GENERATOR_LOSSES,
  type GeneratorLoss,
  type OptimizerKind,
  type OptimizerSpec,
} from '../export/index.js';
import { UserError } from '../system/user-error.js';
import { ADAM, DEFAULT_CONFIG, MAX_K, type RunConfig } from '../train/config.js';
import { DATASETS } from '../train/data/index.js';
import { PRESETS } from '../train/presets.js';
import { type RunResult, train } from '../train/run.js';
import { type ScheduleName, UPDATE_SCHEDULES } from '../train/update-schedules.js';
import { defined, integerOption, numberOption } from './arguments.js';
import { InterruptedError, interruptible } from './interrupt.js';
import { createProgress, type Progress } from './progress.js';

/** What commander delivers; a flag that was not given is undefined. */
interface TrainFlags {
  preset?: string;
  dataset?: string;
  dataDir?: string;
  out?: string;
  force?: boolean;
  nEpochs?: number;
  maxSteps?: number;
  batchSize?: number;
  lr?: number;
  b1?: number;
  b2?: number;
  momentum?: number;
  nCpu?: number;
  latentDim?: number;
  imgSize?: number;
  channels?: number;
  sampleInterval?: number;
  seed?: number;
  schedule?: ScheduleName;
  k?: number;
  optimizer?: OptimizerKind;
  loss?: GeneratorLoss;
  network?: RunConfig['gan'];
  threads?: number;
}

/** torch.optim.SGD and pylearn2 have no momentum unless told; 0.5 is where the 2014 paper's code starts. */
const SGD_DEFAULTS = { learningRate: 0.1, momentum: 0.5 };

function options(): Option[] {
  const positive = { min: 1 };
  const rate = { min: 0, max: 1 };
  const oneOf = (flags: string, description: string, table: object) =>
    new Option(flags, description).choices(Object.keys(table));
  return [
    oneOf('--preset <name>', 'a named bundle of settings, which other flags override; `list` shows them', {
      ...PRESETS,
      list: true,
    }),
    oneOf('--dataset <name>', 'data to learn (default: digits)', DATASETS),
    new Option('--data-dir <folder>', "folder of the dataset's files"),
    new Option('--out <folder>', 'where to write the run (default: runs/<dataset>-<date>)'),
    new Option('--force', 'replace an earlier run in --out'),
    integerOption('--n-epochs <n>', 'passes over the data (default: 200)', positive),
    integerOption('--max-steps <n>', 'end after so many steps', positive),
    integerOption('--batch-size <n>', 'images in a batch (default: 64)', positive),
    numberOption('--lr <rate>', 'learning rate (default: 0.0002; 0.1 with sgd)', { min: 0, above: true }),
    numberOption('--b1 <x>', "Adam's decay of the first moment (default: 0.5)", rate),
    numberOption('--b2 <x>', "Adam's decay of the second moment (default: 0.999)", rate),
    numberOption('--momentum <x>', 'momentum of sgd, below 1 (default: 0.5)', rate),
    integerOption('--n-cpu <n>', 'accepted for gan.py, which does not use it either', positive),
    integerOption('--latent-dim <n>', 'components of a latent (default: 100)', positive),
    integerOption('--img-size <pixels>', 'width and height of an image (default: 28)', positive),
    integerOption('--channels <n>', 'channels of an image, 1 or 3 (default: 1)', positive),
    integerOption('--sample-interval <steps>', 'steps between two pictures (default: 400)', positive),
    integerOption('--seed <n>', 'the same seed gives the same run (default: 0)', { min: 0 }),
    oneOf(
      '--schedule <name>',
      'order of updates: joint as in gan.py (default), d-first as in the paper, or g-first',
      UPDATE_SCHEDULES,
    ),
    integerOption('--k <n>', 'updates of D for each of G, with d-first and g-first (default: 1)', {
      min: 1,
      max: MAX_K,
    }),
    oneOf('--optimizer <name>', 'adam or sgd (default: adam)', { adam: true, sgd: true }),
    oneOf('--loss <name>', 'what G minimises (default: nonsaturating)', GENERATOR_LOSSES),
    oneOf('--network <name>', 'network pair (default: pytorch-gan)', GANS),
    integerOption('--threads <n>', 'threads inside an operator (default: one per physical core)', {
      min: 1,
      max: 256,
    }),
  ];
}

/** The optimiser that flags, preset and defaults add up to. */
function optimizerSpec(flags: TrainFlags, base: OptimizerSpec): OptimizerSpec {
  const kind = flags.optimizer ?? base.kind;
  if (kind === 'adam') {
    if (flags.momentum !== undefined)
      throw new UserError('--momentum belongs to --optimizer sgd; adam has --b1 and --b2');
    const defaults = base.kind === 'adam' ? base : ADAM;
    const learningRate =
      flags.lr === undefined ? defaults.learningRate : ({ kind: 'constant', value: flags.lr } as const);
    return { ...defaults, learningRate, ...defined({ b1: flags.b1, b2: flags.b2 }) };
  }
  if (flags.b1 !== undefined || flags.b2 !== undefined) {
    throw new UserError('--b1 and --b2 belong to --optimizer adam; sgd has --momentum');
  }
  const { lr = SGD_DEFAULTS.learningRate, momentum = SGD_DEFAULTS.momentum } = flags;
  return {
    kind: 'sgd',
    learningRate: { kind: 'constant', value: lr },
    momentum: { kind: 'constant', value: momentum },
  };
}

/** Defaults, then the preset, then the flags that were given. */
function runConfig(flags: TrainFlags): RunConfig {
  const preset = flags.preset === undefined ? {} : PRESETS[flags.preset]!.settings;
  const base: RunConfig = { ...DEFAULT_CONFIG, ...preset };
  // Whoever asks for so many epochs does not want the preset's own end.
  if (flags.nEpochs !== undefined) delete base.maxSteps;
  return {
    ...base,
    ...defined({
      gan: flags.network,
      dataset: flags.dataset,
      epochs: flags.nEpochs,
      maxSteps: flags.maxSteps,
      batchSize: flags.batchSize,
      latentSize: flags.latentDim,
      imageSize: flags.imgSize,
      channels: flags.channels,
      sampleInterval: flags.sampleInterval,
      seed: flags.seed,
      k: flags.k,
      loss: flags.loss,
      schedule: flags.schedule,
    }),
    optimizer: optimizerSpec(flags, base.optimizer),
  };
}

/** A folder for a run that was given none: named by dataset and time, so that no two runs meet. */
function defaultOut(dataset: string): string {
  const stamp = new Date().toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-');
  return `runs/${dataset}-${stamp}`;
}

function printPresets(): void {
  for (const [name, { description }] of Object.entries(PRESETS)) {
    process.stdout.write(`${name.padEnd(16)}${description}\n`);
  }
}

/** Runs the training with progress on stderr. */
async function trainWithProgress(flags: TrainFlags, version: string): Promise<RunResult> {
  const config = runConfig(flags);
  const out = flags.out ?? defaultOut(config.dataset);
  let progress: Progress | undefined;
  const say = (message: string): void => {
    if (progress !== undefined) progress.note(message);
    else process.stderr.write(`${message}\n`);
  };
  let ms = 0;
  try {
    return await interruptible(
      (signal) =>
        train({
          config,
          out,
          version,
          signal,
          ...defined({ force: flags.force, dataDir: flags.dataDir, threads: flags.threads }),
          on: {
            progress: say,
            start({ length, dataset }) {
              say(
                `training ${config.gan} on ${dataset.name} (${dataset.count} images of ${dataset.shape.join(' x ')}), ` +
                  `${length.steps} steps of batch ${config.batchSize}, into ${out}`,
              );
              progress = createProgress(length.steps, 'steps');
            },
            step(report, stepMs) {
              // A running mean over about 50 steps.
              ms = ms === 0 ? stepMs : ms + (stepMs - ms) / 50;
              const { d_loss, g_loss, d_real, d_fake } = report.metrics;
              progress?.update(
                report.step + 1,
                `epoch ${report.epoch}  D loss ${d_loss.toFixed(3)}  G loss ${g_loss.toFixed(3)}  ` +
                  `D(x) ${d_real.toFixed(2)}  D(G(z)) ${d_fake.toFixed(2)}  ${ms.toFixed(1)} ms/step`,
              );
            },
          },
        }),
      () => say('ending as soon as it is safe (Ctrl-C again ends at once)'),
    );
  } finally {
    progress?.stop();
  }
}

/** @param version version of gan-onnx, written into the files */
export function trainCommand(version: string): Command {
  const command = new Command('train').description(
    'Trains a generator and leaves a run folder with generator.onnx.',
  );
  for (const option of options()) command.addOption(option);
  return command.action(async (flags: TrainFlags) => {
    if (flags.preset === 'list') {
      printPresets();
      return;
    }
    const result = await trainWithProgress(flags, version);
    process.stdout.write(
      `${result.interrupted ? 'interrupted' : 'done'} after ${result.steps} steps\n` +
        `sample grid: ${result.samples}\ngenerator:   ${result.generator}\n` +
        `more samples: gan-onnx sample ${result.generator} --count 100 --out more.png\n`,
    );
    if (result.interrupted) throw new InterruptedError();
  });
}
