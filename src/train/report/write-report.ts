/** Writes a run's report.html from what lies in its folder. */

import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { RunConfig, RunLength } from '../config.js';
import { Divergence, MAX_ROLLBACKS } from '../divergence.js';
import { isAveraged } from '../ema.js';
import { readNotes } from '../health/notes-file.js';
import type { BestScore } from '../run-checkpoint.js';
import type { RunDirectory } from '../run-directory.js';
import { CHART_NAMES, CHARTS, chartLabel, drawChart } from './charts.js';
import { addMetricsFile, type Course, emptyCourse, latest } from './course.js';
import { reportPage } from './page.js';
import { readPictures, readPng } from './pictures.js';

/** How a run ended, beside what its folder says. */
export interface RunEnding {
  config: RunConfig;
  length: RunLength;
  /** Steps that were done. */
  steps: number;
  /** How often it has returned to a checkpoint. */
  rollbacks: number;
  /** The error that ended it. */
  failure?: Error;
  best?: BestScore;
  /** Name of what ran it, for example `session on cpu`. */
  engine: string;
  version: string;
}

/** More marks would hide the chart. */
const MAX_MARKS = 20;

const grouped = (n: number): string => n.toLocaleString('en');

/** Leaves of a JSON value by path, for a table. */
function leaves(value: unknown, path: string): [string, string][] {
  if (typeof value !== 'object' || value === null) return [[path, String(value)]];
  if (Array.isArray(value)) return [[path, value.map(String).join(' x ')]];
  return Object.entries(value).flatMap(([key, entry]) => leaves(entry, path === '' ? key : `${path}.${key}`));
}

/** A path as a shell reads it. */
function quoted(path: string): string {
  return /^[\w./@%+=:,-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}

function endingSentence({ length, steps, failure }: RunEnding): string {
  if (failure !== undefined) return `Ended by an error. ${failure.message}`;
  if (steps < length.steps) return `Interrupted after ${grouped(steps)} of ${grouped(length.steps)} steps.`;
  return `Done after ${grouped(steps)} steps.`;
}

function figures(ending: RunEnding, course: Course): [string, string][] {
  const { length, steps, best, engine } = ending;
  const epochs = (steps * length.batchesPerStep) / length.batchesPerEpoch;
  const value = (name: Parameters<typeof latest>[1], digits: number): [string, string][] => {
    const found = latest(course, name);
    return found === undefined ? [] : [[name === 'ms' ? 'ms a step' : name, found.toPrecision(digits)]];
  };
  return [
    ['steps', grouped(steps)],
    ['epochs', String(Number(epochs.toPrecision(3)))],
    ...value('d_loss', 3),
    ...value('g_loss', 3),
    ...value('D(x)', 2),
    ...value('D(G(z))', 2),
    ...value('ms', 3),
    ['engine', engine],
    ...(best === undefined
      ? []
      : ([['best generator', `step ${grouped(best.step)} (distance ${best.score.toFixed(4)})`]] as const).map(
          ([name, text]): [string, string] => [name, text],
        )),
  ];
}

const SAMPLES_OF = {
  generator: { title: 'More samples', file: 'more.png' },
  best: { title: 'Samples of the best generator', file: 'best.png' },
  ema: { title: 'Samples of the averaged generator', file: 'averaged.png' },
} as const;

function commands(
  directory: RunDirectory,
  { config, length, steps, rollbacks, failure, best }: RunEnding,
): [string, string][] {
  const path = quoted(directory.path);
  // A run that failed leaves an earlier one's generator, which is not its own.
  const isOwn = {
    generator: failure === undefined,
    best: best !== undefined,
    ema: failure === undefined && isAveraged(config),
  };
  // The command samples images.
  const drawsImages = config.gan !== 'points';
  const generators = (['generator', 'best', 'ema'] as const).filter(
    (name) => drawsImages && isOwn[name] && existsSync(directory.file(name)),
  );
  // A run that may not return again diverges again.
  const isLost = failure instanceof Divergence && rollbacks === MAX_ROLLBACKS;
  const goesOn = !isLost && directory.checkpoints.steps().length > 0;
  const isDone = steps >= length.steps;
  const more =
    failure instanceof Divergence ? ' --on-nan rollback' : isDone ? ` --max-steps ${2 * steps}` : '';
  return [
    ...generators.map((name): [string, string] => [
      SAMPLES_OF[name].title,
      `gan-onnx sample ${quoted(directory.file(name))} --count 100 --out ${SAMPLES_OF[name].file}`,
    ]),
    ...(goesOn
      ? [
          [
            isDone ? 'Train on' : 'Go on from the last checkpoint',
            `gan-onnx train --resume ${path}${more}`,
          ] satisfies [string, string],
        ]
      : []),
  ];
}

function settings(directory: RunDirectory): [string, string][] {
  try {
    return leaves(JSON.parse(readFileSync(directory.file('config'), 'utf8')), '');
  } catch {
    return [];
  }
}

/**
 * Draws and writes report.html, whole or not at all. It reads all of metrics.jsonl, in bounded memory.
 *
 * @throws UserError when it cannot be written
 */
export async function writeReport(directory: RunDirectory, ending: RunEnding): Promise<void> {
  const { config, steps, version } = ending;
  const course = emptyCourse();
  addMetricsFile(course, directory.file('metrics'));
  const notes = await readNotes(directory.file('notes'));
  const marks = [...new Set(notes.map(({ step }) => step))].slice(-MAX_MARKS);
  const charts = [];
  for (const name of CHART_NAMES) {
    if (course.buckets.length === 0) break;
    const svg = await drawChart(name, course, marks);
    charts.push({ title: CHARTS[name].title, label: chartLabel(name, course), svg });
  }
  // A run that failed leaves an earlier one's samples, which are not its own.
  const samples = ending.failure === undefined ? readPng(directory.file('samples')) : undefined;
  const page = reportPage({
    path: resolve(directory.path),
    title: `${config.gan} on ${config.dataset}`,
    ending: endingSentence(ending),
    failed: ending.failure !== undefined,
    figures: figures(ending, course),
    charts,
    pictures: readPictures(directory.file('images'), steps),
    ...(samples === undefined ? {} : { samples }),
    notes,
    commands: commands(directory, ending),
    settings: settings(directory),
    written: `Written by gan-onnx ${version} on ${new Date().toISOString().slice(0, 16).replace('T', ' ')} UTC.`,
  });
  directory.write('report', page);
}
