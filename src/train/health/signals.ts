/**
 * The table of signs that training goes wrong. Each is a pure function of what was seen lately; a new one is an entry
 * here and touches nothing else.
 */

import type { GeneratorLoss } from '../../export/index.js';
import type { Readings } from './readings.js';

/** A generator's samples beside the data, both measured by `diversity`. */
export interface Comparison {
  step: number;
  /** Samples' spread by the data's: 1 when they differ as much; undefined where all images of the data are the same. */
  spread: number | undefined;
  /** The same of the distance to the nearest other image; undefined where the data has too many twins. */
  nearest: number | undefined;
}

export interface MemoryReading {
  step: number;
  /** Of the process, in bytes. */
  bytes: number;
}

/** What signals look at. */
export interface Evidence {
  readings: Readings;
  /** What G minimises now. */
  objective: GeneratorLoss;
  /** Whether D has dropout. */
  dropout: boolean;
  /** The last comparisons, the oldest first. */
  comparisons: readonly Comparison[];
  /** Readings over the whole run, evenly apart, the oldest first. */
  memory: readonly MemoryReading[];
}

/** What was seen, and what to try. */
export interface Finding {
  seen: string;
  advice: string;
}

export interface Signal {
  /** In two or three words. */
  title: string;
  /**
   * @param isOn whether it was found the last time: it goes away later than it comes, so that it is not told again and
   * again
   */
  look(evidence: Evidence, isOn: boolean): Finding | undefined;
}

/** Readings over which D has to win. */
const WINS = 100;
/** Readings in which a loss has to be large. */
const LARGE = 10;
/** -log of what float32 cannot tell from 0 beside 1: no probability of D that it can tell from certainty loses more. */
const CERTAIN = Math.log(2 ** 24);
/** Comparisons in which samples have to be alike, and the steps that these have to span: G begins with images alike. */
const ALIKE = { comparisons: 2, steps: 200 };
/** Readings of memory that make a course. */
const COURSE = 30;
const MIB = 2 ** 20;

const rounded = (x: number): string => (Math.abs(x) < 1000 ? x.toPrecision(3) : x.toExponential(1));
const orDropout = (dropout: boolean): string => (dropout ? '' : ', or a D with dropout (--network mlp)');
const percent = (x: number): string => `${Number((100 * x).toPrecision(2))} %`;

export const SIGNALS = {
  'd-wins': {
    title: 'D wins',
    look({ readings, objective, dropout }, isOn) {
      if (readings.count < WINS) return undefined;
      const [real, fake] = [readings.mean('d_real', WINS), readings.mean('d_fake', WINS)];
      if (real - fake < (isOn ? 0.9 : 0.98)) return undefined;
      // d log(1 - D) / d logit = -D, d -log D / d logit = D - 1: the most that D lets through to G.
      const left =
        objective === 'minimax'
          ? `so D lets only ${percent(fake)} of G's gradient through`
          : `and G's loss is ${rounded(readings.mean('g_loss', WINS))}`;
      const better = objective === 'minimax' ? '--loss nonsaturating, ' : '';
      return {
        seen: `D(x) - D(G(z)) was ${rounded(real - fake)} on average over ${readings.steps} steps, ${left}`,
        advice: `try ${better}a smaller --lr, fewer updates of D (--k)${orDropout(dropout)}`,
      };
    },
  },
  collapse: {
    title: 'samples are alike',
    look({ comparisons, dropout }, isOn) {
      const [spreadLimit, nearestLimit] = isOn ? [0.3, 0.25] : [0.2, 0.15];
      const isLow = ({ spread, nearest }: Comparison): boolean =>
        spread !== undefined && (spread < spreadLimit || (nearest ?? 1) < nearestLimit);
      const last = comparisons.at(-1);
      if (last === undefined || !isLow(last)) return undefined;
      let first = comparisons.length - 1;
      while (first > 0 && isLow(comparisons[first - 1]!)) first -= 1;
      const isLong = last.step - comparisons[first]!.step >= ALIKE.steps;
      if (!isOn && (comparisons.length - first < ALIKE.comparisons || !isLong)) return undefined;
      const twins =
        last.nearest === undefined ? '' : ` and ${percent(last.nearest)} as far from the nearest one`;
      return {
        seen: `samples are ${percent(last.spread!)} as far apart as training images${twins}: G draws few different images`,
        advice: `try another --seed, a smaller --lr, a larger --batch-size${orDropout(dropout)}`,
      };
    },
  },
  'same-data': {
    title: 'data are alike',
    look({ comparisons }) {
      const last = comparisons.at(-1);
      if (last === undefined || last.spread !== undefined) return undefined;
      return {
        seen: 'all training images that were compared are the same',
        advice: 'look whether --data-dir holds the images that you mean',
      };
    },
  },
  'loss-blow-up': {
    title: 'losses blow up',
    look({ readings }, isOn) {
      if (readings.count < LARGE) return undefined;
      const limit = isOn ? CERTAIN / 2 : CERTAIN;
      const large = (['d_loss', 'g_loss'] as const).find((name) => readings.smallest(name, LARGE) > limit);
      if (large === undefined) return undefined;
      const who = large === 'd_loss' ? 'D' : 'G';
      return {
        seen: `${who}'s loss was ${rounded(readings.mean(large, LARGE))} over the last ${LARGE} readings, where D is certain beyond what float32 can tell`,
        advice: 'try a smaller --lr',
      };
    },
  },
  memory: {
    title: 'memory grows',
    look({ memory }) {
      if (memory.length < COURSE) return undefined;
      // The first part is left out: it fills caches.
      const quarter = memory.length >> 2;
      const [early, middle, late] = [1, 2, 3].map((part) =>
        median(memory.slice(part * quarter, (part + 1) * quarter).map(({ bytes }) => bytes)),
      ) as [number, number, number];
      const grows = middle > 1.05 * early && late > 1.05 * middle && late - early > 64 * MIB;
      if (!grows) return undefined;
      const steps = memory.at(-1)!.step - memory[quarter]!.step;
      return {
        seen: `memory grew from ${Math.round(early / MIB)} to ${Math.round(late / MIB)} MiB over ${steps} steps`,
        advice: 'should it go on, end the run by Ctrl-C and --resume it in a fresh process',
      };
    },
  },
} satisfies Record<string, Signal>;

export type SignalName = keyof typeof SIGNALS;

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}
