/** `gan-onnx train`. */

import { dirname } from 'node:path';
import { Command, Option } from 'commander';
import { slicedWasserstein } from '../evaluate/index.js';
import { beginTogether, textOfRankZero } from '../parallel/agreement.js';
import { UserError } from '../system/user-error.js';
import type { GeneratorMeasure } from '../train/best-generator.js';
import { MAX_K } from '../train/config.js';
import type { AnyDataset } from '../train/data/dataset.js';
import { fastestDevice, probeApart } from '../train/device-probe.js';
import { DEVICES, type DeviceName } from '../train/devices.js';
import { ENGINES, type EngineName } from '../train/engines.js';
import { follow } from '../train/follow.js';
import { noteLine } from '../train/health/doctor.js';
import { readRunCheckpoint, readStoredRun } from '../train/resume.js';
import { train } from '../train/run.js';
import type { RunOptions, RunResult } from '../train/run-options.js';
import { shareRun } from '../train/shared-run.js';
import { UPDATE_SCHEDULES } from '../train/update-schedules.js';
import { defined, integerOption, numberOption } from './arguments.js';
import {
  type ConfigFlags,
  choiceOption,
  datasetOption,
  modelOptions,
  presetOption,
  printPresets,
  runConfig,
} from './config-flags.js';
import { inGroup, type Member } from './in-group.js';
import { InterruptedError, interruptible } from './interrupt.js';
import { leaveLastWord } from './last-word.js';
import { endView, openView } from './live/run-view.js';
import { createProgress, type Progress } from './progress.js';

/** What commander delivers; a flag that was not given is undefined. */
interface TrainFlags extends ConfigFlags {
  dataDir?: string;
  out?: string;
  force?: boolean;
  resume?: string;
  resumeStep?: number;
  engine?: EngineName;
  device?: DeviceName | 'auto';
  logInterval?: number;
  stepsPerCall?: number;
  keep?: number;
  onNan?: 'stop' | 'rollback';
  /** A port; or true, for any that is free. */
  live?: number | true;
  nCpu?: number;
  skipBroken?: boolean;
  threads?: number;
  stepTimeout: number;
}

function options(): Option[] {
  const positive = { min: 1 };
  return [
    presetOption(),
    datasetOption({ toyData: true }),
    new Option('--data-dir <folder>', "folder of the dataset's files, or of images"),
    new Option('--skip-broken', 'go on without the image files that are broken'),
    integerOption('--train-images <n>', 'train on the first n images (default: all)', positive),
    new Option('--out <folder>', 'where to write the run (default: runs/<dataset>-<date>)'),
    new Option('--force', 'replace an earlier run in --out'),
    new Option('--resume <run>', 'go on with the run in this folder, with its settings').conflicts([
      'out',
      'force',
      'preset',
    ]),
    integerOption('--resume-step <step>', 'checkpoint to go on from (default: the last one)', { min: 0 }),
    integerOption('--n-epochs <n>', 'passes over the data (default: 200)', positive),
    integerOption('--max-steps <n>', 'end after so many steps', positive),
    integerOption('--batch-size <n>', 'images in a batch (default: 64)', positive),
    ...modelOptions(),
    choiceOption(
      '--schedule <name>',
      'order of updates: joint as in gan.py (default), d-first as in the paper, or g-first',
      UPDATE_SCHEDULES,
    ),
    integerOption('--k <n>', 'updates of D for each of G, with d-first and g-first (default: 1)', {
      min: 1,
      max: MAX_K,
    }),
    integerOption(
      '--loss-switch-step <n>',
      'after so many steps G goes on with the other objective than --loss (default: never)',
      positive,
    ),
    integerOption('--sample-interval <steps>', 'steps between two pictures (default: 400)', positive),
    integerOption('--checkpoint-interval <steps>', 'steps between two checkpoints (default: 1000)', positive),
    integerOption('--keep <n>', 'checkpoints to keep (default: 2)', positive),
    numberOption(
      '--ema-decay <x>',
      'also keep the average of G over steps, with this decay a step, as generator-ema.onnx (default: 0, none)',
      { min: 0, max: 1 },
    ),
    choiceOption(
      '--on-nan <what>',
      'when losses or parameters are no numbers any more: stop (default), or rollback to the last checkpoint',
      { stop: true, rollback: true },
    ),
    choiceOption('--engine <name>', 'what runs the steps: session (default) or training-api (WASM)', ENGINES),
    choiceOption('--device <name>', 'where steps run: cpu (default), webgpu, cuda, or auto, the fastest', {
      ...DEVICES,
      auto: true,
    }),
    integerOption(
      '--steps-per-call <n>',
      'steps in one call, by one Loop (default: up to 64 in one second; 64 with cuda, 1 with webgpu)',
      {
        min: 1,
        max: 4096,
      },
    ),
    integerOption(
      '--log-interval <steps>',
      'steps between two lines of metrics (default: 1; 10 on a GPU, which each line makes wait)',
      positive,
    ),
    integerOption('--live [port]', 'show the run on a page on 127.0.0.1 while it goes on', {
      min: 0,
      max: 65_535,
    }),
    integerOption('--threads <n>', 'threads inside an operator (default: one per physical core)', {
      min: 1,
      max: 256,
    }),
    integerOption('--step-timeout <seconds>', 'under mpirun: the longest that ranks wait for each other', {
      min: 1,
      max: 86_400,
    }).default(120),
    integerOption('--n-cpu <n>', 'threads that decode image files (default: one per core, at most 8)', {
      min: 1,
      max: 256,
    }),
  ];
}

