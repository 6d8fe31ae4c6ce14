/**
 * Does it matter which network is trained first, and does k? Trains the preset `quick`'s networks on the embedded
 * digits with each schedule and several seeds, measures how far the samples are from the data, and draws
 * schedules.svg and schedules.json beside this file.
 *
 *   npm run build && node docs/schedules.mjs [--steps 1000] [--seeds 2] [--draw]
 *
 * --draw only draws the figure again from schedules.json.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { parse, View } from 'vega';
import { compile } from 'vega-lite';
import { slicedWasserstein } from '../dist/evaluate/index.js';
import { buildGeneratorModel } from '../dist/export/index.js';
import { Generator } from '../dist/infer/index.js';
import {
  configGan,
  createSessionEngine,
  createTrainer,
  DEFAULT_CONFIG,
  openDataset,
  PRESETS,
} from '../dist/train/index.js';

const { values } = parseArgs({
  options: {
    steps: { type: 'string', default: '1000' },
    seeds: { type: 'string', default: '2' },
    draw: { type: 'boolean', default: false },
  },
});
const steps = Number(values.steps);
const seeds = Number(values.seeds);
/** Steps between two measurements, and points in each. */
const INTERVAL = 100;
const POINTS = 2000;
const PIXELS = 28 * 28;

const VARIANTS = [
  { name: 'joint (gan.py)', schedule: 'joint', k: 1 },
  { name: 'd-first, k = 1', schedule: 'd-first', k: 1 },
  { name: 'g-first, k = 1', schedule: 'g-first', k: 1 },
  { name: 'd-first, k = 5', schedule: 'd-first', k: 5 },
  { name: 'g-first, k = 5', schedule: 'g-first', k: 5 },
];

/** The first images of the data as points in [-1, 1]. */
function dataPoints(dataset) {
  const bytes = new Uint8Array(POINTS * PIXELS);
  dataset.read(
    Uint32Array.from({ length: POINTS }, (_, i) => i),
    bytes,
  );
  return { count: POINTS, size: PIXELS, data: Float32Array.from(bytes, (byte) => byte / 127.5 - 1) };
}

/** Trains one variant with one seed; a record for each measurement. */
async function measure(dataset, target, { name, schedule, k }, seed) {
  const config = { ...DEFAULT_CONFIG, ...PRESETS.quick.settings, maxSteps: steps, schedule, k, seed };
  const trainer = await createTrainer({ config, dataset, engine: createSessionEngine });
  const records = [];
  let seconds = 0;
  let metrics;
  for (let step = 0; step <= steps; step++) {
    if (step % INTERVAL === 0) {
      const origin = { dataset: 'digits', step, version: '' };
      const generator = await Generator.load(
        buildGeneratorModel(configGan(config), await trainer.readState(), origin),
      );
      const { data } = await generator.sample({ count: POINTS, seed: 1 });
      await generator.release();
      const distance = slicedWasserstein(target, { count: POINTS, size: PIXELS, data });
      records.push({ name, seed, step, distance, ...metrics });
    }
    const began = performance.now();
    ({ metrics } = await trainer.step());
    seconds += (performance.now() - began) / 1000;
  }
  await trainer.close();
  console.log(
    `${name}, seed ${seed}: distance ${records.at(-1).distance.toFixed(4)} after ${seconds.toFixed(0)} s`,
  );
  return records;
}

/** Two panels: distance by updates of G, and by updates of both networks, which is what computing costs. */
function figure(records) {
  const means = [];
  for (const { name, k } of VARIANTS) {
    for (let step = INTERVAL; step <= steps; step += INTERVAL) {
      const here = records.filter((record) => record.name === name && record.step === step);
      const distances = here.map(({ distance }) => distance);
      means.push({
        name,
        step,
        updates: step * (1 + k),
        distance: distances.reduce((sum, distance) => sum + distance, 0) / distances.length,
        low: Math.min(...distances),
        high: Math.max(...distances),
      });
    }
  }
  const color = {
    field: 'name',
    type: 'nominal',
    title: null,
    scale: {
      domain: VARIANTS.map(({ name }) => name),
      range: ['#4c78a8', '#f58518', '#e45756', '#2ca02c', '#9467bd'],
    },
    legend: { symbolType: 'stroke', symbolOpacity: 1, symbolStrokeWidth: 3 },
  };
  const y = {
    type: 'quantitative',
    title: 'sliced Wasserstein distance to the data',
    scale: { type: 'log', domain: [0.1, 0.4] },
    axis: { values: [0.1, 0.15, 0.2, 0.3, 0.4] },
  };
  const panel = (field, title) => {
    const x = { field, type: 'quantitative', title };
    return {
      width: 360,
      height: 260,
      layer: [
        {
          mark: { type: 'area', opacity: 0.2, clip: true },
          encoding: {
            x,
            y: { ...y, field: 'low' },
            y2: { field: 'high' },
            color: color,
          },
        },
        { mark: { type: 'line', clip: true }, encoding: { x, y: { ...y, field: 'distance' }, color } },
      ],
    };
  };
  return {
    background: 'white',
    data: { values: means },
    hconcat: [panel('step', 'updates of G'), panel('updates', 'updates of G and D together')],
    resolve: { scale: { color: 'shared' } },
    config: { font: 'sans-serif' },
  };
}

const file = (name) => new URL(name, import.meta.url);
let records;
if (values.draw) {
  records = JSON.parse(readFileSync(file('schedules.json'), 'utf8'));
} else {
  const dataset = await openDataset('digits', { imageSize: 28, channels: 1 });
  const target = dataPoints(dataset);
  records = [];
  for (let seed = 1; seed <= seeds; seed++) {
    for (const variant of VARIANTS) records.push(...(await measure(dataset, target, variant, seed)));
  }
  writeFileSync(
    file('schedules.json'),
    `[\n${records.map((record) => JSON.stringify(record)).join(',\n')}\n]\n`,
  );
}
const view = new View(parse(compile(figure(records)).spec), { renderer: 'none' });
writeFileSync(file('schedules.svg'), await view.toSVG());
console.log('wrote schedules.svg');
