/** Verdicts on what Python trained: its distance from what this project's engines did, against fixed tolerances. */

import {
  allTensorNames,
  compareElements,
  compareScalars,
  compareTensors,
  movement,
  tensorNames,
} from './compare.mjs';

/** Of a tensor: the norm of the difference by the tensor's norm. Of a scalar: the difference by the scalar. */
const RELATIVE = { scalars: 1e-4, state: 1e-3, rounding: 1e-6 };
/** Between images, which are in [-1, 1]. */
const ABSOLUTE = 1e-5;

function judge(report, what, { value, of, count }, tolerance, more = '') {
  const summary = `compared=${count}${more} worst=${value.toExponential(1)} (${of}) tolerance=${tolerance.toExponential()}`;
  report.judge(count > 0 && value <= tolerance, what, summary);
}

/** Losses, D(x) and D(G(z)): one object of them for each step. */
export function judgeScalars(report, what, actual, expected) {
  judge(report, what, compareScalars(actual, expected), RELATIVE.scalars);
}

export function judgeImages(report, what, actual, expected) {
  judge(report, what, compareElements(actual, expected), ABSOLUTE);
}

/** Says how many tensors of a part are not compared, and why. */
function leftOut({ noise }) {
  return noise.length > 0 ? ` left_out=${noise.length} (biases before batchNorm)` : '';
}

/**
 * Two states that went the same steps from `start`.
 *
 * @param parts the parts of the state that both have
 */
export function judgeStates(report, what, options, start, actual, expected, parts) {
  for (const part of parts) {
    const names = tensorNames(part, options);
    const worst = compareTensors(names.compared, actual, expected);
    judge(report, `${what}, ${part}`, worst, RELATIVE.state, leftOut(names));
  }
  const names = tensorNames('parameters', options);
  const moved = [actual, expected].map((state) => movement(names.compared, start, state));
  const worst = compareTensors(names.compared, ...moved);
  judge(report, `${what}, movement of parameters`, worst, RELATIVE.state, leftOut(names));
}

/** Updates of each network so far. */
export function judgeCounters(report, what, options, actual, expected) {
  const { compared } = tensorNames('step counters', options);
  const same = compared.every((name) => actual.get(name)[0] === expected.get(name)[0]);
  report.judge(same, what, compared.map((name) => `${name}=${actual.get(name)[0]}`).join(' '));
}

/** Two readings of one state. */
export function judgeReading(report, what, options, actual, expected) {
  judge(report, what, compareTensors(allTensorNames(options), actual, expected), RELATIVE.rounding);
}