/** A folder for a run that was given none: named by dataset and time, so that no two runs meet. */
function defaultOut(dataset: string): string {
  const stamp = new Date().toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-');
  return `runs/${dataset}-${stamp}`;
}

/** What decides which generator is the best: directions of the sliced Wasserstein distance, drawn by its seed 0. */
const MEASURE_DIRECTIONS = 64;

const measure: GeneratorMeasure = (samples, real) => {
  const points = ({ count, shape, data }: typeof samples) => ({
    count,
    size: shape.reduce((a, b) => a * b, 1),
    data,
  });
  return slicedWasserstein(points(samples), points(real), { directions: MEASURE_DIRECTIONS });
};

/** What to train and where: a new run, or one that goes on. */
async function runPlace(
  flags: TrainFlags,
): Promise<Pick<RunOptions, 'config' | 'out' | 'resume' | 'dataDir' | 'skipBroken' | 'force'>> {
  if (flags.resume === undefined) {
    if (flags.resumeStep !== undefined) throw new UserError('--resume-step belongs to --resume');
    const config = runConfig(flags);
    const out = flags.out ?? defaultOut(config.dataset);
    const { dataDir, skipBroken, force } = flags;
    return { config, out, ...defined({ dataDir, skipBroken, force }) };
  }
  const stored = await readStoredRun(flags.resume);
  const resume = await readRunCheckpoint(flags.resume, flags.resumeStep);
  const config = runConfig(flags, stored.config);
  const { dataDir = stored.dataDir, skipBroken = stored.skipBroken } = flags;
  return { config, out: flags.resume, resume, ...defined({ dataDir, skipBroken }) };
}

/** The longest that a device may take for a few steps, in ms. */
const TRIAL_LIMIT = 120_000;

/**
 * The device to train on; the fastest for this run when it is left to us. A GPU is tried in a process of its own first,
 * because a driver that cannot do it may end its process without a word.
 */
async function runDevice(
  { device, threads, engine = 'session' }: TrainFlags,
  config: RunOptions['config'],
  say: (message: string) => void,
): Promise<DeviceName | undefined> {
  // Only the session engine has a choice; a device that another one lacks is refused with the rest.
  if (engine !== 'session') return device === 'auto' ? undefined : device;
  if (device === undefined || device === 'cpu') return device;
  if (device !== 'auto') {
    const { problem } = await probeApart({ engine, device, config, placement: false }, TRIAL_LIMIT);
    if (problem !== undefined) throw new UserError(problem);
    return device;
  }
  say('trying which device is the fastest');
  const choice = await fastestDevice(config, threads);
  say(`training on ${choice.device}: ${choice.reason}`);
  return choice.device;
}

/** The device of a run of several processes: trying several would tell each of them something else. */
function onlyDevice({ device }: TrainFlags): DeviceName | undefined {
  return device === 'auto' ? undefined : device;
}

/**
 * Runs the training with progress on stderr; as one of several processes, of which rank 0 says how it goes.
 *
 * @param on.place is told the run's folder
 * @param on.agreed called once all of several processes have the same settings and data
 */
