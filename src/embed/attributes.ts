/** The attributes of `<gan-sampler>`, read into settings. A new attribute is an entry here. */

import {
  INTERPOLATIONS,
  type Interpolation,
  type LoadOptions,
  parseNumbers,
  UserError,
} from '../infer/web.js';

/** What is drawn. */
export interface DrawSettings {
  count: number;
  seed: number;
  start: number;
  /** Images a row; undefined for about as many as there are rows. */
  columns: number | undefined;
  /** Latent components that have a slider. */
  sliders: number;
  /** How images go over into those of the next seed; undefined for no slider. */
  interpolate: Interpolation | undefined;
  /** Whether there is a button for other samples. */
  controls: boolean;
  /** What a screen reader says of the picture. */
  label: string | undefined;
}

/** What is loaded. */
export interface SourceSettings {
  src: string;
  options: LoadOptions;
}

/** Attributes that need the model to be loaded again. */
export const SOURCE_ATTRIBUTES = [
  'src',
  'device',
  'threads',
  'timeout',
  'input',
  'output',
  'range',
  'layout',
  'shape',
] as const;

/** Attributes that need the picture to be drawn again. */
export const DRAW_ATTRIBUTES = [
  'count',
  'seed',
  'start',
  'columns',
  'sliders',
  'interpolate',
  'controls',
  'label',
] as const;

/** Images of one element: more would be of no use on a screen. */
const MAX_COUNT = 10_000;
const MAX_SLIDERS = 64;
/** The next seed is one too. */
export const MAX_SEED = Number.MAX_SAFE_INTEGER - 1;

function refuse(name: string, text: string, expected: string): never {
  throw new UserError(`attribute ${name}="${text}" is not possible: expected ${expected}`);
}

function integer(element: Element, name: string, min: number, max: number): number | undefined {
  const text = element.getAttribute(name);
  if (text === null) return undefined;
  const value = /^\d+$/.test(text.trim()) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  return refuse(name, text, `a whole number from ${min} to ${max}`);
}

/** Numbers that commas or spaces separate. */
function numbers(element: Element, name: string, count: number, expected: string): number[] | undefined {
  const text = element.getAttribute(name);
  if (text === null) return undefined;
  return parseNumbers(text, count) ?? refuse(name, text, expected);
}

function choice<T extends string>(element: Element, name: string, known: readonly T[]): T | undefined {
  const text = element.getAttribute(name);
  if (text === null) return undefined;
  return known.find((value) => value === text) ?? refuse(name, text, `one of ${known.join(', ')}`);
}

/**
 * @throws UserError naming the attribute that is impossible, and what was expected
 */
export function drawSettings(element: Element): DrawSettings {
  const text = element.getAttribute('interpolate');
  const modes = Object.keys(INTERPOLATIONS) as Interpolation[];
  return {
    count: integer(element, 'count', 1, MAX_COUNT) ?? 25,
    seed: integer(element, 'seed', 0, MAX_SEED) ?? 1,
    start: integer(element, 'start', 0, 2 ** 50) ?? 0,
    columns: integer(element, 'columns', 1, MAX_COUNT),
    sliders: integer(element, 'sliders', 0, MAX_SLIDERS) ?? 0,
    interpolate: text === '' ? 'spherical' : choice(element, 'interpolate', modes),
    controls: element.hasAttribute('controls'),
    label: element.getAttribute('label') ?? undefined,
  };
}

/**
 * @throws UserError as `drawSettings`
 */
export function sourceSettings(element: Element): SourceSettings {
  const src = element.getAttribute('src')?.trim() ?? '';
  if (src === '') {
    throw new UserError('attribute src is missing: expected the address of a generator.onnx');
  }
  const [input, output] = ['input', 'output'].map((name) => element.getAttribute(name) ?? undefined);
  const range = numbers(element, 'range', 2, 'two numbers, black and white, such as "0 1"');
  const shape = numbers(element, 'shape', 3, 'channels, height and width, such as "1 28 28"');
  const seconds = integer(element, 'timeout', 1, 86_400);
  const options: Record<string, unknown> = {
    device: choice(element, 'device', ['auto', 'wasm', 'webgpu', 'cpu']) ?? 'auto',
    threads: integer(element, 'threads', 1, 64),
    limitMs: seconds === undefined ? undefined : seconds * 1000,
    layout: choice(element, 'layout', ['NCHW', 'NHWC']),
    input,
    output,
    range,
    shape,
  };
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return { src, options: Object.fromEntries(given) };
}
