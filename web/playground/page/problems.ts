/** What cannot be trained, said in one line for each control before it is tried. */

import type { Settings } from '../protocol.js';
import { DATA_KINDS, kindOf } from './choices.js';

/** Closed intervals of the settings that are numbers. */
export const LIMITS = {
  units: [2, 512],
  latentSize: [1, 512],
  learningRate: [1e-6, 1],
  momentum: [0, 0.999],
  k: [1, 20],
  batchSize: [1, 1024],
  seed: [0, 2 ** 32],
} as const satisfies Partial<Record<keyof Settings, readonly [number, number]>>;

export type NumberSetting = keyof typeof LIMITS;

const FRACTIONS: readonly NumberSetting[] = ['learningRate', 'momentum'];

export type Problems = Partial<Record<keyof Settings, string>>;

function numberProblem(name: NumberSetting, value: number): string | undefined {
  const [low, high] = LIMITS[name];
  const whole = FRACTIONS.includes(name) ? 'a number' : 'a whole number';
  const sound = value >= low && value <= high && (FRACTIONS.includes(name) || Number.isInteger(value));
  return sound ? undefined : `Expected ${whole} from ${low} to ${high}.`;
}

/** The images of the run that is open can be used again in the size that they were brought to. */
function hasImages(settings: Settings, open: Settings | undefined): boolean {
  return (
    open?.data.kind === 'images' &&
    open.imageSize === settings.imageSize &&
    open.channels === settings.channels
  );
}

interface Rule {
  /** The control at which it is said. */
  at: keyof Settings;
  broken: (settings: Settings, open: Settings | undefined) => boolean;
  line: string;
}

/** Rules about more than one setting. */
const RULES: readonly Rule[] = [
  {
    at: 'data',
    broken: ({ data }) => data.kind === 'drawn' && data.points.length === 0,
    line: 'Draw at least one point first.',
  },
  {
    at: 'data',
    broken: (settings, open) =>
      settings.data.kind === 'images' && settings.data.files.length === 0 && !hasImages(settings, open),
    line: 'Choose some images first, or again for another size.',
  },
  {
    at: 'network',
    broken: ({ network, imageSize }) => network === 'dcgan' && imageSize % 4 !== 0,
    line: 'The convolutional network needs a size that 4 divides.',
  },
  {
    at: 'device',
    broken: ({ device, optimizer }) => device === 'training-api' && optimizer === 'sgd',
    line: 'ONNX Runtime’s training API has no SGD with momentum: choose Adam, or another device.',
  },
];

/**
 * @param open settings of the run that is open
 * @returns a line for each setting that is impossible; empty when all can be trained
 */
export function problemsOf(settings: Settings, open: Settings | undefined): Problems {
  const makes = DATA_KINDS[kindOf(settings.data)].makes;
  const problems: Problems = {};
  for (const name of Object.keys(LIMITS) as NumberSetting[]) {
    if (name === 'units' && makes === 'images') continue;
    const line = numberProblem(name, settings[name]);
    if (line !== undefined) problems[name] = line;
  }
  for (const { at, broken, line } of RULES) if (broken(settings, open)) problems[at] ??= line;
  return problems;
}
