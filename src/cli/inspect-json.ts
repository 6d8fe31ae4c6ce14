/** The JSON of `gan-onnx inspect --json`: its keys are always the same, null where there is nothing to say. */

import { FLOPS_NOTE } from '../onnx/flops.js';
import type { FlopsReport } from '../onnx/inspect.js';
import type { Inspection, Sampling } from './inspect.js';

/** Every UTF-16 unit of a character as JSON's escape. */
function jsonEscape(character: string): string {
  const units = Array.from({ length: character.length }, (_, i) => character.charCodeAt(i));
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('');
}

function flopsJson(flops: FlopsReport): object {
  if ('unknown' in flops) {
    return {
      perSample: null,
      perRun: null,
      batch: null,
      unknown: flops.unknown,
      operators: [],
      note: FLOPS_NOTE,
    };
  }
  const { sample, run, batch, byOperator } = flops;
  return {
    perSample: batch === undefined ? null : sample,
    perRun: run,
    batch: batch ?? null,
    unknown: null,
    operators: [...byOperator].map(([operator, one]) => ({
      operator,
      perSample: one.sample,
      perRun: one.run,
    })),
    note: FLOPS_NOTE,
  };
}

function samplingJson(found: Sampling): object {
  if ('reason' in found)
    return { usable: false, reason: found.reason, latentSize: null, distribution: null, image: null };
  const { latentSize, distribution, image } = found.description;
  return { usable: true, reason: null, latentSize, distribution, image };
}

/** The same as one JSON object, whose escapes make it harmless to a terminal too. */
export function inspectionJson({ file, bytes, sha256, summary, sampling: found }: Inspection): string {
  const { initialisers, operators, metadata, flops, ...rest } = summary;
  const types = [...initialisers].map(([type, { float, ...totals }]) => ({ type, float, ...totals }));
  const all = {
    file,
    bytes,
    sha256,
    ...rest,
    initialisers: types,
    nodes: [...operators.values()].reduce((a, b) => a + b, 0),
    operators: [...operators].map(([operator, nodes]) => ({ operator, nodes })),
    flops: flopsJson(flops),
    metadata: Object.fromEntries(metadata),
    generator: samplingJson(found),
  };
  return `${JSON.stringify(all, undefined, 2).replace(/[^\P{C}\n]/gu, jsonEscape)}\n`;
}
