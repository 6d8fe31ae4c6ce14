/** Flags that say what is trained and how, shared by the commands, and the configuration that they add up to. */

import { InvalidArgumentError, Option } from 'commander';
import {
  GANS,
  GENERATOR_LOSSES,
  type GeneratorLoss,
  type OptimizerKind,
  type OptimizerSpec,
  type Schedule,
} from '../export/index.js';
import { UserError } from '../system/user-error.js';
import { ADAM, DEFAULT_CONFIG, pointDefaults, type RunConfig } from '../train/config.js';
import { DATASETS } from '../train/data/index.js';
import { POINT_DISTRIBUTIONS } from '../train/data/points/distributions.js';
import { PRESETS } from '../train/presets.js';
import type { ScheduleName } from '../train/update-schedules.js';
import { defined, integerOption, numberOption } from './arguments.js';

/** What commander delivers; a flag that was not given is undefined. */
export interface ConfigFlags {
  preset?: string;
  dataset?: string;
  nEpochs?: number;
  maxSteps?: number;
  batchSize?: number;
  lr?: number;
  b1?: number;
  b2?: number;
  momentum?: number;
  latentDim?: number;
  imgSize?: number;
  channels?: number;
  sampleInterval?: number;
  checkpointInterval?: number;
  seed?: number;
  schedule?: ScheduleName;
  k?: number;
  optimizer?: OptimizerKind;
  loss?: GeneratorLoss;
  lossSwitchStep?: number;
  trainImages?: number;
  emaDecay?: number;
  network?: RunConfig['gan'];
}

/** torch.optim.SGD and pylearn2 have no momentum unless told; 0.5 is where the 2014 paper's code starts. */
const SGD_DEFAULTS = { learningRate: 0.1, momentum: 0.5 };

/** An option that takes one of the names of a table. */
export function choiceOption(flags: string, description: string, table: object): Option {
  return new Option(flags, description).choices(Object.keys(table));
}

/** The dataset flag; whoever gives it a folder is told how folders are given. @param toyData whether it may be toy data */
export function datasetOption({ toyData = false } = {}): Option {
  const option = choiceOption('--dataset <name>', 'data to learn (default: digits)', DATASETS);
  return option.argParser((text) => {
    if (Object.hasOwn(DATASETS, text)) return text;
    if (Object.hasOwn(POINT_DISTRIBUTIONS, text)) {
      if (toyData) return text;
      throw new InvalidArgumentError(
        `${text} is toy data, of points and not of images: gan-onnx figure theory --data ${text} trains on it.`,
      );
    }
    const names = Object.keys(toyData ? { ...DATASETS, ...POINT_DISTRIBUTIONS } : DATASETS).join(', ');
    throw new InvalidArgumentError(
      /[/\\.]/.test(text)
        ? `A folder of images is given by --dataset images --data-dir ${text}.`
        : `Allowed choices are ${names}.`,
    );
  });
}

const positive = { min: 1 };
const decay = { min: 0, max: 1 };

/** Flags of networks, loss and optimiser. */
export function modelOptions(): Option[] {
  return [
    choiceOption('--network <name>', 'network pair (default: pytorch-gan)', GANS),
    integerOption('--img-size <pixels>', 'width and height of an image (default: 28)', positive),
    integerOption('--channels <n>', 'channels of an image, 1 or 3 (default: 1)', positive),
    integerOption('--latent-dim <n>', 'components of a latent (default: 100)', positive),
    choiceOption('--loss <name>', 'what G minimises (default: nonsaturating)', GENERATOR_LOSSES),
    choiceOption('--optimizer <name>', 'adam or sgd (default: adam)', { adam: true, sgd: true }),
    numberOption('--lr <rate>', 'learning rate (default: 0.0002; 0.1 with sgd)', { min: 0, above: true }),
    numberOption('--b1 <x>', "Adam's decay of the first moment (default: 0.5)", decay),
    numberOption('--b2 <x>', "Adam's decay of the second moment (default: 0.999)", decay),
    numberOption('--momentum <x>', 'momentum of sgd, below 1 (default: 0.5)', decay),
    integerOption('--seed <n>', 'the same seed gives the same run (default: 0)', { min: 0 }),
  ];
}

/** The preset flag; `list` is for the command to handle. */
export function presetOption(): Option {
  return choiceOption(
    '--preset <name>',
    'a named bundle of settings, which other flags override; `list` shows them',
    { ...PRESETS, list: true },
  );
}

/** The optimiser that flags, preset and defaults add up to. */
function optimizerSpec(flags: ConfigFlags, base: OptimizerSpec): OptimizerSpec {
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
  const rate = (value: number | undefined, inherited: Schedule | undefined, fallback: number): Schedule =>
    value === undefined && inherited !== undefined
      ? inherited
      : { kind: 'constant', value: value ?? fallback };
  const inherited = base.kind === 'sgd' ? base : undefined;
  return {
    kind: 'sgd',
    learningRate: rate(flags.lr, inherited?.learningRate, SGD_DEFAULTS.learningRate),
    momentum: rate(flags.momentum, inherited?.momentum, SGD_DEFAULTS.momentum),
  };
}

/** The settings of a run (those of an earlier one, or defaults and preset), then the flags that were given. */
export function runConfig(flags: ConfigFlags, stored?: RunConfig): RunConfig {
  const preset = flags.preset === undefined ? {} : PRESETS[flags.preset]!.settings;
  const toy =
    flags.dataset !== undefined && Object.hasOwn(POINT_DISTRIBUTIONS, flags.dataset)
      ? pointDefaults(flags.dataset)
      : {};
  const base: RunConfig = { ...(stored ?? { ...DEFAULT_CONFIG, ...preset, ...toy }) };
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
      checkpointInterval: flags.checkpointInterval,
      seed: flags.seed,
      k: flags.k,
      loss: flags.loss,
      lossSwitchStep: flags.lossSwitchStep,
      trainImages: flags.trainImages,
      emaDecay: flags.emaDecay,
      schedule: flags.schedule,
    }),
    optimizer: optimizerSpec(flags, base.optimizer),
  };
}

export function printPresets(): void {
  const width = 1 + Math.max(...Object.keys(PRESETS).map(({ length }) => length));
  for (const [name, { description }] of Object.entries(PRESETS)) {
    process.stdout.write(`${name.padEnd(width)}${description}\n`);
  }
}
