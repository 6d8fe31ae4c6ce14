/** Watches a run: keeps what the signals look at, asks them now and then, and tells each finding once. */

import { type Metric, OTHER_LOSS } from '../../export/index.js';
import type { ImageStack } from '../../infer/index.js';
import { configGan, type RunConfig } from '../config.js';
import { type Diversity, diversity } from './diversity.js';
import { createReadings } from './readings.js';
import { type Comparison, type Evidence, type MemoryReading, SIGNALS, type SignalName } from './signals.js';

/** One finding, or a return after divergence, as it is printed and written to notes.jsonl. */
export interface Note {
  signal: SignalName | 'not-a-number';
  /** Steps that were done when it was seen. */
  step: number;
  seen: string;
  advice: string;
}

export interface Doctor {
  /** Hears the losses of a step; gives what has just been found. */
  observe(step: number, metrics: Readonly<Record<Metric, number>>): Note[];
  /** Hears samples of the generator after `step` steps, and training images. */
  compare(step: number, samples: ImageStack, real: ImageStack): Note[];
}

export interface DoctorOptions {
  config: RunConfig;
  /** Memory of this process in bytes. */
  memory?: () => number;
  /** Milliseconds, from any moment on. */
  now?: () => number;
}

/** Readings between two looks at the signals. */
const LOOK_INTERVAL = 10;
/** Milliseconds between two readings of the memory, at first. */
const MEMORY_INTERVAL = 5000;
/** Readings of the memory that are kept; then every second one goes, and they are taken half as often. */
const MEMORY_READINGS = 64;
/** Notes of one process: a run that goes to and fro does not fill the disk. */
const MAX_NOTES = 200;
/** Comparisons that are kept. */
const COMPARISONS = 16;

export function createDoctor({
  config,
  memory: readMemory = process.memoryUsage.rss,
  now = () => performance.now(),
}: DoctorOptions): Doctor {
  const readings = createReadings();
  const comparisons: Comparison[] = [];
  let memory: MemoryReading[] = [];
  let memoryInterval = MEMORY_INTERVAL;
  let memoryRead = now();
  let heard = 0;
  let told = 0;
  let data: Diversity | undefined;
  const on = new Set<SignalName>();
  const dropout = configGan(config).discriminator.layers.some(({ kind }) => kind === 'dropout');

  const look = (step: number): Note[] => {
    const { loss, lossSwitchStep = Number.POSITIVE_INFINITY } = config;
    const objective = step < lossSwitchStep ? loss : OTHER_LOSS[loss];
    const evidence: Evidence = { readings, objective, dropout, comparisons, memory };
    return (Object.keys(SIGNALS) as SignalName[]).flatMap((signal) => {
      const finding = SIGNALS[signal].look(evidence, on.has(signal));
      const isNew = finding !== undefined && !on.has(signal) && told < MAX_NOTES;
      if (finding === undefined) on.delete(signal);
      else on.add(signal);
      if (!isNew) return [];
      told += 1;
      return [{ signal, step, ...finding }];
    });
  };

  const readMemoryNow = (step: number): void => {
    if (now() - memoryRead < memoryInterval) return;
    memoryRead = now();
    memory.push({ step, bytes: readMemory() });
    if (memory.length < MEMORY_READINGS) return;
    memory = memory.filter((_, i) => i % 2 === 1);
    memoryInterval *= 2;
  };

  return {
    observe(step, metrics) {
      readings.add(step, metrics);
      heard += 1;
      if (heard % LOOK_INTERVAL !== 0) return [];
      readMemoryNow(step + 1);
      return look(step + 1);
    },
    compare(step, samples, real) {
      if (Math.min(samples.count, real.count) < 2) return [];
      data ??= diversity(real);
      const found = diversity(samples);
      comparisons.push({
        step,
        spread: data.spread === 0 ? undefined : found.spread / data.spread,
        nearest: data.nearest === 0 ? undefined : found.nearest / data.nearest,
      });
      if (comparisons.length > COMPARISONS) comparisons.shift();
      return look(step);
    },
  };
}

/** What a note is about, in two or three words. */
export function noteTitle({ signal }: Note): string {
  return signal === 'not-a-number' ? 'training diverged' : SIGNALS[signal].title;
}

/** A note as one line. */
export function noteLine(note: Note): string {
  return `step ${note.step}: ${noteTitle(note)}: ${note.seen}; ${note.advice}`;
}
