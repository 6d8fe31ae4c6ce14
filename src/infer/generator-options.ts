/** What a caller, or else the model's own metadata, says about a generator that its shapes do not tell. */

import { InvalidModelError, shortName } from '../onnx/index.js';
import type { Distribution } from '../random/index.js';

/** Order of an image's axes in the model's output. */
export type Layout = 'NCHW' | 'NHWC';

/** For generators that gan-onnx did not export; what is left out comes from the file's metadata, then its shapes. */
export interface GeneratorOptions {
  /** Name of the latent input; needed when the model has several inputs. */
  input?: string;
  /** Name of the image output; needed when the model has several outputs. */
  output?: string;
  /** Values of a black and of a white pixel: [-1, 1] by default (tanh), [0, 1] for a sigmoid. */
  range?: readonly [number, number];
  /** Order of the output's axes; by default the one in which there are 1 or 3 channels. */
  layout?: Layout;
  /** [channels, height, width], for an output of rank 2 (one row of pixels an image). */
  shape?: readonly [number, number, number];
  /** What latents are drawn from: the standard normal distribution by default. */
  distribution?: Distribution;
}

const LAYOUTS: readonly string[] = ['NCHW', 'NHWC'];

function isLayout(text: unknown): text is Layout {
  return LAYOUTS.includes(text as string);
}

function isRange(value: unknown): value is [number, number] {
  return Array.isArray(value) && value.length === 2 && value.every(Number.isFinite) && value[0] < value[1];
}

function isDistribution(value: unknown): value is Distribution {
  const { kind, halfWidth } = (value ?? {}) as { kind?: unknown; halfWidth?: unknown };
  return kind === 'normal' || (kind === 'uniform' && Number.isFinite(halfWidth) && (halfWidth as number) > 0);
}

/** A metadata entry as JSON, checked; undefined when the model has none. */
function entry<T>(
  metadata: ReadonlyMap<string, string>,
  key: string,
  what: string,
  accept: (value: unknown) => value is T,
  parse: (text: string) => unknown = JSON.parse,
): T | undefined {
  const text = metadata.get(key);
  if (text === undefined) return undefined;
  try {
    const value = parse(text);
    if (accept(value)) return value;
  } catch {
    // Not JSON: the same message as for any other value.
  }
  throw new InvalidModelError(`its metadata names an unknown ${what} ${shortName(text)}`);
}

/**
 * Numbers in a text, for whoever takes these options as text: `count` of them, between commas or spaces.
 *
 * @returns undefined when the text is anything else
 */
export function parseNumbers(text: string, count: number): number[] | undefined {
  const parts = text.trim().split(/\s*,\s*|\s+/);
  const values = parts.map((part) => (part === '' ? Number.NaN : Number(part)));
  return values.length === count && values.every(Number.isFinite) ? values : undefined;
}

/** What an option must be, for one that is not. */
function check(name: string, value: unknown, accept: (value: unknown) => boolean, expected: string): void {
  if (value === undefined || accept(value)) return;
  throw new RangeError(`${name} is ${JSON.stringify(value)}: expected ${expected}`);
}

function isShape(value: unknown): boolean {
  if (!Array.isArray(value) || value.length !== 3) return false;
  return value.every((size) => Number.isSafeInteger(size) && size > 0) && [1, 3].includes(value[0]);
}

/**
 * Checks options that a caller gave.
 *
 * @throws RangeError naming the option, its value and what was expected
 */
export function checkGeneratorOptions({ range, layout, shape, distribution }: GeneratorOptions): void {
  check('range', range, isRange, 'two numbers, [black, white], the first below the second');
  check('layout', layout, isLayout, `one of ${LAYOUTS.join(', ')}`);
  check('shape', shape, isShape, '[channels, height, width] with 1 or 3 channels');
  check('distribution', distribution, isDistribution, "{ kind: 'normal' } or { kind: 'uniform', halfWidth }");
}

/** How values become pixels and latents are drawn, once options and metadata are put together. */
export interface Conventions {
  range: readonly [number, number];
  layout: Layout | undefined;
  distribution: Distribution;
}

/** @throws InvalidModelError when the metadata say what cannot be */
export function conventions(options: GeneratorOptions, metadata: ReadonlyMap<string, string>): Conventions {
  const layout = entry(metadata, 'image.layout', 'layout of images', isLayout, (text) => text);
  const range = entry(metadata, 'image.range', 'range of pixels', isRange);
  const distribution = entry(metadata, 'latent.distribution', 'latent distribution', isDistribution);
  return {
    range: options.range ?? range ?? [-1, 1],
    layout: options.layout ?? layout,
    distribution: options.distribution ?? distribution ?? { kind: 'normal' },
  };
}
