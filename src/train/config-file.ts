/** A run's configuration as text: read back with care, compared, and named by a hash. */

import { DEFAULT_CONFIG, type RunConfig, validateConfig } from './config.js';
import { sha256Hex } from './sha256.js';

/** Settings that a resumed run may change: they say how long it goes on and what it keeps, not what it computes. */
const MAY_CHANGE: readonly (keyof RunConfig)[] = [
  'epochs',
  'maxSteps',
  'sampleInterval',
  'checkpointInterval',
  'emaDecay',
];

const SETTINGS = [
  ...Object.keys(DEFAULT_CONFIG),
  'maxSteps',
  'trainImages',
  'lossSwitchStep',
  'emaDecay',
  'units',
  'drawn',
] as (keyof RunConfig)[];

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Whether `value` has the types that `model` has, all the way down. */
function hasTypesOf(value: unknown, model: unknown): boolean {
  if (!isRecord(model)) return typeof value === typeof model;
  return isRecord(value) && Object.entries(model).every(([key, entry]) => hasTypesOf(value[key], entry));
}

const SCHEDULES: Readonly<Record<string, object>> = {
  constant: { value: 0 },
  exponential: { initial: 0, factor: 0, minimum: 0 },
  linear: { from: 0, to: 0, steps: 0 },
  linearByEpoch: { from: 0, to: 0, epochs: 0, epochSteps: 0 },
};

const OPTIMIZERS: Readonly<Record<string, { numbers: object; schedules: readonly string[] }>> = {
  adam: { numbers: { b1: 0, b2: 0, eps: 0 }, schedules: ['learningRate'] },
  sgd: { numbers: {}, schedules: ['learningRate', 'momentum'] },
};

function entryOf<T>(table: Readonly<Record<string, T>>, value: unknown): T | undefined {
  const kind = isRecord(value) ? value.kind : undefined;
  return typeof kind === 'string' && Object.hasOwn(table, kind) ? table[kind] : undefined;
}

function isOptimizer(value: unknown): boolean {
  const known = entryOf(OPTIMIZERS, value);
  if (known === undefined || !hasTypesOf(value, known.numbers)) return false;
  return known.schedules.every((name) => {
    const schedule = (value as Record<string, unknown>)[name];
    const model = entryOf(SCHEDULES, schedule);
    return model !== undefined && hasTypesOf(schedule, model);
  });
}

/**
 * The configuration in the text of a config.json or of a checkpoint; what else is in it is left out, and what earlier
 * versions did not have takes its default.
 *
 * @returns undefined when the text is not one
 */
export function parseConfig(text: string): RunConfig | undefined {
  try {
    const found: unknown = JSON.parse(text);
    if (!isRecord(found)) return undefined;
    const { optimizer: _, ...plain } = DEFAULT_CONFIG;
    const value: Record<string, unknown> = {
      checkpointInterval: DEFAULT_CONFIG.checkpointInterval,
      ...found,
    };
    if (!hasTypesOf(value, plain) || !isOptimizer(value.optimizer)) return undefined;
    const settings = SETTINGS.filter((name) => value[name] !== undefined);
    const config = Object.fromEntries(settings.map((name) => [name, value[name]])) as unknown as RunConfig;
    validateConfig(config);
    return config;
  } catch {
    return undefined;
  }
}

/** Leaves of a value by path: { optimizer.b1: 0.5, ... }. */
function leaves(value: unknown, path = ''): [string, unknown][] {
  if (!isRecord(value)) return [[path, value]];
  return Object.keys(value)
    .sort()
    .flatMap((key) => leaves(value[key], path === '' ? key : `${path}.${key}`));
}

/** The settings that decide what a run computes, as sorted paths and values. */
function decisive(config: RunConfig): [string, unknown][] {
  const kept = Object.entries(config).filter(([key]) => !MAY_CHANGE.includes(key as keyof RunConfig));
  return leaves(Object.fromEntries(kept));
}

/** SHA-256 (hex) over all settings that decide what a run computes. */
export function configHash(config: RunConfig): string {
  return sha256Hex(JSON.stringify(decisive(config)));
}

function inWords(value: unknown): string {
  return Array.isArray(value) ? `a list of ${value.length}` : String(value ?? 'not set');
}

/** What differs between two configurations, one phrase a setting; settings that may change are left out. */
export function configDifferences(before: RunConfig, now: RunConfig): string[] {
  const [old, fresh] = [new Map(decisive(before)), new Map(decisive(now))];
  const names = [...new Set([...old.keys(), ...fresh.keys()])].sort();
  return names
    .filter((name) => JSON.stringify(old.get(name)) !== JSON.stringify(fresh.get(name)))
    .map((name) => `${name} was ${inWords(old.get(name))} and is now ${inWords(fresh.get(name))}`);
}