async function trainWithProgress(
  flags: TrainFlags,
  version: string,
  member: Member | undefined,
  on: { place: (out: string) => void; agreed: () => void },
): Promise<{ result: RunResult | undefined; interruption: unknown; isPoints: boolean }> {
  const find = () => runPlace(flags);
  const place = await (member === undefined ? find() : beginTogether(member.group, find, () => ({})));
  const { config } = place;
  // A folder that is named by the time has rank 0's.
  const out = member === undefined ? place.out : await textOfRankZero(member.group, place.out);
  on.place(out);
  const isFollower = member !== undefined && member.group.rank > 0;
  let progress: Progress | undefined;
  const say = (message: string): void => {
    if (isFollower) return;
    if (progress !== undefined) progress.note(message);
    else process.stderr.write(`${message}\n`);
  };
  let ms = 0;
  try {
    return await interruptible(
      async (signal) => {
        const device = member === undefined ? await runDevice(flags, config, say) : onlyDevice(flags);
        const { threads = member?.threads } = flags;
        const patience = flags.stepTimeout * 1000;
        const reason = new InterruptedError();
        const { agreed } = on;
        const shared =
          member &&
          shareRun(member.group, { own: signal, reason, patience, onMachine: member.onMachine, agreed });
        const view =
          flags.live === undefined || isFollower ? undefined : await openView(flags.live, place, say);
        const options: RunOptions = {
          ...place,
          version,
          signal,
          measure,
          ...defined({
            engine: flags.engine,
            device,
            threads,
            shared,
            dataWorkers: flags.nCpu,
            keep: flags.keep,
            onNan: flags.onNan,
            logInterval: flags.logInterval,
            stepsPerCall: flags.stepsPerCall,
          }),
          on: {
            ...view?.on,
            progress: say,
            count({ done, total, unit }) {
              progress ??= createProgress(total, unit);
              progress.update(done, '');
              if (done < total) return;
              progress.stop();
              progress = undefined;
            },
            start(run) {
              view?.on.start(run);
              const { length, done, dataset } = run;
              say(
                `${done === 0 ? 'training' : `going on after step ${done} with`} ${config.gan} on ${dataset.name} ` +
                  `(${inWords(dataset)}), ` +
                  `${length.steps} steps of batch ${config.batchSize}, into ${out}`,
              );
              progress = createProgress(length.steps, 'steps');
            },
            note(note) {
              view?.on.note(note);
              say(noteLine(note));
            },
            step(report, stepMs) {
              view?.on.step(report, stepMs);
              // A running mean over about 50 steps.
              ms = ms === 0 ? stepMs : ms + (stepMs - ms) / 50;
              if (report.metrics === undefined) return;
              const { d_loss, g_loss, d_real, d_fake } = report.metrics;
              progress?.update(
                report.step + 1,
                `epoch ${report.epoch}  D loss ${d_loss.toFixed(3)}  G loss ${g_loss.toFixed(3)}  ` +
                  `D(x) ${d_real.toFixed(2)}  D(G(z)) ${d_fake.toFixed(2)}  ${ms.toFixed(1)} ms/step`,
              );
            },
          },
        };
        const isPoints = config.gan === 'points';
        if (shared === undefined || !isFollower) {
          const result = await endView(view, train(options));
          return { result, interruption: signal.reason ?? reason, isPoints };
        }
        const { interrupted } = await follow({ ...options, on: {}, shared });
        const interruption = interrupted ? (signal.reason ?? reason) : undefined;
        return { result: undefined, interruption, isPoints };
      },
      () =>
        say(
          member === undefined
            ? 'ending as soon as it is safe (Ctrl-C again ends at once)'
            : `gan-onnx: ${member.says(
                `told to end, by hand or because a rank was lost: ending with this step if all are there; ${goingOn(out)}`,
              )}`,
        ),
    );
  } finally {
    progress?.stop();
  }
}

/** What a dataset consists of; toy data has one axis, coordinates. */
function inWords({ count, shape }: AnyDataset['description']): string {
  if (shape.length > 1) return `${count} images of ${shape.join(' x ')}`;
  return shape[0] === 1 ? 'fresh points on a line' : 'fresh points in the plane';
}

/** What to do about a run of several processes that was ended by force. */
function goingOn(out: string): string {
  return `its checkpoints are good: gan-onnx train --resume ${out} goes on, on any number of ranks`;
}

/** What the user reads at the end. */
function summary(
  { steps, interrupted, samples, generator, best, ema, checkpoint, report }: RunResult,
  out: string,
  isPoints: boolean,
): string {
  const bestLine =
    best === undefined
      ? ''
      : `best so far:  ${best.path} (step ${best.step}, sliced Wasserstein distance ${best.score.toFixed(4)})\n`;
  const emaLine = ema === undefined ? '' : `averaged:     ${ema}\n`;
  return (
    `${interrupted ? 'interrupted' : 'done'} after ${steps} steps\n` +
    `sample grid:  ${samples}\ngenerator:    ${generator}\n${bestLine}${emaLine}` +
    `checkpoint:   ${checkpoint}\nreport:       ${report}\n` +
    // The command samples images.
    (isPoints ? '' : `more samples: gan-onnx sample ${generator} --count 100 --out more.png\n`) +
    `to go on:     gan-onnx train --resume ${out}${interrupted ? '' : ' --n-epochs <more>'}\n`
  );
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
    let out = '<the run>';
    const advice = () => goingOn(out);
    const { result, interruption, isPoints } = await inGroup(
      (member) =>
        trainWithProgress(flags, version, member, {
          place(found) {
            out = found;
          },
          // Not before: ranks that disagree have nothing to go on with.
          agreed() {
            // One a machine: a launcher may lose what is said on rank 0's when it ends the job.
            if (!member?.isFirstHere) return;
            leaveLastWord(
              `gan-onnx: ${member.says(`ended by force, or one of the ranks was lost; ${advice()}`)}`,
            );
          },
        }),
      advice,
    );
    if (result === undefined) {
      if (interruption !== undefined) throw interruption;
      return;
    }
    process.stdout.write(summary(result, dirname(result.generator), isPoints));
    if (result.interrupted) throw interruption;
  });
}
