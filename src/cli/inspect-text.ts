/** The text of `gan-onnx inspect`. */

import { FLOPS_NOTE, type Flops } from '../onnx/flops.js';
import { formatDims, shortName } from '../onnx/index.js';
import type { FlopsReport, ModelSummary, ValueSummary } from '../onnx/inspect.js';
import type { Inspection, Sampling } from './inspect.js';

/** Columns of the text, that of the values, and the widest name beside them. */
const WIDTH = 80;
const INDENT = 14;
const MAX_NAME = 46;

/** Rows of a list; the rest are counted. */
const MAX_ROWS = 60;

/** Text of a file without what would move a cursor or hide something: in JavaScript's notation. */
function escaped(text: string): string {
  return text.replace(/\p{C}/gu, (character) => {
    const short = JSON.stringify(character).slice(1, -1);
    return short === character || short.length > 2 ? `\\u{${character.codePointAt(0)!.toString(16)}}` : short;
  });
}

const grouped = (count: number) => count.toLocaleString('en-US', { maximumFractionDigits: 1 });

const SCALES = [
  [1e15, 'P'],
  [1e12, 'T'],
  [1e9, 'G'],
  [1e6, 'M'],
  [1e3, 'k'],
] as const;

/** A number of FLOPs: exact, and in words beside it. */
function flopsText(count: number): string {
  const scale = SCALES.find(([size]) => count >= size);
  return scale === undefined
    ? grouped(count)
    : `${grouped(count)} (${(count / scale[0]).toPrecision(3)} ${scale[1]})`;
}

/** Prose, with the lines after the first below the first. */
function wrapped(text: string): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && INDENT + line.length + word.length >= WIDTH) {
      lines.push(line);
      line = '';
    }
    line += line === '' ? word : ` ${word}`;
  }
  return [...lines, line].join(`\n${' '.repeat(INDENT)}`);
}

const row = (label: string, value: string) => `${label.padEnd(INDENT)}${value}\n`;

/** Rows under a title, of which too many are only counted. */
function section(title: string, rows: readonly string[]): string {
  if (rows.length === 0) return `\n${title}: none\n`;
  const shown = rows.slice(0, MAX_ROWS).map((text) => `  ${text.trimEnd()}\n`);
  const rest = rows.length > MAX_ROWS ? `  … and ${rows.length - MAX_ROWS} more (--json lists all)\n` : '';
  return `\n${title}\n${shown.join('')}${rest}`;
}

function columnWidth(names: readonly string[]): number {
  const longest = names.slice(0, MAX_ROWS).reduce((most, { length }) => Math.max(most, length), 0);
  return Math.min(MAX_NAME, longest) + 2;
}

function valueRows(values: readonly ValueSummary[]): string[] {
  const names = values.map(({ name }) => shortName(name));
  const width = columnWidth(names);
  return values.map(({ type, shape }, i) => {
    const dims = shape === null ? 'of any shape' : formatDims(shape.map((dim) => dim ?? '?'));
    return `${names[i]!.padEnd(width)}${type} ${dims}`;
  });
}

/** A column of the table of operators: its title, its width, and what it says of an operator. */
interface Column {
  title: string;
  width: number;
  cell(name: string): string;
}

function flopsColumns(flops: FlopsReport): Column[] {
  if ('unknown' in flops) return [];
  const cost = (name: string, key: keyof Flops) => flops.byOperator.get(name)?.[key] ?? 0;
  const column = (key: keyof Flops): Column => ({
    title: `FLOPs a ${key}`,
    width: 17,
    cell: (name) => grouped(cost(name, key)),
  });
  // A step of training costs something beside its samples: two numbers then, and no one share.
  if (flops.batch !== undefined && flops.run > 0) return [column('sample'), column('run')];
  const key = flops.batch === undefined ? 'run' : 'sample';
  const share = (name: string) => (flops[key] > 0 ? `${percent(cost(name, key), flops[key])} %` : '-');
  return [column(key), { title: 'share', width: 9, cell: share }];
}

/** Operators with what they cost, those with most nodes first. */
function operatorRows({ operators, flops }: ModelSummary): string[] {
  const columns: Column[] = [
    { title: 'nodes', width: 8, cell: (name) => grouped(operators.get(name)!) },
    ...flopsColumns(flops),
  ];
  const names = [...operators.keys()];
  const width = columnWidth(['operator', ...names]);
  const line = (name: string, cell: (column: Column) => string) =>
    name.padEnd(width) + columns.map((column) => cell(column).padStart(column.width)).join('');
  return [
    line('operator', ({ title }) => title),
    ...names.map((name) => line(name, ({ cell }) => cell(name))),
  ];
}

