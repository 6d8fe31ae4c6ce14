/** What `gan-onnx evaluate` prints: text, or one JSON object whose keys are always the same. */

import type { Measured, MetricName } from '../evaluate/metrics.js';

export interface Evaluation {
  metric: MetricName;
  measured: Measured;
  source: { kind: 'real' } | { kind: 'generator'; file: string; sha256: string; device: string };
  data: { folder: string; sha256: { train: string; test: string } };
  /** `validation` is 0 when nothing was chosen. */
  counts: { samples: number; validation: number; test: number };
  seed: number;
  seconds: number;
}

/** Null stands where there is nothing to say. */
export function evaluationJson({ measured, source, ...rest }: Evaluation): string {
  const { value, standardError = null, sigma = null, course = [] } = measured;
  const { metric, data, counts, seed, seconds } = rest;
  const generator = source.kind === 'real' ? null : { file: source.file, sha256: source.sha256 };
  const device = source.kind === 'real' ? null : source.device;
  const real = source.kind === 'real';
  const found = { metric, value, standardError, sigma, course };
  const all = { ...found, counts, seed, real, generator, device, data, seconds };
  return `${JSON.stringify(all, undefined, 2)}\n`;
}

function sigmaLines({ sigma, course = [] }: Measured, { validation }: Evaluation['counts']): string[] {
  if (sigma === undefined) return [];
  if (course.length === 0) return [`  sigma ${sigma.toPrecision(4)}, as given`];
  const rows = course.map(({ sigma: width, mean }) => {
    const mark = width === sigma ? '  <- chosen' : '';
    return `    ${width.toFixed(4)}  ${mean.toFixed(2).padStart(11)}${mark}`;
  });
  return [`  sigma ${sigma.toPrecision(4)}, by the mean over ${validation} validation images:`, ...rows];
}

export function evaluationText(evaluation: Evaluation): string {
  const { metric, measured, source, counts, seed, seconds } = evaluation;
  const { value, standardError } = measured;
  const error = standardError === undefined ? '' : ` +- ${standardError.toFixed(2)}`;
  const digits = standardError === undefined ? value.toPrecision(4) : value.toFixed(2);
  const samples = source.kind === 'real' ? 'training images' : `samples of ${source.file}`;
  return [
    `${metric}: ${digits}${error}`,
    `  ${counts.samples} ${samples}, seed ${seed}, against ${counts.test} test images, in ${seconds.toFixed(1)} s`,
    ...sigmaLines(measured, counts),
    '',
  ].join('\n');
}
