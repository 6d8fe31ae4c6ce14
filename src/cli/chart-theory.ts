/** The 2014 paper's section 4 as a chart: the learned D beside D*, and V(D, G) and the Jensen-Shannon divergence over training. */

import { FINAL_VALUE } from '../evaluate/theory.js';
import { CHART_STYLE, type TopLevelSpec } from '../train/report/chart-svg.js';

/** The game at one moment, in the middle of each cell. */
export interface TheoryMoment {
  title: string;
  cells: readonly {
    x: number;
    /** Second coordinate, of points in the plane. */
    y?: number;
    data: number;
    generator: number;
    discriminator: number;
    optimal: number;
  }[];
  /** Samples of G, for points in the plane. */
  samples: readonly { x: number; y: number }[];
}

/** The course of training. */
export type TheoryCourse = readonly { step: number; value: number; jsd: number }[];

export interface TheoryPicture {
  dimension: number;
  range: readonly [number, number];
  /** Width of a cell. */
  width: number;
  moments: readonly TheoryMoment[];
  course: TheoryCourse;
  /** What the measure of divergence gives for draws of p_data itself. */
  floor: number;
}

const CURVES = {
  domain: ['p_data', 'p_g', 'D', 'D*'],
  range: ['black', '#2ca02c', '#1f77b4', '#d62728'],
};
const SIZE = 240;
/** For marks that are drawn once. */
const ONE_ROW = { values: [{}] };

const quantitative = { type: 'quantitative' } as const;

function lineMoment({ title, cells }: TheoryMoment, { range }: TheoryPicture) {
  const rows = cells.flatMap(({ x, data, generator, discriminator, optimal }) => [
    { x, curve: 'p_data', height: data },
    { x, curve: 'p_g', height: generator },
    { x, curve: 'D', height: discriminator },
    // Where neither has mass D* means nothing.
    ...(data + generator > 0.01 ? [{ x, curve: 'D*', height: optimal }] : []),
  ]);
  return {
    title,
    width: SIZE,
    height: SIZE * 0.75,
    data: { values: rows },
    mark: { type: 'line', clip: true },
    encoding: {
      x: { field: 'x', ...quantitative, scale: { domain: range } },
      y: { field: 'height', ...quantitative, title: 'density, probability', scale: { domain: [0, 1] } },
      color: { field: 'curve', type: 'nominal', title: null, scale: CURVES },
    },
  };
}

/** A function of the plane as coloured cells, and points on it. */
function heatMap(
  title: string,
  { cells, samples }: TheoryMoment,
  { range, width }: TheoryPicture,
  field: 'data' | 'discriminator' | 'optimal',
) {
  const axis = (name: 'x' | 'y') => ({ field: name, ...quantitative, scale: { domain: range }, title: null });
  const half = width / 2;
  const rows = cells.map((cell) => ({
    x: cell.x - half,
    x2: cell.x + half,
    y: cell.y! - half,
    y2: cell.y! + half,
    // Where neither has mass D* is arbitrary: as if it were 1/2.
    value:
      field === 'optimal' && cell.data + cell.generator < 1e-4 ? 0.5 : Number(cell[field].toPrecision(4)),
  }));
  const color =
    field === 'data'
      ? { scale: { scheme: 'greys' }, legend: null }
      : { scale: { domain: [0, 0.5, 1], range: ['#d6604d', '#f7f7f7', '#4393c3'] }, legend: { title: 'D' } };
  return {
    title,
    width: SIZE * 0.8,
    height: SIZE * 0.8,
    layer: [
      {
        data: { values: rows },
        mark: { type: 'rect', stroke: null },
        encoding: {
          x: axis('x'),
          x2: { field: 'x2' },
          y: axis('y'),
          y2: { field: 'y2' },
          color: { field: 'value', ...quantitative, ...color },
        },
      },
      ...(field === 'data'
        ? [
            {
              data: { values: samples },
              mark: { type: 'circle', color: '#2ca02c', size: 9, opacity: 0.8, clip: true },
              encoding: { x: axis('x'), y: axis('y') },
            },
          ]
        : []),
    ],
  };
}

function planeMoment(moment: TheoryMoment, picture: TheoryPicture) {
  const map = (title: string, field: 'data' | 'discriminator' | 'optimal') =>
    heatMap(title, moment, picture, field);
  return {
    hconcat: [
      map(`${moment.title}: p_data, samples of G`, 'data'),
      map('D', 'discriminator'),
      map('D* = p_data / (p_data + p_g)', 'optimal'),
    ],
    resolve: { scale: { color: 'independent' } },
  };
}

function courseChart(
  field: 'value' | 'jsd',
  title: string,
  end: { at: number; label: string },
  scale: object,
) {
  return {
    title,
    width: SIZE * 1.4,
    height: SIZE * 0.7,
    layer: [
      {
        mark: { type: 'line', clip: true, color: '#1f77b4' },
        encoding: {
          x: { field: 'step', ...quantitative, title: 'steps' },
          y: { field, ...quantitative, title: 'nats', scale },
        },
      },
      { data: ONE_ROW, mark: { type: 'rule', strokeDash: [5, 4] }, encoding: { y: { datum: end.at } } },
      {
        data: ONE_ROW,
        mark: { type: 'text', align: 'right', dx: -4, dy: -7 },
        encoding: { x: { value: 'width' }, y: { datum: end.at }, text: { value: end.label } },
      },
    ],
  };
}

/** Moments above, the course of training below. */
export function theoryChart(picture: TheoryPicture): TopLevelSpec {
  const { dimension, moments, course, floor } = picture;
  const above =
    dimension === 1
      ? [{ hconcat: moments.map((moment) => lineMoment(moment, picture)) }]
      : moments.map((moment) => planeMoment(moment, picture));
  const values = course.map(({ value }) => value);
  const around = [Math.min(FINAL_VALUE - 0.1, ...values), Math.max(FINAL_VALUE + 0.1, ...values)];
  return {
    ...CHART_STYLE,
    vconcat: [
      ...above,
      {
        data: { values: course.map((row) => ({ ...row, jsd: Math.max(row.jsd, floor / 10) })) },
        hconcat: [
          courseChart('value', 'V(D, G)', { at: FINAL_VALUE, label: '-log 4' }, { domain: around }),
          courseChart(
            'jsd',
            'Jensen-Shannon divergence of p_data and p_g',
            { at: floor, label: 'as many draws of p_data itself' },
            { type: 'log' },
          ),
        ],
      },
    ],
    resolve: { scale: { color: 'independent' } },
  } as TopLevelSpec;
}