const percent = (part: number, whole: number) => ((100 * part) / whole).toFixed(1);

/** The operators that take most of the FLOPs, in words. */
function mostExpensive(byOperator: ReadonlyMap<string, Flops>, key: keyof Flops, total: number): string {
  const dear = [...byOperator].filter(([, flops]) => flops[key] > 0 && flops[key] >= total / 1000);
  const first = dear.sort(([, a], [, b]) => b[key] - a[key]).slice(0, 3);
  const shares = first.map(([name, flops]) => `${name} ${percent(flops[key], total)} %`);
  return shares.length === 0 ? '' : `, most in ${shares.join(', ')}`;
}

function flopsRows(flops: FlopsReport): string {
  if ('unknown' in flops) return row('FLOPs', wrapped(`unknown (${flops.unknown})`));
  const { sample, run, batch, byOperator } = flops;
  if (batch === undefined) {
    const what = `${flopsText(run)} a run, whose inputs share no batch${mostExpensive(byOperator, 'run', run)}`;
    return row('FLOPs', wrapped(what)) + row('', wrapped(FLOPS_NOTE));
  }
  const where = batch === 'any' ? '' : ` in a batch of ${batch}`;
  const always = run > 0 ? `, and ${flopsText(run)} a run, whatever its batch` : '';
  const most = mostExpensive(byOperator, 'sample', sample);
  return (
    row('FLOPs', wrapped(`${flopsText(sample)} a sample${where}${most}${always}`)) +
    row('', wrapped(FLOPS_NOTE))
  );
}

function metadataRows(metadata: ReadonlyMap<string, string>): string[] {
  const keys = [...metadata.keys()].map((key) => shortName(key));
  const width = columnWidth(keys);
  return [...metadata.values()].map((value, i) => {
    const room = WIDTH - 2 - width;
    const whole = value.length <= room ? escaped(value) : '';
    const length = ` … (${grouped(value.length)} characters)`;
    // Cut before it is escaped: however long a value is, little of it is looked at.
    const start = escaped(value.slice(0, room)).slice(0, Math.max(8, room - length.length));
    const fits = whole.length <= room && value.length <= room;
    return `${keys[i]!.padEnd(width)}${fits ? whole : start + length}`;
  });
}

function samplingText(found: Sampling): string {
  if ('reason' in found) return `gan-onnx sample cannot use it: ${found.reason}`;
  const { latentSize, distribution, image } = found.description;
  return `gan-onnx sample can use it: ${distribution.kind} latents of ${latentSize}, images of ${image.join(' x ')}`;
}

/** What a model is, in lines that fit a terminal and are harmless to it. */
export function inspectionText({ file, bytes, sha256, summary, sampling: found }: Inspection): string {
  const { producer, irVersion, opsets, inputs, outputs, parameters, initialisers, operators } = summary;
  const types = [...initialisers];
  const floats = types.filter(([, { float }]) => float);
  const parameterTypes =
    floats.length === 1
      ? ` ${floats[0]![0]}`
      : floats.map(([name, { elements }]) => `, ${grouped(elements)} ${name}`).join('');
  const tensors = types.reduce((sum, [, one]) => sum + one.tensors, 0);
  const stored = types.reduce((sum, [, one]) => sum + one.bytes, 0);
  const byType = types.map(([name, one]) => `${name} ${grouped(one.bytes)}`).join(', ');
  const nodes = [...operators.values()].reduce((a, b) => a + b, 0);
  const sets = opsets.slice(0, 8).map(({ domain, version }) => `${shortName(domain)} ${version}`);
  return [
    row('file', escaped(file)),
    row('bytes', grouped(bytes)),
    row('SHA-256', sha256),
    row('producer', `${shortName(producer.name)} ${shortName(producer.version)}`.trim() || 'not said'),
    row('IR version', String(irVersion)),
    row('opsets', wrapped(sets.join(', ') + (opsets.length > 8 ? `, … and ${opsets.length - 8} more` : ''))),
    section('inputs', valueRows(inputs)),
    section('outputs', valueRows(outputs)),
    '\n',
    row('parameters', wrapped(`${grouped(parameters)}${parameterTypes}`)),
    row(
      'initialisers',
      wrapped(`${grouped(tensors)} tensors, ${grouped(stored)} bytes${tensors > 0 ? `: ${byType}` : ''}`),
    ),
    row('nodes', grouped(nodes)),
    flopsRows(summary.flops),
    section('operators', operatorRows(summary)),
    section('metadata', metadataRows(summary.metadata)),
    `\n${samplingText(found)}\n`,
  ].join('');
}
