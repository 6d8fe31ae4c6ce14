/** Reading of command-line values, shared by all commands. */

import { Option } from 'commander';
import { UserError } from '../system/user-error.js';

/** gan.py spells its flags with underscores (`--n_epochs`): makes them dashes. */
export function acceptUnderscores(argv: readonly string[]): string[] {
  const end = argv.indexOf('--');
  return argv.map((argument, i) => {
    if (!argument.startsWith('--') || (end !== -1 && i >= end)) return argument;
    const [flag, ...value] = argument.split('=');
    return [flag!.replaceAll('_', '-'), ...value].join('=');
  });
}

interface NumberRange {
  min?: number;
  max?: number;
  /** Whether `min` itself is refused. */
  above?: boolean;
}

function expectation(kind: string, { min, max, above }: NumberRange): string {
  const low = min === undefined ? '' : above ? ` above ${min}` : ` of at least ${min}`;
  const high = max === undefined ? '' : `${low === '' ? '' : ' and'} of at most ${max}`;
  return `${kind}${low}${high}`;
}

function parse(
  flag: string,
  text: string,
  kind: string,
  range: NumberRange,
  accept: (n: number) => boolean,
): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  const { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY, above = false } = range;
  if (!accept(value) || value < min || value > max || (above && value === min)) {
    throw new UserError(`${flag} ${text}: expected ${expectation(kind, range)}`);
  }
  return value;
}

/** An option that takes a whole number; anything else ends with exit code 1. */
export function integerOption(flags: string, description: string, range: NumberRange = {}): Option {
  const option = new Option(flags, description);
  return option.argParser((text) => parse(option.long!, text, 'a whole number', range, Number.isSafeInteger));
}

/** An option that takes a finite number; anything else ends with exit code 1. */
export function numberOption(flags: string, description: string, range: NumberRange = {}): Option {
  const option = new Option(flags, description);
  return option.argParser((text) => parse(option.long!, text, 'a number', range, Number.isFinite));
}

/** Without the entries that are undefined. */
export function defined<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
